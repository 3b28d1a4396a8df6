"""Filters in the URL of a list: parsed, and refused with a sentence if they make no sense."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Q

LONGEST = 255


class FilterError(ValueError):
    """A filter with an invalid value; the text begins with its name and says what is valid."""


def choice(parameters: Mapping[str, str], name: str, allowed: Collection[str]) -> str:
    """Return one of the allowed values, "" for no filter; raise FilterError for any other."""
    value = parameters.get(name, "")
    if value and value not in allowed:
        raise FilterError(f"{name}: {value!r} is unknown. Choose from {', '.join(allowed)}.")
    return value


def text(parameters: Mapping[str, str], name: str) -> str:
    """Return the text without surrounding blanks, cut to the length of a name."""
    return parameters.get(name, "").replace("\0", "").strip()[:LONGEST]


def day(parameters: Mapping[str, str], name: str) -> date | None:
    """Return a day, None for no filter; raise FilterError for anything else."""
    value = parameters.get(name, "").strip()
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise FilterError(f"{name}: {value!r} is not a date. Write it as 2026-11-22.") from None


def parameters(query: object) -> dict[str, str]:
    """Return the filters that are set in a query, a dataclass, as parameters of a URL."""
    names = {"since": "from", "until": "to"}
    return {names.get(name, name): str(value) for name, value in vars(query).items() if value}


def days(column: str, since: date | None, until: date | None) -> Q:
    """Match rows whose time in this column is within these UTC days, both included."""
    limits: dict[str, Any] = {}
    if since:
        limits[f"{column}__gte"] = datetime.combine(since, time(), UTC)
    if until and until < date.max:
        limits[f"{column}__lt"] = datetime.combine(until + timedelta(days=1), time(), UTC)
    return Q(**limits)
