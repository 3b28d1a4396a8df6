"""The sign-in form."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings


class SignInForm(forms.Form):
    """Name, password and domain, as Keystone's v3 password method takes them."""

    name = forms.CharField(
        label="User name",
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label="Password",
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    domain = forms.CharField(label="Domain", max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["domain"].initial = settings.SIGNIN_DOMAIN_NAME
