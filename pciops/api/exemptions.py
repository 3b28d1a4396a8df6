"""The exemption register over the API."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse
from django.utils import timezone

from pciops.actions import register
from pciops.actions.register import ExemptionStatus
from pciops.api import paging
from pciops.api.accounts import EXEMPTION, KIND
from pciops.api.auth import ApiRequest, endpoint
from pciops.api.operations import Operation, Parameter
from pciops.api.schemas import DAY, TEXT, many, named, one_of, or_null, record
from pciops.lib import filters
from pciops.lib.keyset import MarkerError

STATUS: Final = one_of(ExemptionStatus.values)
ENTRY: Final = named(
    "Exemption",
    record(
        {
            "status": STATUS,
            "option": EXEMPTION,
            **dict.fromkeys(("user_id", "user_name", "domain_id", "domain_name"), TEXT),
            "kinds": many(KIND),
            "owner": or_null(TEXT),
            "reason": or_null(TEXT),
            "starts_on": or_null(DAY),
            "ends_on": or_null(DAY),
            "recorded_by": or_null(TEXT),
            "event_id": or_null(TEXT),
        }
    ),
)


@endpoint(
    GET=Operation(
        summary="List the exemption register",
        description="limit counts accounts, not exemptions.",
        query=(Parameter("status", STATUS, "Only exemptions of this status."), *paging.PAGES),
        answer=paging.answer("exemptions", ENTRY),
    )
)
def exemptions(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/exemptions`."""
    status = filters.choice(request.GET, "status", ExemptionStatus.values)
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
