"""The week of a report: ISO 8601, Monday to Sunday, in the time zone of the site."""

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

_WEEK: Final = re.compile(r"(\d{4})-W(\d{2})", re.ASCII)
EXAMPLE: Final = "2026-W47"


class WeekError(ValueError):
    """A week without a report; the text names the weeks that can have one."""


@dataclass(frozen=True, order=True)
class Week:
    """A week by the year and number of ISO 8601."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-W{self.number:02}"

    @classmethod
    def of(cls, instant: datetime) -> Week:
        """Return the week that contains a time."""
        year, number, _ = instant.astimezone(zone()).isocalendar()
        return cls(year, number)

    @property
    def begins(self) -> datetime:
        """Monday, 00:00."""
        return _midnight(datetime.fromisocalendar(self.year, self.number, 1))

    @property
    def ends(self) -> datetime:
        """The Monday after it, 00:00, which is not included."""
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
    """Return the time zone in which weeks begin."""
    return settings.SITE_ZONE


def last_ended(now: datetime) -> Week:
    """Return the newest week that is over."""
    return Week.of(now).before


def first() -> Week | None:
    """Return the week of our first data: a census, or a row of the audit log."""
    earliest = [
        Census.objects.aggregate(first=Min("counted_at"))["first"],
        Event.objects.aggregate(first=Min("event_time"))["first"],
    ]
    return min((Week.of(time) for time in earliest if time is not None), default=None)


def parse(text: str, *, now: datetime, unfinished: bool = False) -> Week:
    """Return the week with this name if a report of it can be built, or raise WeekError.

    Args:
        unfinished: accept the current week too.
    """
    earliest, last = first(), Week.of(now) if unfinished else last_ended(now)
    week = _parsed(text)
    if week is None:
        raise WeekError(
            f"{text[:20]!r} is not a week. Write it as {EXAMPLE}. {_range(earliest, last)}"
        )
    if week > last:
        raise WeekError(f"{week} has not ended. {_range(earliest, last)}")
    if earliest is None or week < earliest:
        raise WeekError(f"pciops has no data of {week}. {_range(earliest, last)}")
    return week


def _parsed(text: str) -> Week | None:
    match = _WEEK.fullmatch(text)
    if match is None:
        return None
    week = Week(int(match[1]), int(match[2]))
    try:
        _ = week.begins, week.ends
    except (ValueError, OverflowError):
        return None
    return week


def _range(earliest: Week | None, last: Week) -> str:
    if earliest is None or earliest > last:
        monday = last.after.ends if earliest is None else earliest.ends
        return (
            "There is no whole week with data yet. The first report can be built on "
            f"{monday.astimezone(zone()):%Y-%m-%d}."
        )
    return f"Reports are possible from {earliest} to {last}."


def _midnight(day: datetime) -> datetime:
    return datetime.combine(day.date(), time(), zone()).astimezone(UTC)
