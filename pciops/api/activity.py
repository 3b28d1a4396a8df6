"""Keystone's notifications over the API."""

from __future__ import annotations

from itertools import islice

from django.http import HttpResponse

from pciops.api import paging
from pciops.api.accounts import verdict_of
from pciops.api.auth import ApiRequest, endpoint
from pciops.events import search
from pciops.events.models import Activity, Attempts
from pciops.lib.merging import MergeSource, merged
from pciops.signin.event_access import reader


@endpoint("GET")
def activity(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/activity?kind=&outcome=&account=&doer=&address=&from=&to=&limit=&marker=`."""
    query = search.EventQuery.parse(request.GET)
    return _page(request, search.sources(query, reader(request.operator)))


@endpoint("GET")
def of_account(request: ApiRequest, user_id: str) -> HttpResponse:
    """`GET /api/v1/accounts/<user_id>/activity?limit=&marker=`."""
    return _page(request, search.of_account(verdict_of(request, user_id).account.id))


def _page(request: ApiRequest, sources: list[MergeSource]) -> HttpResponse:
    access, limit = reader(request.operator), paging.limit(request)
    rows = merged(sources, marker=request.GET.get("marker", ""), batch=limit + 1)
    page = list(islice(rows, limit + 1))
    marker = ""
    if len(page) > limit:
        source, last = page[limit - 1]
        marker = source.place(last)
    shown = [
        search.as_dict(row, access)
        for _, row in page[:limit]
        if isinstance(row, Attempts | Activity)
    ]
    return paging.page(request, "activity", shown, marker)
