"""This package as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ReportsConfig(AppConfig):
    name = "pciops.reports"

    def ready(self) -> None:
        from pciops.reports.archive import triggers  # noqa: PLC0415 (it needs the models)

        post_migrate.connect(triggers.install, sender=self)
