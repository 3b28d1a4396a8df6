"""Times and time spans as text for people, and their arithmetic at the ends of the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from pciops.lib.numbers import counted

WEEKDAYS: Final = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


def instant(value: datetime, now: datetime) -> str:
    """Return `14:02:11 UTC` for today, `21 Nov 2026, 14:02:11 UTC` for any other day."""
    value, now = value.astimezone(UTC), now.astimezone(UTC)
    return f"{value:%H:%M:%S} UTC" if value.date() == now.date() else dated(value)


def dated(value: datetime) -> str:
    """Return `21 Nov 2026, 14:02:11 UTC`, for text that is read on another day."""
    value = value.astimezone(UTC)
    return f"{day(value.date())}, {value:%H:%M:%S} UTC"


def clock(value: datetime, now: datetime) -> str:
    """Return `14:02` on the day of `now`, else `21 Nov, 14:02`, in UTC; another year is named."""
    value, today = value.astimezone(UTC), now.astimezone(UTC).date()
    if value.date() == today:
        return f"{value:%H:%M}"
    year = "" if value.year == today.year else f" {value.year}"
    return f"{value.day} {value:%b}{year}, {value:%H:%M}"


def day(value: date) -> str:
    """Return `21 Nov 2026`."""
    return f"{value.day} {value:%b %Y}"


def span(value: timedelta) -> str:
    """Return `45 s`, `28 min`, `5 h 3 min` or `12 days`, rounded down and never negative."""
    total = max(0, int(value.total_seconds()))
    if total < 3600:
        return f"{total // 60} min" if total >= 60 else f"{total} s"
    if total < 86400:
        hours, minutes = divmod(total // 60, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return counted(total // 86400, "day")


def distance(value: datetime, now: datetime) -> str:
    """Return `in 28 min`, `in 7 days`, `3 min ago` or `now`: the one distance in time."""
    if abs(value - now) < timedelta(seconds=1):
        return "now"
    return f"in {away(value, now)}" if value > now else f"{away(value, now)} ago"


def away(value: datetime, now: datetime) -> str:
    """Return `28 min`, or from 24 hours on calendar days, as `days_away` counts them."""
    return span(apart(value, now))


def apart(value: datetime, now: datetime, zone: tzinfo = UTC) -> timedelta:
    """Return the time between both, from 24 hours on in calendar days of the zone."""
    between = abs(value - now)
    if between < timedelta(days=1):
        return between
    return abs(value.astimezone(zone).date() - now.astimezone(zone).date())


def both(value: datetime, now: datetime) -> str:
    """Return `14:02:11 UTC (3 min ago)`."""
    return f"{instant(value, now)} ({distance(value, now)})"


def days_away(value: date, now: datetime) -> str:
    """Return `today`, `in 3 days` or `3 days ago`."""
    days = (value - now.astimezone(UTC).date()).days
    if days == 0:
        return "today"
    away = span(timedelta(days=abs(days)))
    return f"in {away}" if days > 0 else f"{away} ago"


def parse(text: str) -> datetime | None:
    """Parse ISO 8601, in UTC if it names no zone; return None if it is not a time."""
    try:
        value = datetime.fromisoformat(text)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def later(value: datetime, span: timedelta) -> datetime:
    """Return the time that much later, at most the end of the year 9999."""
    try:
        return value + span
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def months_before(now: datetime, months: int) -> datetime:
    """Return the same day and time that many months ago, or the last day of that month."""
    total = now.year * 12 + now.month - 1 - months
    year, month = divmod(total, 12)
    for day in (now.day, 30, 29, 28):
        try:
            return now.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def iso(value: datetime | date | None, timespec: str = "auto") -> str | None:
    """Return `2026-11-22T14:02:11Z`, or `2026-11-22` for a day.

    Args:
        timespec: of datetime.isoformat; `auto` gives the microseconds if there are any.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).isoformat(timespec=timespec)[:-6]}Z"  # without +00:00
    return value.isoformat()
