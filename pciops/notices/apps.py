"""Notices as a Django app; rules that make no sense stop the start."""

from __future__ import annotations

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "pciops.notices"

    def ready(self) -> None:
        from pciops.notices import checks, rules  # noqa: F401, PLC0415 (it needs the models)

        rules.current()
