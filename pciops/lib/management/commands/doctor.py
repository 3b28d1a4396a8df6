"""Runs the checks of the doctor, and prints each result with its remedy."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from pciops.lib import doctor
from pciops.lib.doctor import CheckLevel, CheckResult
from pciops.lib.logs import escape


class Command(BaseCommand):
    help = (
        "Check connections, grants, Keystone's tables, clocks, policy files, the census, the "
        "broker, files, and settings. The exit code is 1 if there is a problem."
    )
    requires_system_checks = ()  # the doctor runs them itself

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=("table", "json"), default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        results = doctor.run(by_command=True)
        if options["format"] == "json":
            self.stdout.write(json.dumps(doctor.as_dict(results, timezone.now()), indent=2))
        else:
            self.stdout.write("\n".join(_lines(results)))
        self.stderr.write(doctor.summary(results))
        if doctor.worst(results) is CheckLevel.PROBLEM:
            sys.exit(1)


def _lines(results: list[CheckResult]) -> list[str]:
    """Return a table with each remedy in a line of its own, because sentences are long."""
    width = max(len(result.check) for result in results)
    lines = []
    for result in results:
        sentence, remedy = escape(result.sentence), escape(result.remedy)
        lines.append(f"{result.level:<7}  {result.check:<{width}}  {sentence}")
        if remedy:
            lines.append(f"{'':<7}  {'':<{width}}  → {remedy}")
    return lines
