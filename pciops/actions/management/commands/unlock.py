"""Unlock accounts on the worst day: with Keystone's database, and nothing else of Keystone."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.accounts import policy, selectors
from pciops.accounts.account import Account
from pciops.accounts.verdict import judge
from pciops.actions.bulk import Choice, Outcome, Result, unlock_all
from pciops.actions.inputs import ReasonError, checked_reason
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.keystone.database import KeystoneDatabaseDownError


class Command(BaseCommand):
    help = (
        "Unlock accounts: set failed_auth_count to 0 and failed_auth_at to NULL. The trail has a "
        "row for each and names the operating-system user."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("accounts", metavar="NAME_OR_ID", nargs="+")
        parser.add_argument("--domain", default="", help="name or id of the accounts' domain")
        parser.add_argument("--reason", required=True, help="why, for whoever reads the trail")
        parser.add_argument(
            "--identity",
            choices=Event.Identity.values,
            default=Event.Identity.HOST,
            help="how the person's identity was confirmed (PCI DSS 8.3.4); default: %(default)s",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            reason = checked_reason(options["reason"])
        except ReasonError as error:
            raise CommandError(f"--reason: {error}", returncode=2) from None
        now, rules = timezone.now(), policy.current()
        try:
            accounts = _find_all(options["accounts"], options["domain"])
        except KeystoneDatabaseDownError as error:
            raise CommandError(f"Keystone's database does not answer: {error}") from None
        if options["dry_run"]:
            for account in accounts:
                verdict = judge(account, rules, now)
                would = "would be unlocked" if verdict.locked else "would stay as it is"
                name = f"{account.name} ({account.domain_name})"
                self.stdout.write(f"{name} {would}. {verdict.sentence}")
            return
        results = unlock_all(
            [Choice(account=account, seen=account.failures) for account in accounts],
            policy=rules,
            initiator=_initiator(),
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


def _find_all(texts: list[str], domain: str) -> list[Account]:
    """The accounts of these ids or names, each once; all are looked up before any is unlocked.

    Raises:
        CommandError: one of them is none or several.
    """
    found = (_find(text, domain) for text in texts)
    return list({account.id: account for account in found}.values())


def _find(text: str, domain: str) -> Account:
    """The one account of this id, or of this name.

    Raises:
        CommandError: none or several.
    """
    found = [account] if (account := selectors.get(text, scope=None)) else []
    if domain:
        found = [account for account in found if domain in {account.domain_id, account.domain_name}]
    found = found or selectors.named(text, domain=domain)
    if not found:
        where = f" in the domain {domain!r}" if domain else ""
        raise CommandError(f"There is no account {text!r}{where}.")
    if len(found) > 1:
        domains = ", ".join(account.domain_name for account in found)
        problem = f"--domain: {text!r} exists in {domains}; say which"
        raise CommandError(problem, returncode=2)
    return found[0]


def _initiator() -> Initiator:
    """The operating-system user; under sudo the person who called it."""
    sudo = os.environ.get("SUDO_UID", "")
    by_sudo = os.getuid() == 0 and sudo.isascii() and sudo.isdigit()
    uid = int(sudo) if by_sudo else os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):  # in a container nobody may know the number
        name = f"uid {uid}"
    return Initiator(type=Event.InitiatorType.OS, via=Event.Via.COMMAND, id=str(uid), name=name)
