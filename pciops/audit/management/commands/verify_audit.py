"""Verifies the chain of the audit log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.audit import anchors, chain
from pciops.audit.evidence import EvidenceKeyError
from pciops.audit.witnesses import CopyError, Witnesses
from pciops.lib.numbers import counted


class Command(BaseCommand):
    help = (
        "Verify the hash chain of the audit log against its anchors, earlier checks, and stored "
        "reports. Names what does not match (exit code 1)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since",
            type=int,
            default=0,
            metavar="POSITION",
            help="start after this row, which an earlier check has verified",
        )
        parser.add_argument(
            "--against",
            type=Path,
            metavar="FILE",
            help="compare with this file, to which a syslog server wrote the copies of the rows",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["since"] < 0:
            raise CommandError("--since: use a whole number from 1", returncode=2)
        if options["since"] > (last := chain.last_position()):
            problem = f"--since: row {options['since']} has never existed; the last row is {last}"
            raise CommandError(problem, returncode=2)
        now = timezone.now()
        try:
            witnesses = Witnesses.read(options["against"])
            check = chain.run_check(now, since=options["since"], witnesses=witnesses)
            if check.problem:
                raise CommandError(f"Audit log integrity check failed: {check.problem}.")
            if not options["since"]:
                anchors.make(check, now)
        except CopyError as error:
            raise CommandError(f"--against: {error}", returncode=2) from None
        except EvidenceKeyError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{counted(check.rows, 'row')}, head {check.hash or 'none'}")
