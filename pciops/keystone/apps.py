"""Keystone's tables as a Django app, with a system check of its settings."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from pciops.keystone import ALIAS, narrow


class KeystoneConfig(AppConfig):
    name = "pciops.keystone"
    label = ALIAS

    def ready(self) -> None:
        register(keystone_is_configured)
        narrow.connect()


def keystone_is_configured(**_: Any) -> list[CheckMessage]:
    """Check that Keystone's database and API are both set."""
    errors: list[CheckMessage] = []
    if settings.DATABASES[ALIAS]["ENGINE"] == "django.db.backends.dummy":
        hint = "Example: PCIOPS_KEYSTONE_DATABASE_URL=mysql://pciops:secret@db.example/keystone"
        errors.append(Error("PCIOPS_KEYSTONE_DATABASE_URL is not set.", hint, id="pciops.E001"))
    if not settings.OS_AUTH_URL:
        hint = "Example: OS_AUTH_URL=https://keystone.example:5000/v3"
        errors.append(Error("OS_AUTH_URL is not set.", hint, id="pciops.E002"))
    return errors
