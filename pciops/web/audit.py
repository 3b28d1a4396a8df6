"""The pages of the audit log."""

from __future__ import annotations

from datetime import date
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from pciops.audit import chain, integrity, selectors, services
from pciops.audit.models import ChainCheck, Event
from pciops.audit.services import AuditLogError
from pciops.keystone import client
from pciops.lib import charts
from pciops.lib.charts import Bars, Series
from pciops.signin import sessions, typed
from pciops.web import frame, rights
from pciops.web.exports import export
from pciops.web.forms import AcknowledgeForm
from pciops.web.requests import OperatorRequest, initiator

PAGE_SIZE: Final = 50
COLUMNS: Final = (*chain.CONTENT, "hash")
CHAINED: Final = frozenset({"position", "previous_hash", "hash"})
# The views: label and filters.
VIEWS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("All", {}),
    *((label, {"action": name}) for name, label in selectors.ActionGroup.choices),
)


@never_cache
@require_safe
def audit(request: OperatorRequest) -> HttpResponse:
    """Show acts, sign-ins, and exports, newest first, by the filters in the URL."""
    query, scope = selectors.AuditQuery.parse(request.GET), request.user.scope
    marker = request.GET.get("marker", "")
    page = selectors.page(query, scope=scope, marker=marker, limit=PAGE_SIZE)
    filters, now = query.parameters, timezone.now()
    days = selectors.daily_counts(query, scope=scope, today=now.date())
    chart = _chart(days)
    context = {
        "section": "audit",
        "events": page.events,
        "chained": scope is None,  # places in the chain tell how much others do
        "query": query,
        "views": frame.view_links(VIEWS, filters),
        "groups": selectors.ActionGroup.choices,
        "Event": Event,
        "now": now,
        "timeline": chart,
        "columns": charts.columns(chart),  # narrow, the table below it is enough
        "days": [(f"?{urlencode({**filters, 'from': day[0], 'to': day[0]})}", day) for day in days],
        "check": chain.last_check(),
        "failed": chain.open_failure(),
        "months": settings.TRAIL_MONTHS,
        "filtered": bool(filters),
        "export": urlencode(filters),
        "first": f"?{urlencode(filters)}" if marker else "",
        "next": f"?{urlencode({**filters, 'marker': page.next})}" if page.next else "",
    }
    services.record_reading(initiator=initiator(request), filters=urlencode(filters), now=now)
    return render(request, "web/audit.html", context)


@never_cache
@require_safe
def audit_export(request: OperatorRequest) -> StreamingHttpResponse:
    """Stream all matching rows as a file; JSON has the hashed content of each row and its hash."""
    query = selectors.AuditQuery.parse(request.GET)
    events = selectors.iterate(query, scope=request.user.scope)
    rows = (chain.content(event) | {"hash": event.hash} for event in events)
    columns: tuple[str, ...] = COLUMNS
    if request.user.scope is not None:  # places in the chain tell how much others do
        columns = tuple(name for name in COLUMNS if name not in CHAINED)
        rows = ({n: value for n, value in row.items() if n not in CHAINED} for row in rows)
    return export(request, "audit", columns, rows, now=timezone.now(), key="events")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@rights.needs("administer")
def acknowledge(request: OperatorRequest) -> HttpResponse:
    """Acknowledge a failed integrity check with a reason; until then it stays visible."""
    rights.require_whole_cloud(request)
    failed = chain.open_failure()
    if failed is None:
        messages.info(request, "No failed integrity check is open.")
        return redirect("audit")
    if request.method != "POST":
        return _acknowledge_page(
            request, failed, AcknowledgeForm(initial={**typed.typed_in(request), "seen": failed.pk})
        )
    form = AcknowledgeForm(request.POST)
    if not form.is_valid():
        return _acknowledge_page(request, failed, form, status=400)
    try:
        sessions.confirm(request)
        rights.require(request, "administer")
        integrity.acknowledge(
            form.cleaned_data["seen"],
            initiator=initiator(request),
            reason=form.cleaned_data["reason"],
            now=timezone.now(),
        )
    except sessions.EndedError:
        return rights.signed_out(request, then=request.path, action=Event.Action.ACKNOWLEDGE)
    except integrity.NothingOpenError:
        form = AcknowledgeForm(initial={"seen": failed.pk, "reason": form.cleaned_data["reason"]})
        sentence = "A newer integrity check failed; this page shows it. Nothing was acknowledged."
        return _acknowledge_page(request, failed, form, problem=sentence, status=409)
    except client.UnreachableError as error:
        sentence = rights.unconfirmed(error, unlock=False)
        return _acknowledge_page(request, failed, form, problem=sentence, status=503)
    except AuditLogError as error:
        return _acknowledge_page(request, failed, form, problem=str(error), status=503)
    messages.success(request, "The failed integrity check is acknowledged.")
    return redirect("audit")


def _acknowledge_page(
    request: OperatorRequest,
    failed: ChainCheck,
    form: AcknowledgeForm,
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "section": "audit",
        "now": timezone.now(),
        "failed": failed,
        "form": form,
        "problem": problem,
    }
    return render(request, "web/audit_acknowledge.html", context, status=status)


def _chart(days: list[tuple[date, int, int]]) -> Bars:
    return Bars(
        title="Rows a day: done, and not done",
        groups=tuple(f"{day:%a} {day.day}" for day, _, _ in days),
        series=(
            Series(label="done", values=tuple(done for _, done, _ in days)),
            Series(label="not done", values=tuple(not_done for _, _, not_done in days)),
        ),
    )
