"""The week that a report is about: ISO 8601, Monday to Sunday, in the zone of the site."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Min

from pciops.accounts.models import Census
from pciops.audit.models import Event

_WORDS: Final = re.compile(r"(\d{4})-W(\d{2})")
FORM: Final = "2026-W47"


class WeekError(ValueError):
    """A week of which there is no report; the text names those of which there can be one."""


@dataclass(frozen=True, order=True)
class Week:
    """A week by the year and number that ISO 8601 gives it."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-W{self.number:02}"

    @classmethod
    def of(cls, instant: datetime) -> Week:
        """The week in which the instant lies."""
        year, number, _ = instant.astimezone(zone()).isocalendar()
        return cls(year, number)

    @property
    def begins(self) -> datetime:
        """Monday, 00:00."""
        return _midnight(datetime.fromisocalendar(self.year, self.number, 1))

    @property
    def ends(self) -> datetime:
        """The Monday after it, 00:00, which is not in it any more."""
        monday = datetime.fromisocalendar(self.year, self.number, 1)
        return _midnight(monday + timedelta(days=7))

    @property
    def before(self) -> Week:
        """The week before."""
        return Week.of(self.begins - timedelta(hours=1))

    @property
    def after(self) -> Week:
        """The week after."""
        return Week.of(self.ends)


def zone() -> ZoneInfo:
    """The zone in which weeks begin."""
    return settings.SITE_ZONE


def last_ended(now: datetime) -> Week:
    """The newest week that is over."""
    return Week.of(now).before


def first() -> Week | None:
    """The week of the first data that is ours: a census, or a row of the trail."""
    begins = [
        Census.objects.aggregate(first=Min("counted_at"))["first"],
        Event.objects.aggregate(first=Min("event_time"))["first"],
    ]
    found = [begun for begun in begins if begun is not None]
    return Week.of(min(found)) if found else None


def parse(words: str, *, now: datetime, unfinished: bool = False) -> Week:
    """The week of these words, of which a report can be built.

    Args:
        unfinished: whether the current week will do too.

    Raises:
        WeekError
    """
    known, last = first(), Week.of(now) if unfinished else last_ended(now)
    week = _parsed(words)
    if week is None:
        raise WeekError(f"{words[:20]!r} is no week; {FORM} is. {_range(known, last)}")
    if week > last:
        raise WeekError(f"{week} is not over yet. {_range(known, last)}")
    if known is None or week < known:
        raise WeekError(f"pciops has no data of {week}. {_range(known, last)}")
    return week


def _parsed(words: str) -> Week | None:
    found = _WORDS.fullmatch(words) if words.isascii() else None
    if found is None:
        return None
    week = Week(int(found[1]), int(found[2]))
    try:
        _ = week.begins, week.ends
    except (ValueError, OverflowError):
        return None
    return week


def _range(known: Week | None, last: Week) -> str:
    if known is None or known > last:
        monday = last.after.ends if known is None else known.ends
        return (
            "There is no whole week with data yet: the first report can be built on "
            f"{monday.astimezone(zone()):%Y-%m-%d}."
        )
    return f"There can be reports from {known} to {last}."


def _midnight(day: datetime) -> datetime:
    return datetime.combine(day.date(), time(), zone()).astimezone(UTC)
