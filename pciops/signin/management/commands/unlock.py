"""Unlock accounts with only Keystone's database, while everything else of Keystone may be down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.accounts.policy import policy
from pciops.accounts.verdict import SigninVerdict
from pciops.actions.bulk import BulkOutcome, BulkResult, perform_all
from pciops.actions.unlock import UNLOCK
from pciops.keystone import database
from pciops.signin import commands


class Command(BaseCommand):
    help = (
        "Unlock accounts: set failed_auth_count to 0 and failed_auth_at to NULL. The audit log "
        "has a row for each. It names the operating-system user, or the Keystone user of "
        "OS_CLOUD or OS_*."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        commands.add_arguments(parser)

    @database.from_primary()
    def handle(self, *args: Any, **options: Any) -> None:
        now, rules = timezone.now(), policy.current()
        inputs = commands.inputs_of(UNLOCK, options, now)
        operator = commands.operator(without_keystone=options["without_keystone"])
        operator.require(UNLOCK, "unlock")
        verdicts = commands.find_all(options, scope=operator.scope, policy=rules, now=now)
        if options["dry_run"]:
            for verdict in verdicts:
                refusal = UNLOCK.refusal(verdict, operator.authority)
                unlocks = verdict.locked and not refusal
                would = "would be unlocked" if unlocks else "would not change"
                name = f"{verdict.account.name} ({verdict.account.domain_name})"
                self.stdout.write(f"{name} {would}. {refusal or verdict.sentence}")
            return
        self._report(verdicts, perform_all(UNLOCK, operator.requests(UNLOCK, verdicts, inputs)))

    def _report(self, verdicts: list[SigninVerdict], results: Iterator[BulkResult]) -> None:
        """Write each result when it is there, or raise CommandError if not all were unlocked."""
        number, unlocked = len(verdicts), 0
        for result in results:
            account = result.account
            name = f"{account.name} ({account.domain_name})"
            if result.outcome is BulkOutcome.UNLOCKED:
                unlocked += 1
                self.stdout.write(
                    f"{name} is unlocked. {account.failed_auth_count} failed attempts cleared."
                )
                self.stdout.write(f"Audit log: {result.event_id}")
            elif number == 1:
                raise CommandError(result.sentence)
            else:
                self.stderr.write(f"{name}: {result.sentence or 'not attempted.'}")
        if number > 1:
            self.stdout.write(f"{unlocked} of {number} accounts unlocked.")
        if unlocked < number:
            raise CommandError(f"{number - unlocked} not unlocked.")
