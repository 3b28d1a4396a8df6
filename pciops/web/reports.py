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
from pciops.reports.lookup import AskedError, NoReportError
from pciops.reports.models import StoredReport, Trouble
from pciops.reports.render import download, html, words
from pciops.reports.render.formats import FORMATS, Format
from pciops.web.errors import BadRequestError
from pciops.web.requests import OperatorRequest, initiator

WEEKS: Final = 53  # on the list: a year
LINES: Final = 26  # weeks of a line
COLUMNS: Final = 6  # weeks whose numbers stand beside it


@dataclass(frozen=True, kw_only=True)
class Week:
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
    drawing: Drawing | None  # none: there is one week only


@never_cache
@require_safe
def report_list(request: OperatorRequest) -> HttpResponse:
    """Every week, the newest first, and how the main figures went."""
    domain_id = domain_of(request)
    found = store.listed(domain_id, limit=WEEKS)
    newest = found[0].main if found else []
    context = {
        "section": "reports",
        "now": timezone.now(),
        "domain_id": domain_id,
        "domains": store.domains() if request.user.scope is None else [],
        "query": _query(domain="" if request.user.scope else domain_id),
        "columns": [stored.week for stored in found[:COLUMNS]],
        "weeks": [_week(stored) for stored in found],
        "trends": [_trend(figure, found) for figure in newest],
        "troubles": list(Trouble.objects.filter(domain_id=domain_id).order_by("week")),
    }
    return render(request, "web/reports.html", context)


@never_cache
@require_safe
def report(request: OperatorRequest, week: str) -> HttpResponse:
    """A report to read: the newest revision of the week, or `?revision=`."""
    stored = asked_for(request, week)
    revisions = store.revisions(stored.week, stored.domain_id)
    context = {
        **about(request, stored),
        **html.view(
            store.report(stored), sha256=stored.hash, signoffs=stored.sign_offs.order_by("at")
        ),
        "revisions": [(one, query_of(request, stored, revision=one.revision)) for one in revisions],
        "newest": stored.revision == revisions[0].revision,
        "formats": FORMATS.values(),
    }
    return render(request, "web/report.html", context)


@never_cache
@require_safe
def report_export(request: OperatorRequest, week: str) -> StreamingHttpResponse:
    """The report as a file: `?format=pdf`, `csv`, `json` or `html`."""
    form = _form(request)
    stored = asked_for(request, week)
    name = download.recorded(stored, form, initiator=initiator(request), now=timezone.now())
    response = StreamingHttpResponse(download.blocks(stored, form), content_type=form.content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def domain_of(request: OperatorRequest) -> str:
    """Whose reports are meant: `?domain=`, and for the operator of a domain that one alone."""
    try:
        return lookup.whose(request.GET.get("domain", ""), scope=request.user.scope)
    except NoReportError as error:
        raise Http404(str(error)) from None


def asked_for(request: OperatorRequest, week: str) -> StoredReport:
    """The report of the week, and of `?domain=` and `?revision=`.

    Raises:
        BadRequestError, Http404
    """
    domain_id, revision = domain_of(request), request.GET.get("revision", "")
    try:
        return lookup.stored(week, domain_id, revision=revision, now=timezone.now())
    except AskedError as error:
        raise BadRequestError(str(error)) from None
    except NoReportError as error:
        raise Http404(str(error)) from None


def _form(request: OperatorRequest) -> Format:
    try:
        return lookup.form(request.GET.get("format", ""))
    except AskedError as error:
        raise BadRequestError(str(error)) from None


def about(request: OperatorRequest, stored: StoredReport) -> dict[str, Any]:
    """What every page of a report shows."""
    return {
        "section": "reports",
        "now": timezone.now(),
        "stored": stored,
        "query": query_of(request, stored),
        "list_query": _query(domain=_asked_domain(request, stored)),
    }


def query_of(request: OperatorRequest, stored: StoredReport, **more: Any) -> str:
    """`?domain=…&revision=…`: what the address needs to mean this report."""
    asked = request.GET.get("revision", "")
    return _query(**{"domain": _asked_domain(request, stored), "revision": asked, **more})


def _asked_domain(request: OperatorRequest, stored: StoredReport) -> str:
    return stored.domain_id if request.user.scope is None else ""


def _query(**parameters: Any) -> str:
    given = {name: value for name, value in parameters.items() if value}
    return f"?{urlencode(given)}" if given else ""


def _week(stored: StoredReport) -> Week:
    return Week(
        stored=stored,
        monday=_monday(stored),
        findings=[
            f"{figure['label']}: {_said(figure['number'])}"
            for figure in stored.main
            if _is_finding(figure)
        ],
    )


def _trend(figure: dict[str, Any], found: list[StoredReport]) -> Trend:
    """The figure in the newest weeks; the line leaves out those that do not have it."""
    label, key = figure["label"], figure["key"]
    known = {stored.week: _figure(stored, key) for stored in found[:LINES]}
    points = tuple(
        (_monday(stored), number)
        for stored in reversed(found[:LINES])
        if (number := known[stored.week].get("number")) is not None
    )
    line = Line(title=label, points=points) if len(points) > 1 else None
    first, last = (grouped(line.first), grouped(line.last)) if line else ("", "")
    return Trend(
        key=key,
        label=label,
        numbers=[
            (week, _said(it.get("number")), _is_finding(it))
            for week, it in list(known.items())[:COLUMNS]
        ],
        title=f"{label}: {first} at first, {last} at last",
        drawing=charts.line(line, width=180, height=44) if line else None,
    )


def _figure(stored: StoredReport, key: str) -> dict[str, Any]:
    return next((figure for figure in stored.main if figure["key"] == key), {})


def _is_finding(figure: dict[str, Any]) -> bool:
    return bool(figure.get("finding") and figure.get("number"))


def _said(number: int | None) -> str:
    return words.NOTHING if number is None else grouped(number)


def _monday(stored: StoredReport) -> date:
    year, number = map(int, stored.week.split("-W"))
    return date.fromisocalendar(year, number, 1)
