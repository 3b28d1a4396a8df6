"""The doctor's check of the reports: the last one that is due is stored, and has recipients."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone

from pciops.lib import guarded, times
from pciops.lib.doctor import CheckResult, check, ok, problem, warning
from pciops.reports import schedule
from pciops.reports.archive.triggers import GUARDS
from pciops.reports.models import BuildFailure, StoredReport


@check("reports", after="database")
def reports() -> Iterator[CheckResult]:
    """Check that the report of each week is stored, and is sent to somebody."""
    now = timezone.now()
    for failure in BuildFailure.objects.order_by("-week", "domain_id")[:3]:
        age = times.span(now - failure.since)
        yield problem(
            f"The report of {failure.week} could not be built for {age}: {failure.problem}.",
            "pciops retries every five minutes. Check what does not answer.",
        )
    weeks = [str(week) for week in schedule.due(now)]
    stored = StoredReport.objects.filter(domain_id="", week__in=weeks)
    missing = sorted({*weeks} - {*stored.values_list("week", flat=True)})
    if missing and not BuildFailure.objects.exists():
        yield warning(
            f"Not built yet, but due: {', '.join(missing)}.",
            "A worker builds it within minutes. Check the worker and beat (docs/install.md), or "
            "run pciops report --week.",
        )
    if not settings.REPORT_RECIPIENTS:
        yield warning(
            "Reports are built and stored, but sent to no recipient.",
            "Set PCIOPS_REPORT_RECIPIENTS.",
        )
    elif not missing:
        yield ok(_newest())


@check("report triggers", after="database")
def report_triggers() -> Iterator[CheckResult]:
    """Check that the database itself refuses to change stored reports."""
    return guarded.findings(GUARDS, "stored reports")


def _newest() -> str:
    newest = StoredReport.objects.filter(domain_id="").order_by("-week").defer("content").first()
    if newest is None:
        return "The first report is built when a week with data has ended."
    number = len(settings.REPORT_RECIPIENTS)
    recipients = "one address gets" if number == 1 else f"{number} addresses get"
    return f"The newest is of {newest.week}; {recipients} each."
