"""List accounts from Keystone's database alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.accounts import policy, selectors
from pciops.accounts.states import BY_NAME
from pciops.accounts.verdict import as_dict, judge
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import tables

COLUMNS: Final = {
    "table": ("name", "domain_name", "states", "failed_auth_count", "failed_auth_at")
    + ("locked_until", "id"),
    "csv": ("id", "name", "domain_id", "domain_name", "email", "enabled", "states")
    + ("failed_auth_count", "failed_auth_at", "locked_until", "last_active_at", "inactive_on")
    + ("password_created_at", "password_expires_at", "exemptions"),
}
BATCH: Final = 1000


class Command(BaseCommand):
    help = "List accounts by state; needs Keystone's database and nothing else of Keystone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--state", choices=sorted(BY_NAME), help="only accounts in this state")
        parser.add_argument("--domain", default="", help="only of this domain (name or id)")
        parser.add_argument("--search", default="", help="part of name or e-mail, or an id")
        parser.add_argument("--format", choices=tables.FORMATS, default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._write(options)
        except KeystoneDatabaseDownError as error:
            raise CommandError(f"Keystone's database does not answer: {error}") from None

    def _write(self, options: dict[str, Any]) -> None:
        query = selectors.Query(
            state=BY_NAME.get(options["state"] or ""),
            domain_id=_domain_id(options["domain"]),
            text=options["search"],
        )
        rows = _rows(query, timezone.now())
        out = self.stdout
        out.ending = ""  # the writers end their own lines
        if options["format"] == "json":
            tables.write_json(out, "accounts", rows)
        elif options["format"] == "csv":
            tables.write_csv(out, COLUMNS["csv"], rows)
        else:
            number = tables.write_table(out, COLUMNS["table"], rows)
            self.stderr.write(f"{number} account{'' if number == 1 else 's'}")


def _rows(query: selectors.Query, now: datetime) -> Iterator[dict[str, Any]]:
    """All pages, one in memory at a time."""
    rules, marker = policy.current(), ""
    while True:
        page = selectors.page(query, scope=None, policy=rules, now=now, marker=marker, limit=BATCH)
        yield from (as_dict(judge(account, rules, now)) for account in page.accounts)
        marker = page.next
        if not marker:
            return


def _domain_id(text: str) -> str:
    """The id of a domain given by name or id.

    Raises:
        CommandError: exit code 2, with the names that there are.
    """
    if not text:
        return ""
    domains = selectors.domains(scope=None)
    for domain in domains:
        if text in {domain.id, domain.name}:
            return domain.id
    names = ", ".join(domain.name for domain in domains)
    raise CommandError(f"--domain: there is no domain {text!r}; there are {names}", returncode=2)
