"""Which report a page or the API is asked for, by the words in the address."""

from __future__ import annotations

from datetime import datetime

from pciops.reports import weeks
from pciops.reports.archive import store
from pciops.reports.models import StoredReport
from pciops.reports.render.formats import FORMATS, Format


class AskedError(ValueError):
    """Words that make no sense; the text begins with the parameter and says what would do."""


class NoReportError(LookupError):
    """There is no such report, or none that the asker may see."""


def whose(domain_id: str, *, scope: str | None) -> str:
    """The domain of the reports that are meant; "": the whole cloud.

    Args:
        scope: the domain of the operator, who sees no other report than its own.

    Raises:
        NoReportError
    """
    if scope is None:
        return domain_id
    if domain_id not in {"", scope}:
        raise NoReportError("There is no report of this domain.")
    return scope


def stored(week: str, domain_id: str, *, revision: str, now: datetime) -> StoredReport:
    """The report of a week: the newest revision, or that of this number.

    Raises:
        AskedError, NoReportError
    """
    plain = revision.isascii() and revision.isdigit() and len(revision) < 6
    if revision and not plain:
        raise AskedError(f"revision: {revision[:20]!r} is no number.")
    found = store.get(week, domain_id, int(revision) if revision else None)
    if found is not None:
        return found
    if revision and store.newest(week, domain_id):
        raise NoReportError(f"There is no report of {week}, revision {revision}.")
    try:
        weeks.parse(week, now=now)
    except weeks.WeekError as error:
        raise AskedError(f"week: {error}") from None
    raise NoReportError(f"There is no report of {week}.")


def form(name: str) -> Format:
    """One of the four.

    Raises:
        AskedError
    """
    if name not in FORMATS:
        raise AskedError(f"format: {name[:20]!r} is no form of a report: {', '.join(FORMATS)}.")
    return FORMATS[name]
