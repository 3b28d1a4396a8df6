"""Lists the dead letters: messages that could not be processed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

from pciops.events import search
from pciops.lib import tables, times

COLUMNS: Final = ("count", "first_at", "last_at", "reason", "event_type", "body")


class Command(BaseCommand):
    help = (
        "Show the notifications that could not be processed: how many, why, and the last of each "
        "kind."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=tables.FORMATS, default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.ending = ""  # the writers end their own lines
        if options["format"] == "table":
            tables.write_table(self.stdout, COLUMNS, list(_rows()))
        elif options["format"] == "csv":
            self.stdout.writelines(tables.csv_lines(COLUMNS, _rows()))
        else:
            self.stdout.writelines(tables.json_lines("messages", _rows()))


def _rows() -> Iterator[dict[str, Any]]:
    for row in search.dead_letters():
        yield {
            "count": row.count,
            "first_at": times.iso(row.first_at.replace(microsecond=0)),
            "last_at": times.iso(row.last_at.replace(microsecond=0)),
            "reason": row.reason,
            "event_type": row.event_type,
            "body": row.body,
        }
