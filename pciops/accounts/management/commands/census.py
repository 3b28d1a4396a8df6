"""Takes a census now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.accounts.census import census
from pciops.accounts.census.counting import CLOUD, EVERY, CensusTally
from pciops.accounts.policy import policy
from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import STATES
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import tables, times
from pciops.lib.numbers import counted

KINDS: Final = tuple(kind.value for kind in AccountKind)
TABLE: Final = ("state", "accounts", *KINDS)


class Command(BaseCommand):
    help = (
        "Count the accounts in each state and keep the counts. The worker does this every five "
        "minutes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, but keep nothing")
        parser.add_argument("--format", choices=("table", "json"), default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            tally = census.count(policy=policy.current(), now=now)
        except KeystoneDatabaseDownError as error:
            raise CommandError(f"Keystone's database does not answer: {error}") from None
        if not options["dry_run"]:
            census.keep(tally)
            census.thin(now)
        rows, took = list(_rows(tally)), tally.took.total_seconds()
        if options["format"] == "json":
            facts = {"counted_at": times.iso(tally.counted_at), "seconds": round(took, 3)}
            self.stdout.write(json.dumps({**facts, "states": rows}, indent=2))
        else:
            self.stdout.ending = ""  # the writer ends its own lines
            tables.write_table(self.stdout, TABLE, rows)
        number = tally.numbers.get((CLOUD, EVERY, EVERY), 0)
        self.stderr.write(
            f"{counted(number, 'account')} counted in {took:.2f} s"
            f"{'; nothing kept: --dry-run' if options['dry_run'] else ', and kept'}"
        )


def _rows(tally: CensusTally) -> Iterator[dict[str, Any]]:
    """Yield one row for each state, and one for all accounts."""
    for name, state in [*((state.name, state.name) for state in STATES), ("all", EVERY)]:
        by_kind = {kind: tally.numbers.get((CLOUD, state, kind), 0) for kind in KINDS}
        yield {"state": name, "accounts": tally.numbers.get((CLOUD, state, EVERY), 0), **by_kind}
