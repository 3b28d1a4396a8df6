"""Check an installation, and say for each problem what to do."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from pciops.lib import doctor, times
from pciops.lib.doctor import CheckLevel, CheckResult
from pciops.lib.logs import escape


class Command(BaseCommand):
    help = (
        "Check connections, grants, Keystone's tables, clocks, policy files, the census, the "
        "broker, files and settings. Exit code 1 where there is a problem."
    )
    requires_system_checks = ()  # one of its own checks says what they say

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=("table", "json"), default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        now, findings = timezone.now(), doctor.run(by_command=True)
        if options["format"] == "json":
            rows = [_row(finding) for finding in findings]
            body = {"checked_at": times.iso(now), "findings": rows}
            self.stdout.write(json.dumps(body, indent=2))
        else:
            self.stdout.write("\n".join(_lines(findings)))
        self.stderr.write(doctor.summary(findings))
        if doctor.worst(findings) is CheckLevel.PROBLEM:
            sys.exit(1)


def _row(finding: CheckResult) -> dict[str, str]:
    return {
        "check": finding.check,
        "level": finding.level,
        "finding": finding.sentence,
        "remedy": finding.remedy,
    }


def _lines(findings: list[CheckResult]) -> list[str]:
    """A table, in which what to do has a line of its own: sentences are too long for a column."""
    width = max(len(finding.check) for finding in findings)
    lines = []
    for it in findings:
        lines.append(f"{it.level:<7}  {it.check:<{width}}  {escape(it.sentence)}")
        if it.remedy:
            lines.append(f"{'':<7}  {'':<{width}}  → {escape(it.remedy)}")
    return lines
