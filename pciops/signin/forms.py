"""The forms of the sign-in pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings


class SignInForm(forms.Form):
    """The inputs of Keystone's v3 password method."""

    name = forms.CharField(
        label="User name",
        max_length=255,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
        error_messages={"required": "Enter your user name."},
    )
    password = forms.CharField(
        label="Password",
        max_length=1024,
        strip=False,
        error_messages={"required": "Enter your password."},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    domain = forms.CharField(
        label="Domain", max_length=64, error_messages={"required": "Enter your domain."}
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["domain"].initial = settings.SIGNIN_DOMAIN_NAME


class OneTimeCode(forms.TextInput):
    """A text input that is never filled in: a refused code is of no use."""

    def format_value(self, value: Any) -> None:
        return None


class CodeForm(forms.Form):
    """The input of Keystone's v3 totp method: a code of six digits."""

    passcode = forms.CharField(
        label="Code",
        max_length=16,
        error_messages={"required": "Enter the code."},
        widget=OneTimeCode(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
        ),
    )

    def clean_passcode(self) -> str:
        """Remove the space that devices show in the middle."""
        code = "".join(str(self.cleaned_data["passcode"]).split())
        if not (len(code) == 6 and code.isascii() and code.isdigit()):
            raise forms.ValidationError("Enter the six digits of the code.")
        return code


class NewPasswordForm(forms.Form):
    """A change of password by its owner. Only Keystone knows its rules."""

    current = forms.CharField(
        label="Current password",
        max_length=1024,
        strip=False,
        error_messages={"required": "Enter your current password."},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    new = forms.CharField(
        label="New password",
        max_length=1024,
        strip=False,
        error_messages={"required": "Enter a new password."},
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="New password again",
        max_length=1024,
        strip=False,
        error_messages={"required": "Enter the new password again."},
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "new" in cleaned and "again" in cleaned and cleaned["new"] != cleaned["again"]:
            self.add_error("again", "Enter the same new password twice.")
        return cleaned
