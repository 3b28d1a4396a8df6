"""The compliance report of a week: build, store and write it, or verify all stored reports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.audit.services import AuditLogError, operating_system_user
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib.numbers import counted
from pciops.reports import schedule, weeks
from pciops.reports.archive import store, verify
from pciops.reports.build import DomainError, build, domain_of
from pciops.reports.models import StoredReport
from pciops.reports.render.formats import FORMATS, content_of
from pciops.reports.render.text import ReportContent
from pciops.reports.sources import CloudSources
from pciops.reports.weeks import WeekError


class Command(BaseCommand):
    help = (
        "Write the compliance report of a week. The first time it is built and stored; later the "
        "stored report is written. The current week gives a preview, which is not stored."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--week", default="", help=("such as 2026-W47; default: the last week that ended")
        )
        parser.add_argument("--domain", default="", help="ID or name of a domain")
        parser.add_argument("--format", choices=FORMATS, default="html")
        parser.add_argument(
            "--output", metavar="F", type=Path, help=("a file; default: standard output")
        )
        parser.add_argument(
            "--again", action="store_true", help="build it again, as another revision"
        )
        parser.add_argument(
            "--verify", action="store_true", help="verify all stored reports, and write none"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verify"]:
            self._verify()
            return
        format_, now = FORMATS[options["format"]], timezone.now()
        try:
            week = weeks.parse(
                options["week"] or str(weeks.last_ended(now)), now=now, unfinished=True
            )
            domain = domain_of(options["domain"])
        except (WeekError, DomainError) as error:
            raise CommandError(str(error), returncode=2) from None
        except KeystoneDatabaseDownError as error:
            raise CommandError(f"Keystone's database does not answer: {error}") from None
        cloud = CloudSources(now=now)
        with ExitStack() as stack:
            try:
                if week > weeks.last_ended(now):
                    built = stack.enter_context(build(week, domain, cloud=cloud))
                    blocks = format_.blocks(
                        ReportContent(report=built.report, rows=built.tables.rows)
                    )
                    outcome = f"Preview of {week}: the week has not ended, so nothing is stored."
                else:
                    before = store.newest(str(week), domain.id)
                    stored = schedule.build_and_store(
                        week,
                        domain,
                        cloud=cloud,
                        initiator=operating_system_user(),
                        again=options["again"],
                    )
                    blocks = format_.blocks(content_of(stored))
                    outcome = _outcome(stored, before)
            except KeystoneDatabaseDownError as error:
                raise CommandError(
                    f"Keystone's database does not answer: {error}. Nothing was stored."
                ) from None
            except AuditLogError as error:
                raise CommandError(str(error)) from None
            self._write(blocks, options["output"])
        self.stderr.write(outcome)

    def _write(self, blocks: Iterator[bytes], path: Path | None) -> None:
        if path is None:
            _copy(blocks, sys.stdout.buffer)
            return
        try:
            with path.open("wb") as file:
                _copy(blocks, file)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None

    def _verify(self) -> None:
        check = verify.verify()
        if check.problem:
            raise CommandError(f"Verification of the reports failed. {check.problem}.")
        self.stdout.write(f"{counted(check.reports, 'report')} verified")
        if check.unproven:
            self.stdout.write(
                f"{counted(check.unproven, 'report')} without proof, because the audit log has "
                "been pruned since"
            )


def _copy(blocks: Iterator[bytes], file: BinaryIO) -> None:
    for block in blocks:
        file.write(block)
    file.flush()


def _outcome(stored: StoredReport, before: StoredReport | None) -> str:
    how = "Stored before" if stored == before else "Built and stored"
    return f"{how}: {stored}, SHA-256 {stored.hash}"
