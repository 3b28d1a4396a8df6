"""The pages of what Keystone notifies: who did what to whom, and who tried to sign in."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.events import liveness, search, timeline
from pciops.events.models import Outcome
from pciops.events.tampering import selectors as tampering
from pciops.lib import tables
from pciops.lib.filters import FilterError
from pciops.lib.keyset import MarkerError
from pciops.signin.event_access import reader
from pciops.signin.middleware import by_itself
from pciops.web import rights
from pciops.web.errors import BadRequestError
from pciops.web.requests import OperatorRequest, recorded_export
from pciops.web.views import EXPORTS

PAGE: Final = 50
HIDDEN: Final = timedelta(days=7)  # changes past pciops that are shown above the list
HIDDEN_SHOWN: Final = 10
SET_ASIDE: Final = 100  # kinds of messages


@never_cache
@require_safe
def activity(request: OperatorRequest) -> HttpResponse:
    """What happened, the newest first; every filter in the URL.

    The page's own script asks for the same URL, and gets the list alone.
    """
    now, query, who = timezone.now(), _query(request), reader(request.user)
    marker = request.GET.get("marker", "")
    try:
        page = timeline.page(
            search.sources(query, who),
            marker=marker,
            limit=PAGE,
            unknown_names=who.unknown_names,
        )
    except MarkerError:
        raise BadRequestError(
            "marker: this is no place in this list. Leave it out to begin at the newest."
        ) from None
    filters = query.parameters
    context = {
        "section": "activity",
        "now": now,
        "lines": page.lines,
        "filtered": bool(filters),
        "first": _url(filters) if marker else "",
        "next": _url({**filters, "marker": page.next}) if page.next else "",
    }
    if by_itself(request):
        return render(request, "includes/activity.html", context)
    context |= {
        "query": query,
        "kinds": search.EVENT_KINDS,
        "outcomes": Outcome.choices,
        "export": urlencode(filters),
        "silence": liveness.silence(now),
        "reader": who,
        "hidden": tampering.newest_changes(
            since=now - HIDDEN, scope=who.scope, now=now, limit=HIDDEN_SHOWN
        ),
        "set_aside": search.dead_letter_count() if who.unknown_names else 0,
    }
    return render(request, "web/activity.html", context)


@never_cache
@require_safe
def activity_export(request: OperatorRequest) -> StreamingHttpResponse:
    """All that fits as a file, streamed: sign-ins that are alike are counted by the minute."""
    now, query, who = timezone.now(), _query(request), reader(request.user)
    form = request.GET.get("format", "")
    if form not in EXPORTS:
        raise BadRequestError(f"format: {form!r} is no format of a file; csv and json are.")
    recorded_export(request, f"activity.{form}", now)
    rows = (search.as_dict(row, who) for row in search.everything(query, who))
    lines = (
        tables.csv_lines(search.EXPORT_COLUMNS, rows)
        if form == "csv"
        else tables.json_lines("activity", rows)
    )
    response = StreamingHttpResponse(lines, content_type=EXPORTS[form])
    name = f"activity-{now:%Y%m%dT%H%M%SZ}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@never_cache
@require_safe
@rights.needs("administer")
def set_aside(request: OperatorRequest) -> HttpResponse:
    """Messages that made no sense, with what they said: it may be of any domain."""
    rights.require_whole_cloud(request)
    context = {
        "section": "activity",
        "now": timezone.now(),
        "kinds": search.dead_letters()[:SET_ASIDE],
        "count": search.dead_letter_count(),
    }
    return render(request, "web/set_aside.html", context)


def _query(request: OperatorRequest) -> search.EventQuery:
    try:
        return search.EventQuery.parse(request.GET)
    except FilterError as error:
        raise BadRequestError(str(error)) from None


def _url(parameters: dict[str, str]) -> str:
    return "?" + urlencode(parameters)
