"""The forms of the pages."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, cast

from django import forms

from pciops.accounts.verdict import SigninVerdict
from pciops.actions.act import Act
from pciops.actions.exempting import MEANINGS
from pciops.actions.inputs import (
    InputError,
    ReasonError,
    checked_end,
    checked_owner,
    checked_reason,
)
from pciops.audit.models import Event


class ReasonForm(forms.Form):
    """Why, and how the person's identity was confirmed."""

    reason = forms.CharField(
        label="Reason",
        required=False,  # checked_reason says what is wrong with none
        help_text="Ticket and cause; it stays in the trail.",
        widget=forms.Textarea(attrs={"rows": 2, "aria-required": "true"}),
    )
    identity = forms.ChoiceField(
        label="How was the identity confirmed?",
        choices=[("", "Choose…"), *Event.Identity.for_operators()],
        help_text="PCI DSS 8.3.4",
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


class ActForm(ReasonForm):
    """That of one act on one account, with what the operator saw."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    option = forms.ChoiceField(
        label="Exemption",
        error_messages={"required": "Exemption: choose one."},
    )
    owner = forms.CharField(label="Owner", required=False, help_text="A person or a team.")
    ends_on = forms.CharField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="In UTC.",
    )

    field_order = ("option", "owner", "ends_on", "reason", "identity")

    def __init__(self, act: Act, verdict: SigninVerdict, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.act, self.verdict = act, verdict
        for name in ("option", "owner", "ends_on", "reason", "identity"):
            if name not in act.asks:
                del self.fields[name]
                continue
            self.fields[name].widget.attrs["aria-describedby"] = f"{name}-help"
        if "option" in act.asks:
            choices = [(name, f"{name}: {MEANINGS[name]}") for name in act.options(verdict)]
            empty = [("", "Choose…")] if len(choices) > 1 else []
            cast("forms.ChoiceField", self.fields["option"]).choices = [*empty, *choices]
        if "ends_on" in act.asks:
            tomorrow = verdict.now.date() + timedelta(days=1)
            self.fields["ends_on"].widget.attrs["min"] = tomorrow.isoformat()

    def clean_seen(self) -> str:
        """What the operator looked at."""
        try:
            return self.act.parse_seen(self.cleaned_data["seen"])
        except ValueError:
            raise forms.ValidationError("Open the form again from the account page.") from None

    def clean_owner(self) -> str:
        """By the rule of the act itself."""
        try:
            return checked_owner(self.cleaned_data["owner"])
        except InputError as error:
            raise forms.ValidationError(f"Owner: {error}") from None

    def clean_ends_on(self) -> date:
        """By the rule of the act itself."""
        try:
            return checked_end(self.cleaned_data["ends_on"], self.verdict.now)
        except InputError as error:
            raise forms.ValidationError(f"Last day: {error}") from None

    @property
    def inputs(self) -> dict[str, Any]:
        """What an order takes from a valid form."""
        return {"identity": "", **self.cleaned_data}


class SignOffForm(forms.Form):
    """That somebody acknowledges a report, with which one they have seen."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    remark = forms.CharField(
        label="Remark",
        required=False,
        max_length=1000,
        help_text="What was looked at, and what follows; it stays in the trail.",
        widget=forms.Textarea(attrs={"rows": 3, "aria-describedby": "remark-help"}),
        error_messages={"max_length": "Remark: at most 1,000 characters."},
    )
