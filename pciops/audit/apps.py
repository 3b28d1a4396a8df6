"""This package as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "pciops.audit"

    def ready(self) -> None:
        from pciops.audit import triggers  # noqa: PLC0415 (it needs the models)

        post_migrate.connect(triggers.install, sender=self)
