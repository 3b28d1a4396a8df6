"""The helpers as a Django app: they have a table and a check."""

from __future__ import annotations

from django.apps import AppConfig


class LibConfig(AppConfig):
    name = "pciops.lib"

    def ready(self) -> None:
        from pciops.lib import checks  # noqa: F401, PLC0415 (registers the system checks)
