"""Checks of the reports: who gets them, and whether the last one that is due is there."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone

from pciops.lib import times
from pciops.lib.doctor import CheckResult, check, ok, problem, warning
from pciops.reports import schedule
from pciops.reports.models import StoredReport, Trouble


@check("reports", after="database")
def reports() -> Iterator[CheckResult]:
    """The report of each week is there, and somebody gets it."""
    now = timezone.now()
    for trouble in Trouble.objects.order_by("-week", "domain_id")[:3]:
        age = times.span(now - trouble.since)
        yield problem(
            f"The report of {trouble.week} could not be built for {age}: {trouble.problem}.",
            "It is tried every five minutes; look at what does not answer.",
        )
    weeks = [str(week) for week in schedule.due(now)]
    kept = StoredReport.objects.filter(domain_id="", week__in=weeks)
    missing = sorted({*weeks} - {*kept.values_list("week", flat=True)})
    if missing and not Trouble.objects.exists():
        yield warning(
            f"Not built yet, though due: {', '.join(missing)}.",
            "A worker builds it within minutes: look at it and at its beat (docs/install.md), or "
            "do it with manage.py report --week.",
        )
    if not settings.REPORT_RECIPIENTS:
        yield warning(
            "Reports are built and kept, and nobody is sent them.", "Set PCIOPS_REPORT_RECIPIENTS."
        )
    elif not missing:
        yield ok(_newest())


def _newest() -> str:
    newest = StoredReport.objects.filter(domain_id="").order_by("-week").defer("content").first()
    if newest is None:
        return "The first is built when a week with data is over."
    number = len(settings.REPORT_RECIPIENTS)
    whom = "one address" if number == 1 else f"{number} addresses"
    return f"The newest is of {newest.week}; {whom} get{'s' if number == 1 else ''} each."
