"""Verifies the chain of the audit log."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.audit import chain
from pciops.lib.numbers import counted


class Command(BaseCommand):
    help = "Walk the chain of the trail and name the first row that does not fit (exit code 1)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since",
            type=int,
            default=0,
            metavar="POSITION",
            help="begin behind this row, which an earlier check has found to fit",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["since"] < 0:
            raise CommandError("--since: a position is a whole number from 1 on", returncode=2)
        check = chain.run_check(timezone.now(), since=options["since"])
        if check.problem:
            raise CommandError(f"The trail does not fit. {check.problem}.")
        self.stdout.write(f"{counted(check.rows, 'row')}, head {check.hash or 'none'}")
