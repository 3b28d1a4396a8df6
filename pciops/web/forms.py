"""The forms of the pages."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final, cast

from django import forms
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

from pciops.accounts.verdict import SigninVerdict
from pciops.actions.act import Act
from pciops.actions.authority import Authority
from pciops.actions.exempting import MEANINGS
from pciops.actions.inputs import (
    InputError,
    checked_end,
    checked_owner,
    checked_reason,
    latest_end,
)
from pciops.audit.models import Event

# Labels of the confirmation beyond the limit: of who may unlock, and of others.
BEYOND_LIMIT: Final = "Unlock beyond the limit; an alert is sent"
ASK: Final = "Ask a second operator to confirm the unlock"


class NoFiles(FileUploadHandler):
    """Refuses a file before it is read, into memory or a temporary file: no form takes any."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        raise RequestDataTooBig("No form takes a file.")


def _stale(sentence: str) -> dict[str, str]:
    """Return the messages of a hidden field: whatever is wrong, only a fresh form helps."""
    return dict.fromkeys(("required", "invalid", "min_value", "max_length"), sentence)


class _WithReasonForm(forms.Form):
    """A form with the reason of an act."""

    reason = forms.CharField(
        label="Reason",
        required=False,  # checked_reason explains an empty one
        help_text="Ticket number or cause. Saved in the audit log.",
        widget=forms.Textarea(attrs={"rows": 2, "aria-required": "true"}),
    )

    beyond_limit = forms.BooleanField(required=False)

    def __init__(
        self, *args: Any, excess: str = "", authority: Authority | None = None, **kwargs: Any
    ) -> None:
        """Ask for `beyond_limit` only if an unlock would exceed a limit.

        Args:
            excess: the sentence about the limit; "" if it is not reached.
            authority: of the operator; it decides what the answer means.
        """
        super().__init__(*args, **kwargs)
        if settings.TICKET_PATTERN:
            ticket = settings.TICKET_PATTERN.pattern
            hint = f"Ticket ({ticket}) and cause. Saved in the audit log."
            self.fields["reason"].help_text = hint
        if not excess or authority is None:
            del self.fields["beyond_limit"]
        else:
            by_oneself = authority.administers_cloud
            self.fields["beyond_limit"].label = BEYOND_LIMIT if by_oneself else ASK
            self.fields["beyond_limit"].help_text = excess

    def clean_reason(self) -> str:
        try:
            return checked_reason(self.cleaned_data["reason"])
        except InputError as error:
            raise forms.ValidationError(str(error)) from None


class AcknowledgeForm(_WithReasonForm):
    """The acknowledgement of the failed integrity check that was shown."""

    seen = forms.IntegerField(
        widget=forms.HiddenInput,
        min_value=1,
        error_messages=_stale("Open the form again from the audit log."),
    )


class ReasonForm(_WithReasonForm):
    """The reason of an act, and how the person's identity was confirmed."""

    identity = forms.ChoiceField(
        label="How did you confirm the identity?",
        choices=Event.Identity.for_operators(),
        help_text="PCI DSS 8.3.4",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose how you confirmed the identity."},
    )


class ActForm(ReasonForm):
    """The inputs of one act on one account, with its precondition."""

    seen = forms.CharField(
        widget=forms.HiddenInput,
        max_length=64,
        error_messages=_stale("Open the form again from the account page."),
    )
    option = forms.ChoiceField(
        label="Exemption",
        error_messages={"required": "Choose an exemption."},
    )
    owner = forms.CharField(label="Owner", required=False, help_text="A person or a team.")
    ends_on = forms.CharField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="In UTC.",
    )

    field_order = ("option", "owner", "ends_on", "reason", "identity", "beyond_limit")

    def __init__(
        self, act: Act, verdict: SigninVerdict, *args: Any, excess: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, excess=excess if "beyond_limit" in act.asks else "", **kwargs)
        self.act, self.verdict = act, verdict
        for name in set(self.fields) - {"seen", *act.asks}:
            del self.fields[name]
        if "option" in act.asks:
            choices = [(name, f"{name}: {MEANINGS[name]}") for name in act.options(verdict)]
            empty = [("", "Choose an exemption")] if len(choices) > 1 else []
            cast("forms.ChoiceField", self.fields["option"]).choices = [*empty, *choices]
        self.visible_fields()[0].field.widget.attrs["autofocus"] = True
        if "ends_on" in act.asks:
            tomorrow = verdict.now.date() + timedelta(days=1)
            latest = latest_end(verdict.now)
            self.fields["ends_on"].widget.attrs |= {
                "min": tomorrow.isoformat(),
                "max": latest.isoformat(),
            }
            self.fields["ends_on"].help_text = f"In UTC, until {latest}."

    def clean_seen(self) -> str:
        try:
            return self.act.parse_precondition(self.cleaned_data["seen"])
        except ValueError:
            raise forms.ValidationError(self.fields["seen"].error_messages["invalid"]) from None

    def clean_owner(self) -> str:
        try:
            return checked_owner(self.cleaned_data["owner"])
        except InputError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_ends_on(self) -> date:
        try:
            return checked_end(self.cleaned_data["ends_on"], self.verdict.now)
        except InputError as error:
            raise forms.ValidationError(str(error)) from None

    @property
    def inputs(self) -> dict[str, Any]:
        """Return the fields of an ActRequest from a valid form."""
        inputs = dict(self.cleaned_data)
        return {"precondition": inputs.pop("seen"), **inputs}


class SignOffForm(forms.Form):
    """A sign-off of a report, with the hash of the report that was shown."""

    seen = forms.CharField(
        widget=forms.HiddenInput,
        max_length=64,
        error_messages=_stale("Open the form again from the report."),
    )
    remark = forms.CharField(
        label="Remark",
        required=False,
        max_length=1000,
        help_text="What you reviewed, and what follows. Saved in the audit log.",
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": "Enter at most 1,000 characters."},
    )
