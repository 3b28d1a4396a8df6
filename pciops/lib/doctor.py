"""Checks of an installation that is running: each package brings its own in a module `doctor`.

    @check("clocks", after="database")
    def clocks() -> Iterator[Finding]:
        yield ok("The clocks agree.")

What only the settings say is Django's business: `manage.py check`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.utils.module_loading import autodiscover_modules

log = logging.getLogger(__name__)

TIMEOUT: Final = 5  # seconds that a check waits for whatever it asks


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check found, in a sentence, and what to do about it. Neither holds a secret."""

    level: Level
    sentence: str
    remedy: str = ""
    check: str = ""  # set by `run`


def ok(sentence: str) -> Finding:
    return Finding(level=Level.OK, sentence=sentence)


def warning(sentence: str, remedy: str) -> Finding:
    return Finding(level=Level.WARNING, sentence=sentence, remedy=remedy)


def problem(sentence: str, remedy: str) -> Finding:
    return Finding(level=Level.PROBLEM, sentence=sentence, remedy=remedy)


@dataclass(frozen=True, kw_only=True)
class _Check:
    run: Callable[[], Iterable[Finding]]
    after: str
    by_command: bool


_checks: dict[str, _Check] = {}  # by name, in the order in which they registered


def check(
    name: str, *, after: str = "", by_command: bool = False
) -> Callable[[Callable[[], Iterable[Finding]]], Callable[[], Iterable[Finding]]]:
    """Register a check.

    Args:
        after: another one; where that has a problem, this one is not tried.
        by_command: it is about whoever runs the command; a page that is loaded does not try it.
    """

    def register(
        function: Callable[[], Iterable[Finding]],
    ) -> Callable[[], Iterable[Finding]]:
        _checks[name] = _Check(run=function, after=after, by_command=by_command)
        return function

    return register


def run(*, by_command: bool = False) -> list[Finding]:
    """The findings of all checks. A check that fails over something is a problem by itself.

    Args:
        by_command: with those that are about whoever runs the command.
    """
    from pciops.lib import installation  # noqa: F401, PLC0415 (our own checks come first)

    autodiscover_modules("doctor")
    findings: list[Finding] = []
    ill: set[str] = set()
    for name, it in _checks.items():
        if it.by_command and not by_command:
            continue
        if it.after in ill:
            ill.add(name)
            continue
        found = list(_tried(name, it))
        if any(finding.level is Level.PROBLEM for finding in found):
            ill.add(name)
        findings += [
            Finding(
                level=finding.level, sentence=finding.sentence, remedy=finding.remedy, check=name
            )
            for finding in found
        ]
    return findings


def worst(findings: Iterable[Finding]) -> Level:
    """The level of all of them together."""
    levels = {finding.level for finding in findings}
    return next((it for it in (Level.PROBLEM, Level.WARNING) if it in levels), Level.OK)


def summary(findings: Iterable[Finding]) -> str:
    """`2 problems, 1 warning, 9 in order`."""
    numbers = Counter(finding.level for finding in findings)
    said = [
        f"{numbers[level]} {level}{'' if numbers[level] == 1 else 's'}"
        for level in (Level.PROBLEM, Level.WARNING)
        if numbers[level]
    ]
    return ", ".join([*said, f"{numbers[Level.OK]} in order"])


def _tried(name: str, it: _Check) -> Iterable[Finding]:
    try:
        return list(it.run())
    except Exception as error:  # the other checks have to be made
        log.exception("the check %r failed", name)
        reason = f"The check failed: {type(error).__name__}."
        return [problem(reason, "This is a fault of pciops; the log has it in full.")]
