"""Counts the leftovers in Keystone's tables now, or prints the SQL that deletes them."""

from __future__ import annotations

import json
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.accounts import housekeeping
from pciops.accounts.leftovers import BY_NAME, NotCountedError
from pciops.accounts.models import LeftoverCount
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import tables, times
from pciops.lib.numbers import counted

TABLE: Final = ("leftover", "rows", "of", "not_counted")


class Command(BaseCommand):
    help = (
        "Count the rows that Keystone no longer needs, and keep the counts for /status/. The "
        "command deletes nothing: --sql prints the steps for a database administrator."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, but keep nothing")
        parser.add_argument("--format", choices=("table", "json"), default="table")
        parser.add_argument(
            "--sql",
            choices=sorted(BY_NAME),
            help="print the SQL for these rows, without counting",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["sql"]:
            self._print_sql(options["sql"])
            return
        try:
            counts = housekeeping.count(now)
        except KeystoneDatabaseDownError as error:
            raise CommandError(f"Keystone's database does not answer: {error}") from None
        if not options["dry_run"]:
            housekeeping.keep(counts)
        rows = [_row(count) for count in counts]
        if options["format"] == "json":
            self.stdout.write(
                json.dumps({"counted_at": times.iso(now), "leftovers": rows}, indent=2)
            )
        else:
            self.stdout.ending = ""  # the writer ends its own lines
            tables.write_table(self.stdout, TABLE, rows)
        known = [count.number for count in counts if count.number is not None]
        parts = [
            *([counted(sum(known), "leftover row")] if known else []),
            f"{counted(len(counts) - len(known), 'kind')} not counted",
            *(["nothing kept: --dry-run"] if options["dry_run"] else []),
        ]
        self.stderr.write("; ".join(parts))

    def _print_sql(self, name: str) -> None:
        limits = housekeeping.limits_at(timezone.now())
        try:
            self.stdout.write(BY_NAME[name].sql(limits), ending="")
        except NotCountedError as error:
            raise CommandError(f"{error.reason} {error.remedy}") from None


def _row(count: LeftoverCount) -> dict[str, Any]:
    return {
        "leftover": count.name,
        "rows": count.number,
        "of": count.total,
        "not_counted": f"{count.reason} {count.remedy}".strip(),
    }
