"""Sign-in as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class SigninConfig(AppConfig):
    name = "pciops.signin"
