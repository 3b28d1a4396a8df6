"""The exemption register as a page and as a file."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Final

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.actions import register
from pciops.actions.act import MAY_ADMINISTER
from pciops.actions.register import ExemptionEntry, ExemptionStatus
from pciops.lib import outages
from pciops.web.errors import KEYSTONE_DATABASE, BadRequestError
from pciops.web.exports import export
from pciops.web.requests import OperatorRequest

READ: Final = 5000  # entries in memory for the page; the files have all
SHOWN: Final = 500


@never_cache
@require_safe
def exemption_list(request: OperatorRequest) -> HttpResponse:
    """Show every option that exempts an account, with what is recorded of it; findings first."""
    now, status = timezone.now(), _status(request)
    entries = list(islice(register.entries(scope=request.user.scope, now=now), READ + 1))
    outages.answered(KEYSTONE_DATABASE, now)
    numbers = Counter(entry.status for entry in entries[:READ])
    wanted = [entry for entry in entries[:READ] if status in {None, entry.status}]
    context = {
        "section": "exemptions",
        "now": now,
        "status": status,
        "statuses": [(each, numbers[each]) for each in ExemptionStatus],
        "findings": sum(numbers[each] for each in ExemptionStatus if each.is_finding),
        "total": sum(numbers.values()) - numbers[ExemptionStatus.GONE],
        "entries": sorted(wanted, key=_order)[:SHOWN],
        "more": len(wanted) > SHOWN or len(entries) > READ,
        "may_act": request.user.may(MAY_ADMINISTER),
    }
    return render(request, "web/exemptions.html", context)


@never_cache
@require_safe
def exemption_export(request: OperatorRequest) -> StreamingHttpResponse:
    """Stream the whole register as a file: `?format=csv` or `json`."""
    now, status = timezone.now(), _status(request)
    rows = (
        register.as_dict(entry)
        for entry in register.entries(scope=request.user.scope, now=now)
        if status in {None, entry.status}
    )
    return export(request, "exemptions", register.COLUMNS, rows, now=now)


def _status(request: OperatorRequest) -> ExemptionStatus | None:
    """Return the filter in the URL, or raise BadRequestError."""
    text = request.GET.get("status", "")
    if text and text not in ExemptionStatus.values:
        allowed = ", ".join(ExemptionStatus.values)
        raise BadRequestError(f"status: {text!r} is unknown. Choose from {allowed}.")
    return ExemptionStatus(text) if text else None


def _order(entry: ExemptionEntry) -> tuple[object, ...]:
    """Sort findings first, then privileged accounts, then by name."""
    kinds = entry.account.kinds if entry.account else ()
    place = list(ExemptionStatus).index(entry.status)
    return place, not kinds, entry.domain_name, entry.user_name, entry.option
