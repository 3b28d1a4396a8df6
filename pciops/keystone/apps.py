"""Keystone's tables as a Django app: alias and app label are one word."""

from __future__ import annotations

from django.apps import AppConfig

ALIAS = "keystone"
UNLOCK_ALIAS = "keystone_unlock"


class KeystoneConfig(AppConfig):
    name = "pciops.keystone"
    label = ALIAS

    def ready(self) -> None:
        from pciops.keystone import checks  # noqa: F401, PLC0415 (registers the system checks)
