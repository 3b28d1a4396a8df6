"""This package as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ReportsConfig(AppConfig):
    name = "pciops.reports"

    def ready(self) -> None:
        from pciops.audit import chain  # noqa: PLC0415 (it needs the models)
        from pciops.reports.archive import triggers, verify  # noqa: PLC0415 (the same)

        if verify.chain_problem not in chain.OTHER_EVIDENCE:
            chain.OTHER_EVIDENCE.append(verify.chain_problem)
        post_migrate.connect(triggers.install, sender=self)
