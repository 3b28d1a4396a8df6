"""Unlock accounts on the worst day: with Keystone's database, and nothing else of Keystone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.accounts.account import Account
from pciops.accounts.policy import policy
from pciops.accounts.verdict import judge
from pciops.actions.bulk import Choice, Outcome, Result, unlock_all
from pciops.actions.inputs import ReasonError, checked_reason
from pciops.actions.unlock import UNLOCK
from pciops.audit.models import Event
from pciops.signin import commands
from pciops.signin.commands import Doer


class Command(BaseCommand):
    help = (
        "Unlock accounts: set failed_auth_count to 0 and failed_auth_at to NULL. The trail has a "
        "row for each and names the operating-system user, or whom OS_CLOUD or OS_* sign in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        commands.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            reason = checked_reason(options["reason"])
        except ReasonError as error:
            raise CommandError(f"--reason: {error}", returncode=2) from None
        now, rules = timezone.now(), policy.current()
        doer = commands.doer(without_keystone=options["without_keystone"])
        doer.require(UNLOCK.needs, "unlock")
        accounts = commands.find_all(options["accounts"], options["domain"], scope=doer.scope)
        if options["dry_run"]:
            for account in accounts:
                verdict = judge(account, rules, now)
                would = "would be unlocked" if verdict.locked else "would stay as it is"
                name = f"{account.name} ({account.domain_name})"
                self.stdout.write(f"{name} {would}. {verdict.sentence}")
            return
        results = unlock_all(
            _choices(accounts, doer),
            policy=rules,
            initiator=doer.initiator,
            reason=reason,
            identity=Event.Identity(options["identity"]),
            now=now,
        )
        self._say(accounts, results)

    def _say(self, accounts: list[Account], results: Iterable[Result]) -> None:
        """Each result as it comes.

        Raises:
            CommandError: not all were unlocked.
        """
        unlocked = 0
        for account, result in zip(accounts, results, strict=True):
            name = f"{account.name} ({account.domain_name})"
            if result.outcome is Outcome.UNLOCKED:
                unlocked += 1
                self.stdout.write(
                    f"{name} is unlocked; {account.failed_auth_count} failures cleared."
                )
                self.stdout.write(f"Trail: {result.event_id}")
            elif len(accounts) == 1:
                raise CommandError(result.sentence)
            else:
                self.stderr.write(f"{name}: {result.sentence or 'not tried.'}")
        if len(accounts) > 1:
            self.stdout.write(f"{unlocked} of {len(accounts)} accounts unlocked.")
        if unlocked < len(accounts):
            raise CommandError(f"{len(accounts) - unlocked} not unlocked.")


def _choices(accounts: list[Account], doer: Doer) -> Iterator[Choice]:
    for account in accounts:
        doer.confirm()
        yield Choice(account=account, seen=account.failures)
