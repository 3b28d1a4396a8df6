"""Prunes the audit log and the reports now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from pciops.audit import prune
from pciops.audit.services import AuditLogError
from pciops.lib.numbers import counted
from pciops.reports.archive import prune as reports


class Command(BaseCommand):
    help = (
        "Delete audit log rows and reports that are older than PCIOPS_TRAIL_MONTHS and "
        "PCIOPS_REPORT_MONTHS. A worker does this, unless its database login can't delete "
        "evidence (grants --ours). Then run this with the login that runs migrate."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            deleted = reports.prune(now)
            stub = prune.prune(now)
        except (AuditLogError, prune.BrokenChainError, prune.MayNotPruneError) as error:
            raise CommandError(str(error)) from None
        rows = stub.count if stub else 0
        self.stdout.write(f"Pruned {counted(rows, 'row')} and {counted(deleted, 'report')}.")
