"""Lists accounts from Keystone's database, without its API."""

from __future__ import annotations

from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.accounts import exports, filters, selectors
from pciops.accounts.policy import policy
from pciops.accounts.privileged import BY_NAME as KINDS
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import BY_NAME
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import tables
from pciops.lib.numbers import counted

TABLE: Final = (
    *("name", "domain_name", "states", "failed_auth_count", "failed_auth_at"),
    *("locked_until", "id"),
)


class Command(BaseCommand):
    help = "List accounts by state. Needs only Keystone's database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--state", choices=sorted(BY_NAME), help="only accounts in this state")
        parser.add_argument("--kind", choices=sorted(KINDS), help="only accounts of this kind")
        parser.add_argument(
            "--machine", choices=filters.MACHINE, help="yes: only machines; no: only people"
        )
        parser.add_argument(
            "--domain", default="", help="only accounts of this domain (name or ID)"
        )
        parser.add_argument(
            "--search", default="", help="part of a name or email address, or an ID"
        )
        parser.add_argument(
            "--match",
            choices=filters.MATCH,
            default="contains",
            help="begins: only names that begin with the text of --search, or its ID; much faster",
        )
        parser.add_argument(
            "--sort",
            default="",
            help="failed (newest failure first), privileged (for locked), date (for expiring and "
            "inactive_soon), or name",
        )
        parser.add_argument("--format", choices=tables.FORMATS, default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._write(options)
        except KeystoneDatabaseDownError as error:
            raise CommandError(f"Keystone's database does not answer: {error}") from None

    def _write(self, options: dict[str, Any]) -> None:
        query = AccountQuery(
            state=BY_NAME.get(options["state"] or ""),
            kind=KINDS.get(options["kind"] or ""),
            machine=filters.MACHINE.get(options["machine"] or ""),
            domain_id=_domain_id(options["domain"]),
            text=options["search"],
            begins=filters.MATCH[options["match"]],
        )
        try:
            query = filters.sorted_by(query, options["sort"])
        except filters.FilterError as error:
            raise CommandError(f"--{error}", returncode=2) from None
        rows = exports.rows(query, scope=None, policy=policy.current(), now=timezone.now())
        out = self.stdout
        out.ending = ""  # the writers end their own lines
        if options["format"] == "json":
            out.writelines(tables.json_lines("accounts", rows))
        elif options["format"] == "csv":
            out.writelines(tables.csv_lines(exports.COLUMNS, rows))
        else:
            number = tables.write_table(out, TABLE, rows)
            self.stderr.write(counted(number, "account"))


def _domain_id(text: str) -> str:
    """Return the id of a domain given by name or id; an unknown one is a CommandError."""
    if not text:
        return ""
    domains = selectors.domains(scope=None)
    for domain in domains:
        if text in {domain.id, domain.name}:
            return domain.id
    names = ", ".join(domain.name for domain in domains)
    raise CommandError(f"--domain: {text!r} is unknown. Choose from {names}", returncode=2)
