"""Settle acts that a crash has left pending."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from pciops.accounts.policy import policy
from pciops.actions import recovery
from pciops.audit.services import AuditLogError
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib.numbers import counted


class Command(BaseCommand):
    help = (
        "Settle actions in the audit log that started more than a minute ago and have no "
        "outcome, by what Keystone's database shows. The site also does this when it starts."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            settled = recovery.settle_pending(policy=policy.current(), now=timezone.now())
        except KeystoneDatabaseDownError as error:
            raise CommandError(f"Keystone's database does not answer: {error}") from None
        except AuditLogError as error:
            raise CommandError(str(error)) from None
        for event in settled:
            self.stdout.write(
                f"{event.action} of {event.affected}: {event.outcome}, {event.remark}"
            )
        self.stdout.write(f"{counted(len(settled), 'act')} settled")
