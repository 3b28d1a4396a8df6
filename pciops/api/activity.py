"""Keystone's notifications over the API."""

from __future__ import annotations

from itertools import islice
from typing import Final

from django.http import HttpResponse

from pciops.api import paging
from pciops.api.accounts import verdict_of
from pciops.api.auth import ApiRequest, endpoint
from pciops.api.operations import Operation, Parameter
from pciops.api.schemas import (
    DAY,
    INSTANT,
    NUMBER,
    TEXT,
    WORDS,
    named,
    one_of,
    or_null,
    record,
)
from pciops.events import search
from pciops.events.models import Activity, Attempts, Outcome
from pciops.events.search import EventKind
from pciops.lib.merging import MergeSource, merged
from pciops.signin.event_access import reader

ACTIONS: Final = Activity.Action.values
OUTCOME: Final = one_of(Outcome.values)
REASON: Final = one_of(dict.fromkeys((*Attempts.Reason.values, *Activity.Reason.values)))
ROW: Final = named(
    "Activity",
    record(
        dict.fromkeys(search.EXPORT_COLUMNS, or_null(TEXT))
        | {
            "kind": one_of((EventKind.SIGN_IN, *ACTIONS)),
            "first_at": INSTANT,
            "last_at": INSTANT,
            "count": NUMBER,
            "outcome": OUTCOME,
            "reason": REASON,
            "sentence": TEXT,
        }
    ),
)
ANSWER: Final = paging.answer("activity", ROW)


@endpoint(
    GET=Operation(
        summary="List Keystone's notifications, the newest first",
        query=(
            Parameter("kind", one_of((*EventKind.values, *ACTIONS)), "A group of events, or one."),
            Parameter("outcome", OUTCOME, "The outcome."),
            Parameter("account", WORDS, "Part of the account's name, or its ID."),
            Parameter("doer", WORDS, "The same for the actor. Sign-ins have none."),
            Parameter(
                "address",
                WORDS,
                "The reported source address, or its beginning up to a dot or colon.",
            ),
            Parameter("from", DAY, "The first UTC day."),
            Parameter("to", DAY, "The last UTC day."),
            *paging.PAGES,
        ),
        answer=ANSWER,
    )
)
def activity(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/activity`."""
    query = search.EventQuery.parse(request.GET)
    return _page(request, search.sources(query, reader(request.operator)))


@endpoint(
    GET=Operation(
        summary="List Keystone's notifications about an account, the newest first",
        query=paging.PAGES,
        answer=ANSWER,
        errors=(404,),
    )
)
def of_account(request: ApiRequest, user_id: str) -> HttpResponse:
    """`GET /api/v1/accounts/<user_id>/activity`."""
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
