"""The pages that act on a report: sign off, build again, and compare with another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from pciops.audit.models import Event
from pciops.audit.services import AuditLogError
from pciops.keystone import client
from pciops.reports import changes, rebuild
from pciops.reports.archive import store
from pciops.reports.changes import ListChange, NamedRows
from pciops.reports.models import StoredReport
from pciops.reports.render import text
from pciops.reports.templatetags.report import rows_html
from pciops.reports.value import Column
from pciops.signin import sessions, typed
from pciops.web import rights
from pciops.web.errors import BadRequestError
from pciops.web.forms import SignOffForm
from pciops.web.reports import page_context, query_of, requested_report
from pciops.web.requests import OperatorRequest, initiator, post_only


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@rights.needs("sign_off")
@sessions.confirms_itself
def sign_off(request: OperatorRequest, week: str) -> HttpResponse:
    """Acknowledge the report, with a remark (PCI DSS 7.2.4)."""
    stored = requested_report(request, week)
    if request.method != "POST":
        return _form(
            request, stored, SignOffForm(initial={**typed.typed_in(request), "seen": stored.hash})
        )
    form = SignOffForm(request.POST)
    if not form.is_valid() or form.cleaned_data["seen"] != stored.hash:
        if form.is_valid():
            form = SignOffForm(initial={**form.cleaned_data, "seen": stored.hash})
            problem = "There is a newer revision; this page shows it. Nothing was signed."
            return _form(request, stored, form, status=409, problem=problem)
        return _form(request, stored, form, status=400)
    try:
        sessions.confirm(request)
        rights.require(request, "sign_off")
        store.sign_off(
            stored,
            initiator=initiator(request),
            remark=form.cleaned_data["remark"],
            now=timezone.now(),
            as_management=True,  # others may not sign off
        )
    except sessions.EndedError:
        return rights.signed_out(request, then=request.path, action=Event.Action.SIGN_OFF)
    except client.UnreachableError as error:
        sentence = rights.unconfirmed(error, unlock=False)
        return _form(request, stored, form, status=503, problem=sentence)
    except AuditLogError as error:
        return _form(request, stored, form, status=503, problem=str(error))
    messages.success(request, f"You have signed off {stored.week}, revision {stored.revision}.")
    return redirect(_address(request, stored))


@never_cache
@post_only(lambda week: reverse("report", args=(week,)))
@rights.needs("administer")
def build_again(request: OperatorRequest, week: str) -> HttpResponse:
    """Have a worker make another revision; the present one stays."""
    stored = requested_report(request, week)
    try:
        rebuild.request_rebuild(stored, initiator=initiator(request), now=timezone.now())
    except rebuild.BrokerDownError as error:
        messages.error(
            request, f"The broker does not answer, so no worker received the request: {error}"
        )
    else:
        messages.success(
            request,
            f"A worker builds {stored.week} again. A new revision appears here in a minute or "
            "two; this one stays.",
        )
    return redirect(_address(request, stored))


@never_cache
@require_safe
def report_changes(request: OperatorRequest, week: str) -> HttpResponse:
    """Show the accounts new in and gone from each list since another week: `?since=`."""
    stored = requested_report(request, week)
    listed = store.listed(stored.domain_id, limit=520)
    others = [other.week for other in listed if other.week != stored.week]
    earlier = (week for week in others if week < stored.week)
    since = request.GET.get("since", "") or next(earlier, "")
    if since and since not in others:
        weeks = f"Choose from {', '.join(others[:60])}." if others else "There is no other."
        raise BadRequestError(f"since: {since[:20]!r} is not the week of another report. {weeks}")
    context: dict[str, Any] = {**page_context(request, stored), "others": others, "since": since}
    if since:
        before = store.get(since, stored.domain_id)
        if before is None:
            raise Http404(f"There is no report of {since}.")
        context |= _compared(before, stored)
    return render(request, "web/report_changes.html", context)


def _compared(before: StoredReport, after: StoredReport) -> dict[str, Any]:
    was, now = (text.printable_report(store.report(stored)) for stored in (before, after))
    lists = list(
        changes.list_changes(was, partial(store.rows, before), now, partial(store.rows, after))
    )
    figures = changes.figure_changes(was, now)
    return {
        "figures": [change for change in figures if change.before != change.after],
        "lists": [_sides(changed) for changed in lists if not changed.is_same],
        "same": [changed for changed in lists if changed.is_same],
        "named": changes.NAMED,
    }


def _sides(changed: ListChange) -> dict[str, Any]:
    return {
        "table": changed.table,
        "stayed": changed.stayed,
        "sides": [
            _side("New", changed.new, changed.table.columns),
            _side("Gone", changed.gone, changed.gone_columns),
        ],
    }


def _side(label: str, named: NamedRows, columns: Sequence[Column]) -> dict[str, Any]:
    body = rows_html(named.rows, columns, linked=True)
    return {"label": label, "rows": named, "columns": columns, "body": body}


def _form(
    request: OperatorRequest,
    stored: StoredReport,
    form: SignOffForm,
    *,
    status: int = 200,
    problem: str = "",
) -> HttpResponse:
    report = text.printable_report(store.report(stored))
    context = {
        **page_context(request, stored),
        "form": form,
        "problem": problem,
        "answer": text.answer(report),
        "scope": text.scope(report.header),
        "signed": stored.sign_offs.order_by("at"),
    }
    return render(request, "web/report_sign_off.html", context, status=status)


def _address(request: OperatorRequest, stored: StoredReport) -> str:
    return reverse("report", args=(stored.week,)) + query_of(request, stored)
