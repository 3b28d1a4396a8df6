"""Filters in the address of a list: read, and refused in a sentence where they make no sense."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Q

LONGEST = 255


class FilterError(ValueError):
    """A filter that makes no sense; the text names it, and what would do."""


def choice(parameters: Mapping[str, str], name: str, allowed: Collection[str]) -> str:
    """One of the allowed values; "" is no filter.

    Raises:
        FilterError
    """
    value = parameters.get(name, "")
    if value and value not in allowed:
        raise FilterError(f"{name}: there is no {value!r}; there are {', '.join(allowed)}.")
    return value


def text(parameters: Mapping[str, str], name: str) -> str:
    """What was typed, without blanks around it, cut to the length of a name."""
    return parameters.get(name, "").replace("\0", "").strip()[:LONGEST]


def day(parameters: Mapping[str, str], name: str) -> date | None:
    """A day, or None for no filter.

    Raises:
        FilterError
    """
    value = parameters.get(name, "").strip()
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise FilterError(f"{name}: {value!r} is no day; 2026-11-22 is.") from None


def days(column: str, since: date | None, until: date | None) -> Q:
    """Rows whose instant in this column lies on these UTC days, both included."""
    limits: dict[str, Any] = {}
    if since:
        limits[f"{column}__gte"] = _midnight(since)
    if until and until < date.max:
        limits[f"{column}__lt"] = _midnight(until + timedelta(days=1))
    return Q(**limits)


def _midnight(of: date) -> datetime:
    return datetime.combine(of, time(), UTC)
