"""The forms of the pages."""

from __future__ import annotations

from typing import Any

from django import forms

from pciops.accounts.account import Failures
from pciops.actions.unlock import ReasonError, checked_reason
from pciops.audit.models import Event


class ReasonForm(forms.Form):
    """Why, and how the person's identity was confirmed."""

    reason = forms.CharField(
        label="Reason",
        required=False,  # checked_reason says what is wrong with none
        widget=forms.Textarea(attrs={"rows": 2, "aria-required": "true"}),
    )
    identity = forms.ChoiceField(
        label="How was the identity confirmed?",
        choices=[("", "Choose…"), *Event.Identity.for_operators()],
        error_messages={"required": "Identity: choose how it was confirmed (PCI DSS 8.3.4)."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("reason", "identity"):
            self.fields[name].widget.attrs["aria-describedby"] = f"{name}-help"

    def clean_reason(self) -> str:
        """By the rule of the act itself."""
        try:
            return checked_reason(self.cleaned_data["reason"])
        except ReasonError as error:
            raise forms.ValidationError(f"Reason: {error}") from None


class UnlockForm(ReasonForm):
    """That of one account, with what the operator saw."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def clean_seen(self) -> Failures:
        """The failures that the operator looked at."""
        try:
            return Failures.parse(self.cleaned_data["seen"])
        except ValueError:
            raise forms.ValidationError("Open the form again from the account page.") from None
