"""The pages of the weekly compliance report: the list of weeks, a report to read, its files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.lib import charts
from pciops.lib.charts import Drawing, Line
from pciops.lib.numbers import grouped
from pciops.reports import lookup
from pciops.reports.archive import store
from pciops.reports.lookup import ParameterError, ReportNotFoundError
from pciops.reports.models import BuildFailure, StoredReport
from pciops.reports.render.formats import FORMATS, content_of, download
from pciops.reports.render.html import report_context
from pciops.reports.render.text import acknowledgement, headline, number_text, tally
from pciops.reports.value import Report, worst
from pciops.web.errors import BadRequestError
from pciops.web.requests import OperatorRequest, initiator

WEEKS: Final = 53  # on the list: a year
LINES: Final = 26  # weeks of a line
COLUMNS: Final = 6  # weeks whose numbers stand beside it


@dataclass(frozen=True, kw_only=True)
class WeekRow:
    """A report on the list."""

    stored: StoredReport
    monday: date
    findings: list[str]


@dataclass(frozen=True, kw_only=True)
class Trend:
    """A main figure of the newest report, in it and in those before."""

    key: str
    label: str
    numbers: list[tuple[str, str, bool]]  # week, number, whether it is a finding
    title: str
    drawing: Drawing | None  # None: there is one week only


@never_cache
@require_safe
def report_list(request: OperatorRequest) -> HttpResponse:
    """Show every week, the newest first, and how the main figures changed."""
    domain_id = _domain_id(request)
    listed = store.listed(domain_id, limit=WEEKS)
    newest = store.report(listed[0]) if listed else None
    context = {
        "section": "reports",
        "now": timezone.now(),
        "domain_id": domain_id,
        "domains": store.domains() if request.user.scope is None else [],
        "query": _query(domain="" if request.user.scope else domain_id),
        "newest": listed[0] if listed else None,
        **(_verdict(newest) if newest else {}),
        "sign_offs": [acknowledgement(one) for one in listed[0].sign_offs.all()] if listed else [],
        "columns": [stored.week for stored in listed[:COLUMNS]],
        "weeks": [_week_row(stored) for stored in listed],
        "trends": [_trend(figure, listed) for figure in (listed[0].main_figures if listed else ())],
        "failures": list(BuildFailure.objects.filter(domain_id=domain_id).order_by("week")),
    }
    return render(request, "web/reports.html", context)


@never_cache
@require_safe
def report(request: OperatorRequest, week: str) -> HttpResponse:
    """Show a report: the newest revision of the week, or `?revision=`."""
    stored = requested_report(request, week)
    revisions = store.revisions(stored.week, stored.domain_id)
    content = content_of(stored)
    context = {
        **page_context(request, stored),
        **report_context(content),
        "linked": True,
        "unchanged": _unchanged(content.report, stored.domain_id),
        "revisions": [
            (other, query_of(request, stored, revision=other.revision)) for other in revisions
        ],
        "newest": stored.revision == revisions[0].revision,
        "formats": [form for form in FORMATS.values() if form.name not in {"pdf", "csv"}],
    }
    return render(request, "web/report.html", context)


def _unchanged(report: Report, domain_id: str) -> set[str]:
    """Return the keys of the lists that are the same as in the report of the week before."""
    week = report.header.previous_week
    before = store.get(week, domain_id) if week else None
    if before is None:
        return set()
    hashes = {table.key: table.sha256 for table in store.report(before).tables()}
    return {table.key for table in report.tables() if hashes.get(table.key) == table.sha256}


@never_cache
@require_safe
def report_export(request: OperatorRequest, week: str) -> StreamingHttpResponse:
    """Send the report as a file: `?format=pdf`, `csv`, `json` or `html`."""
    try:
        format_ = lookup.format_of(request.GET.get("format", ""))
    except ParameterError as error:
        raise BadRequestError(str(error)) from None
    stored = requested_report(request, week)
    return download(stored, format_, initiator=initiator(request), now=timezone.now())


def requested_report(request: OperatorRequest, week: str) -> StoredReport:
    """Return the report of the week, and of `?domain=` and `?revision=`.

    Raises:
        BadRequestError, Http404
    """
    domain_id, revision = _domain_id(request), request.GET.get("revision", "")
    try:
        return lookup.find(week, domain_id, revision=revision, now=timezone.now())
    except ParameterError as error:
        raise BadRequestError(str(error)) from None
    except ReportNotFoundError as error:
        raise Http404(str(error)) from None


def page_context(request: OperatorRequest, stored: StoredReport) -> dict[str, Any]:
    """Return what every page of a report shows."""
    return {
        "section": "reports",
        "now": timezone.now(),
        "stored": stored,
        "query": query_of(request, stored),
        "list_query": _query(domain=_domain_parameter(request, stored)),
    }


def query_of(request: OperatorRequest, stored: StoredReport, **more: Any) -> str:
    """Return `?domain=…&revision=…`, as the address of this report needs it."""
    revision = request.GET.get("revision", "")
    domain = _domain_parameter(request, stored)
    return _query(**{"domain": domain, "revision": revision, **more})


def _domain_id(request: OperatorRequest) -> str:
    """Return the domain of `?domain=`; that of the operator if it may see no other."""
    try:
        return lookup.domain_of(request.GET.get("domain", ""), scope=request.user.scope)
    except ReportNotFoundError as error:
        raise Http404(str(error)) from None


def _domain_parameter(request: OperatorRequest, stored: StoredReport) -> str:
    return stored.domain_id if request.user.scope is None else ""


def _query(**parameters: Any) -> str:
    given = {name: value for name, value in parameters.items() if value}
    return f"?{urlencode(given)}" if given else ""


def _verdict(report: Report) -> dict[str, Any]:
    """Return what the panel of the verdict shows, without the exceptions."""
    verdict = worst({judgment.verdict for _, judgment in report.judgments()})
    return {"headline": headline(report), "tally": tally(report), "verdict": verdict}


def _week_row(stored: StoredReport) -> WeekRow:
    return WeekRow(
        stored=stored,
        monday=_monday(stored),
        findings=[
            f"{figure['label']}: {number_text(figure['number'])}"
            for figure in stored.main_figures
            if _is_finding(figure)
        ],
    )


def _trend(figure: dict[str, Any], listed: list[StoredReport]) -> Trend:
    """Return the figure in the newest weeks; the line leaves out weeks that do not have it."""
    label, key = figure["label"], figure["key"]
    figures = {
        stored.week: next((other for other in stored.main_figures if other["key"] == key), {})
        for stored in listed[:LINES]
    }
    points = tuple(
        (_monday(stored), number)
        for stored in reversed(listed[:LINES])
        if (number := figures[stored.week].get("number")) is not None
    )
    line = Line(title=label, points=points) if len(points) > 1 else None
    first, last = (grouped(line.first), grouped(line.last)) if line else ("", "")
    return Trend(
        key=key,
        label=label,
        numbers=[
            (week, number_text(other.get("number")), _is_finding(other))
            for week, other in list(figures.items())[:COLUMNS]
        ],
        title=f"{label}: {first} at first, {last} at last",
        drawing=charts.line(line, width=180, height=44) if line else None,
    )


def _is_finding(figure: dict[str, Any]) -> bool:
    return bool(figure.get("finding") and figure.get("number"))


def _monday(stored: StoredReport) -> date:
    year, number = map(int, stored.week.split("-W"))
    return date.fromisocalendar(year, number, 1)
