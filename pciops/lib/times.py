"""Instants and spans as a person reads them: always with the zone, always how far away."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

WEEKDAYS: Final = (*("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"),)


def instant(value: datetime, now: datetime) -> str:
    """`14:02:11 UTC` today, `21 Nov 2026, 14:02:11 UTC` on any other day."""
    value, now = value.astimezone(UTC), now.astimezone(UTC)
    return f"{value:%H:%M:%S} UTC" if value.date() == now.date() else dated(value)


def dated(value: datetime) -> str:
    """`21 Nov 2026, 14:02:11 UTC`: for what is kept, and read on another day."""
    value = value.astimezone(UTC)
    return f"{day(value.date())}, {value:%H:%M:%S} UTC"


def day(value: date) -> str:
    """`21 Nov 2026`."""
    return f"{value.day} {value:%b %Y}"


def span(value: timedelta) -> str:
    """`45 s`, `28 min`, `5 h 3 min`, `12 days`: rounded down, at most two units, never negative."""
    total = max(0, int(value.total_seconds()))
    if total < 3600:
        return f"{total // 60} min" if total >= 60 else f"{total} s"
    if total < 86400:
        hours, minutes = divmod(total // 60, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days = total // 86400
    return f"{days} day{'' if days == 1 else 's'}"


def distance(value: datetime, now: datetime) -> str:
    """`28 min from now`, `3 min ago`, `now`."""
    if abs(value - now) < timedelta(seconds=1):
        return "now"
    return f"{span(value - now)} from now" if value > now else f"{span(now - value)} ago"


def both(value: datetime, now: datetime) -> str:
    """`14:02:11 UTC (3 min ago)`."""
    return f"{instant(value, now)} ({distance(value, now)})"


def days_away(value: date, now: datetime) -> str:
    """`today`, `in 3 days`, `3 days ago`."""
    days = (value - now.astimezone(UTC).date()).days
    if days == 0:
        return "today"
    away = span(timedelta(days=abs(days)))
    return f"in {away}" if days > 0 else f"{away} ago"


def read(text: str) -> datetime | None:
    """The instant that ISO 8601 writes so, in UTC where it names no zone; None where it is none."""
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def later(value: datetime, span: timedelta) -> datetime:
    """The instant so much later; the last that there is where it is beyond the year 9999."""
    try:
        return value + span
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def months_before(now: datetime, months: int) -> datetime:
    """The same day and time so many months ago, or the last day of that month."""
    total = now.year * 12 + now.month - 1 - months
    year, month = divmod(total, 12)
    for day in (now.day, 30, 29, 28):
        try:
            return now.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def iso(value: datetime | date | None) -> str | None:
    """`2026-11-22T14:02:11Z`, or `2026-11-22` for a day: for machines."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if value else None
