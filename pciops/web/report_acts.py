"""What is done with a report: it is signed off, built again, and compared with another."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pciops.audit.models import Event
from pciops.audit.services import AuditLogError
from pciops.keystone import client
from pciops.lib.evidence import Column
from pciops.reports import changes, rebuild
from pciops.reports.archive import store
from pciops.reports.changes import Changed, Row, Some
from pciops.reports.models import StoredReport
from pciops.reports.render import words
from pciops.signin import sessions
from pciops.web import rights
from pciops.web.errors import BadRequestError
from pciops.web.forms import SignOffForm
from pciops.web.reports import about, asked_for, query_of
from pciops.web.requests import OperatorRequest, initiator


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@rights.needs("sign_off")
def sign_off(request: OperatorRequest, week: str) -> HttpResponse:
    """Acknowledge the report, with a remark (PCI DSS 7.2.4)."""
    stored = asked_for(request, week)
    if request.method != "POST":
        return _form(request, stored, SignOffForm(initial={"seen": stored.hash}))
    form = SignOffForm(request.POST)
    if not form.is_valid() or form.cleaned_data["seen"] != stored.hash:
        if form.is_valid():
            form = SignOffForm(initial={**form.cleaned_data, "seen": stored.hash})
            sentence = "There is another revision by now: this is it. Nothing was signed."
            return _form(request, stored, form, status=409, sentence=sentence)
        return _form(request, stored, form, status=400)
    try:
        sessions.confirm(request)
        rights.require(request, "sign_off")
        store.sign_off(
            stored,
            initiator=initiator(request),
            remark=form.cleaned_data["remark"],
            now=timezone.now(),
        )
    except sessions.EndedError:
        return rights.signed_out(request, then=request.path, action=Event.Action.SIGN_OFF)
    except client.UnreachableError as error:
        sentence = rights.unconfirmed(error, unlock=False)
        return _form(request, stored, form, status=503, sentence=sentence)
    except AuditLogError as error:
        return _form(request, stored, form, status=503, sentence=str(error))
    messages.success(request, f"You have signed off {stored.week}, revision {stored.revision}.")
    return redirect(_address(request, stored))


@never_cache
@require_POST
@rights.needs("administer")
def build_again(request: OperatorRequest, week: str) -> HttpResponse:
    """Have a worker make another revision; the one that is there stays."""
    stored = asked_for(request, week)
    try:
        rebuild.ask(stored, initiator=initiator(request), now=timezone.now())
    except rebuild.NotAskedError as error:
        messages.error(request, f"The broker does not answer, so no worker was asked: {error}")
    else:
        messages.success(
            request,
            f"A worker builds {stored.week} again. In a minute or two there is another revision "
            "here; this one stays.",
        )
    return redirect(_address(request, stored))


@never_cache
@require_safe
def report_changes(request: OperatorRequest, week: str) -> HttpResponse:
    """Who is new in each list since another week, and who has left it: `?since=`."""
    stored = asked_for(request, week)
    others = [
        one.week for one in store.listed(stored.domain_id, limit=520) if one.week != stored.week
    ]
    since = request.GET.get("since", "") or next((it for it in others if it < stored.week), "")
    if since and since not in others:
        known = f"They are {', '.join(others[:60])}." if others else "There is no other."
        raise BadRequestError(f"since: {since[:20]!r} is no week of another report. {known}")
    context: dict[str, Any] = {**about(request, stored), "others": others, "since": since}
    if since:
        before = store.get(since, stored.domain_id)
        if before is None:
            raise Http404(f"There is no report of {since}.")
        context |= _compared(before, stored)
    return render(request, "web/report_changes.html", context)


def _compared(before: StoredReport, after: StoredReport) -> dict[str, Any]:
    was, now = store.report(before), store.report(after)
    found = changes.lists(was, partial(store.rows, before), now, partial(store.rows, after))
    return {
        "before": before,
        "figures": [
            {
                "label": words.plain(moved.figure.label),
                "before": words.NOTHING if moved.before is None else f"{moved.before:,}",
                "after": words.number(moved.figure),
                "change": words.difference(moved.before, moved.after),
            }
            for moved in changes.figures(was, now)
        ],
        "lists": [_shown(changed) for changed in found],
        "named": changes.NAMED,
    }


def _shown(changed: Changed) -> dict[str, Any]:
    return {
        "key": changed.table.key,
        "title": words.plain(changed.table.title),
        "stayed": changed.stayed,
        "sides": [
            _side("New", "new", changed.new, changed.table.columns),
            _side("Gone", "gone", changed.gone, changed.gone_columns),
        ],
    }


def _side(label: str, name: str, some: Some, columns: tuple[Column, ...]) -> dict[str, Any]:
    return {
        "label": label,
        "name": name,
        "count": some.count,
        "more": some.count - len(some.rows),
        "heads": [words.heading(column) for column in columns],
        "rows": [_cells(row, columns) for row in some.rows],
    }


def _cells(row: Row, columns: tuple[Column, ...]) -> list[tuple[str, str, str]]:
    """Head, class and words of each cell."""
    kinds = {"number": "number", "instant": "nowrap", "day": "nowrap"}
    return [
        (
            words.heading(column),
            "id" if words.is_id(column) else kinds.get(column.kind, ""),
            words.cell(value, column),
        )
        for value, column in zip(row, columns, strict=True)
    ]


def _form(
    request: OperatorRequest,
    stored: StoredReport,
    form: SignOffForm,
    *,
    status: int = 200,
    sentence: str = "",
) -> HttpResponse:
    report = store.report(stored)
    context = {
        **about(request, stored),
        "form": form,
        "sentence": sentence,
        "answer": words.answer(report),
        "scope": words.scope(report.header),
        "signed": stored.sign_offs.order_by("at"),
    }
    return render(request, "web/report_sign_off.html", context, status=status)


def _address(request: OperatorRequest, stored: StoredReport) -> str:
    return reverse("report", args=(stored.week,)) + query_of(request, stored)
