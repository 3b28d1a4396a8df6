"""The forms of the pages."""

from __future__ import annotations

from typing import Any

from django import forms

from pciops.accounts.account import Failures
from pciops.actions.unlock import REASON_MAX
from pciops.audit.models import Event


class UnlockForm(forms.Form):
    """Why, and how the person's identity was confirmed; with what the operator saw."""

    reason = forms.CharField(
        label="Reason",
        max_length=REASON_MAX,
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": None}),
        error_messages={"required": "Reason: say why, for whoever reads the trail."},
    )
    identity = forms.ChoiceField(
        label="How was the identity confirmed?",
        choices=[("", "Choose…"), *Event.Identity.for_operators()],
        error_messages={"required": "Identity: choose how it was confirmed (PCI DSS 8.3.4)."},
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("reason", "identity"):
            self.fields[name].widget.attrs["aria-describedby"] = f"{name}-help"

    def clean_seen(self) -> Failures:
        """The failures that the operator looked at."""
        try:
            return Failures.parse(self.cleaned_data["seen"])
        except ValueError:
            raise forms.ValidationError("Open the form again from the account page.") from None
