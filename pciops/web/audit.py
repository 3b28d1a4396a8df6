"""The pages of the trail."""

from __future__ import annotations

from datetime import date
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.audit import chain, selectors
from pciops.audit.models import Event
from pciops.lib import charts, tables
from pciops.lib.charts import Bars, Series
from pciops.lib.keyset import MarkerError
from pciops.web.errors import BadRequestError
from pciops.web.requests import OperatorRequest, recorded_export
from pciops.web.views import EXPORTS

PAGE: Final = 50
COLUMNS: Final = (*chain.CONTENT, "hash")


@never_cache
@require_safe
def audit(request: OperatorRequest) -> HttpResponse:
    """Acts, sign-ins and files, the newest first; every filter in the URL."""
    query = _query(request)
    marker = request.GET.get("marker", "")
    try:
        page = selectors.page(query, scope=request.user.scope, marker=marker, limit=PAGE)
    except MarkerError:
        raise BadRequestError(
            "marker: this is no place in the trail. Leave it out to begin at the newest."
        ) from None
    filters, now = query.parameters, timezone.now()
    days = selectors.daily_counts(query, scope=request.user.scope, today=now.date())
    timeline = _timeline(days)
    context = {
        "section": "audit",
        "events": page.events,
        "query": query,
        "Event": Event,
        "now": now,
        "timeline": timeline,
        "columns": charts.columns(timeline),  # narrow, the table below it is enough
        "days": [(_url({**filters, "from": f"{it[0]}", "to": f"{it[0]}"}), it) for it in days],
        "check": chain.last_check(),
        "months": settings.TRAIL_MONTHS,
        "filtered": bool(filters),
        "export": urlencode(filters),
        "first": _url(filters) if marker else "",
        "next": _url({**filters, "marker": page.next}) if page.next else "",
    }
    return render(request, "web/audit.html", context)


@never_cache
@require_safe
def audit_export(request: OperatorRequest) -> StreamingHttpResponse:
    """All that fits as a file, streamed; the JSON is what is hashed, and the hash."""
    now, query = timezone.now(), _query(request)
    form = request.GET.get("format", "")
    if form not in EXPORTS:
        raise BadRequestError(f"format: {form!r} is no format of a file; csv and json are.")
    recorded_export(request, f"audit.{form}", now)
    events = selectors.iterate(query, scope=request.user.scope)
    rows = (chain.content(event) | {"hash": event.hash} for event in events)
    lines = (
        tables.csv_lines(COLUMNS, ({name: row.get(name) for name in COLUMNS} for row in rows))
        if form == "csv"
        else tables.json_lines("events", rows)
    )
    response = StreamingHttpResponse(lines, content_type=EXPORTS[form])
    name = f"audit-{now:%Y%m%dT%H%M%SZ}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _timeline(days: list[tuple[date, int, int]]) -> Bars:
    return Bars(
        title="Rows of the trail a day: done, and not done",
        groups=tuple(f"{day:%a} {day.day}" for day, _, _ in days),
        series=(
            Series(label="done", values=tuple(done for _, done, _ in days)),
            Series(label="not done", values=tuple(not_done for _, _, not_done in days)),
        ),
    )


def _query(request: OperatorRequest) -> selectors.AuditQuery:
    try:
        return selectors.AuditQuery.parse(request.GET)
    except selectors.FilterError as error:
        raise BadRequestError(str(error)) from None


def _url(parameters: dict[str, str]) -> str:
    return "?" + urlencode(parameters)
