"""The exemption register as a page and as a file."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import islice
from typing import Final

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.actions import register
from pciops.actions.act import MAY_ADMINISTER
from pciops.actions.register import Entry, Status
from pciops.lib import outages, tables
from pciops.web.errors import KEYSTONE_DATABASE, BadRequestError
from pciops.web.requests import OperatorRequest, recorded_export
from pciops.web.views import EXPORTS

LOOKED_AT: Final = 5000  # entries in memory for the page; the files have all
SHOWN: Final = 500


@never_cache
@require_safe
def exemption_list(request: OperatorRequest) -> HttpResponse:
    """Every option that exempts an account beside what is recorded of it; findings first."""
    now, status = timezone.now(), _status(request)
    every = register.entries(scope=request.user.scope, now=now)
    found = list(islice(every, LOOKED_AT + 1))
    outages.answered(KEYSTONE_DATABASE, now)
    numbers = Counter(entry.status for entry in found[:LOOKED_AT])
    wanted = [entry for entry in found[:LOOKED_AT] if status in {None, entry.status}]
    context = {
        "section": "exemptions",
        "now": now,
        "status": status,
        "statuses": [(each, numbers[each]) for each in Status],
        "findings": sum(numbers[each] for each in Status if each.is_finding),
        "total": sum(numbers.values()) - numbers[Status.GONE],
        "entries": sorted(wanted, key=_order)[:SHOWN],
        "more": len(wanted) > SHOWN or len(found) > LOOKED_AT,
        "may_act": request.user.may(MAY_ADMINISTER),
    }
    return render(request, "web/exemptions.html", context)


@never_cache
@require_safe
def exemption_export(request: OperatorRequest) -> StreamingHttpResponse:
    """The whole register as a file: `?format=csv` or `json`."""
    now = timezone.now()
    form = request.GET.get("format", "")
    if form not in EXPORTS:
        raise BadRequestError(f"format: {form!r} is no format of a file; csv and json are.")
    status = _status(request)
    recorded_export(request, f"exemptions.{form}", now)
    rows = (
        register.as_dict(entry)
        for entry in register.entries(scope=request.user.scope, now=now)
        if status in {None, entry.status}
    )
    lines = (
        tables.csv_lines(register.COLUMNS, rows)
        if form == "csv"
        else tables.json_lines("exemptions", rows)
    )
    response = StreamingHttpResponse(lines, content_type=EXPORTS[form])
    response["Content-Disposition"] = f'attachment; filename="{_file_name(now, form)}"'
    return response


def _file_name(now: datetime, form: str) -> str:
    return f"exemptions-{now:%Y%m%dT%H%M%SZ}.{form}"


def _status(request: OperatorRequest) -> Status | None:
    """The filter in the URL.

    Raises:
        BadRequestError
    """
    text = request.GET.get("status", "")
    if text and text not in Status.values:
        allowed = ", ".join(Status.values)
        raise BadRequestError(f"status: there is no status {text!r}. They are {allowed}.")
    return Status(text) if text else None


def _order(entry: Entry) -> tuple[object, ...]:
    """Findings first, then administrators and service accounts, then by name."""
    kinds = entry.account.kinds if entry.account else ()
    place = list(Status).index(entry.status)
    return place, not kinds, entry.domain_name, entry.user_name, entry.option
