"""What Keystone notified, over the API."""

from __future__ import annotations

from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, JsonResponse
from django.urls import reverse

from pciops.api.auth import ApiRequest, endpoint
from pciops.api.errors import ApiError
from pciops.api.views import limit, verdict_of
from pciops.events import exports, search
from pciops.events.models import Activity, Attempts
from pciops.lib.filters import FilterError
from pciops.lib.keyset import MarkerError
from pciops.lib.merging import MergeSource, merged
from pciops.signin.event_access import reader


@endpoint("GET")
def activity(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/activity?kind=&outcome=&account=&doer=&address=&from=&to=&limit=&marker=`."""
    try:
        query = search.Query.parse(request.GET)
    except FilterError as error:
        raise ApiError(400, str(error)) from None
    sources = search.sources(query, reader(request.operator))
    return _page(request, sources, reverse("api-activity"))


@endpoint("GET")
def of_account(request: ApiRequest, user_id: str) -> HttpResponse:
    """`GET /api/v1/accounts/<user_id>/activity?limit=&marker=`."""
    account = verdict_of(request, user_id).account
    return _page(
        request, search.of_account(account.id), reverse("api-account-activity", args=[account.id])
    )


def _page(request: ApiRequest, sources: list[MergeSource], address: str) -> HttpResponse:
    who, most = reader(request.operator), limit(request)
    try:
        rows = merged(sources, marker=request.GET.get("marker", ""), batch=most + 1)
        found = list(islice(rows, most + 1))
    except MarkerError:
        raise ApiError(400, "marker: not of this list; take it from links.next.") from None
    following = ""
    if len(found) > most:
        source, last = found[most - 1]
        following = urlencode({**request.GET.dict(), "marker": source.place(last)})
    shown: list[dict[str, Any]] = [
        exports.as_dict(row, who) for _, row in found[:most] if isinstance(row, Attempts | Activity)
    ]
    return JsonResponse(
        {
            "activity": shown,
            "links": {
                "self": request.build_absolute_uri(),
                "next": f"{request.build_absolute_uri(address)}?{following}" if following else None,
            },
        }
    )
