"""Finds the report that a page's or the API's address names."""

from __future__ import annotations

from datetime import datetime

from pciops.reports import weeks
from pciops.reports.archive import store
from pciops.reports.models import StoredReport
from pciops.reports.render.formats import FORMATS, Format


class ParameterError(ValueError):
    """A wrong parameter; the text begins with its name and says what would do."""


class ReportNotFoundError(LookupError):
    """A report that does not exist, or that the operator may not see."""


def domain_of(domain_id: str, *, scope: str | None) -> str:
    """Return the domain of the reports ("": the whole cloud), or raise ReportNotFoundError.

    Args:
        scope: the domain of the operator, who sees no other reports; None: all.
    """
    if scope is None:
        return domain_id
    if domain_id not in {"", scope}:
        raise ReportNotFoundError("There is no report of this domain.")
    return scope


def find(week: str, domain_id: str, *, revision: str, now: datetime) -> StoredReport:
    """Return this revision or the newest, or raise ParameterError or ReportNotFoundError."""
    is_number = revision.isascii() and revision.isdigit() and len(revision) < 6
    if revision and not is_number:
        raise ParameterError(f"revision: {revision[:20]!r} is not a number.")
    stored = store.get(week, domain_id, int(revision) if revision else None)
    if stored is not None:
        return stored
    if revision and store.newest(week, domain_id):
        raise ReportNotFoundError(f"There is no report of {week}, revision {revision}.")
    try:
        weeks.parse(week, now=now)
    except weeks.WeekError as error:
        raise ParameterError(f"week: {error}") from None
    raise ReportNotFoundError(f"There is no report of {week}.")


def format_of(name: str) -> Format:
    """Return the format with this name, or raise ParameterError."""
    if name not in FORMATS:
        raise ParameterError(f"format: {name[:20]!r} is unknown. Choose from {', '.join(FORMATS)}.")
    return FORMATS[name]
