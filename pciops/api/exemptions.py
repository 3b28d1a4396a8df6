"""The exemption register over the API."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone

from pciops.actions import register
from pciops.actions.register import ExemptionStatus
from pciops.api import paging
from pciops.api.auth import ApiRequest, endpoint
from pciops.api.errors import ApiError
from pciops.lib.keyset import MarkerError


@endpoint("GET")
def exemptions(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/exemptions?status=&limit=&marker=`; `limit` counts accounts, not exemptions."""
    status = request.GET.get("status", "")
    if status and status not in ExemptionStatus.values:
        allowed = ", ".join(ExemptionStatus.values)
        raise ApiError(400, f"status: there is no status {status!r}; they are {allowed}.")
    marker = request.GET.get("marker", "")
    if "\0" in marker or len(marker) > 64:
        raise MarkerError
    page = register.page(
        scope=request.operator.scope,
        now=timezone.now(),
        marker=marker,
        limit=paging.limit(request),
    )
    entries = [entry for entry in page.entries if status in {"", entry.status}]
    rows = [register.as_dict(entry) for entry in entries]
    return paging.page(request, "exemptions", rows, page.next)
