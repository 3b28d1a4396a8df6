"""The pages of Keystone's notifications: sign-ins, and changes of accounts and roles."""

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
from pciops.events.search import EventKind, EventQuery
from pciops.events.tampering import selectors as tampering
from pciops.signin.event_access import reader
from pciops.web import frame, rights
from pciops.web.exports import export
from pciops.web.requests import OperatorRequest

PAGE_SIZE: Final = 50
OUT_OF_BAND_FOR: Final = timedelta(days=7)  # how long such changes are shown above the list
OUT_OF_BAND: Final = 10  # changes
DEAD_LETTERS: Final = 100  # kinds of messages
# The views: label and filters.
VIEWS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("All", {}),
    ("Failed sign-ins", {"kind": EventKind.SIGN_IN.value, "outcome": Outcome.FAILURE.value}),
    ("Sign-ins", {"kind": EventKind.SIGN_IN.value, "outcome": Outcome.SUCCESS.value}),
    ("Changes", {"kind": EventKind.CHANGE.value}),
)


@never_cache
@require_safe
def activity(request: OperatorRequest) -> HttpResponse:
    """Show the newest events first, by the filters in the URL."""
    now, query, viewer = timezone.now(), EventQuery.parse(request.GET), reader(request.user)
    since, views = now - OUT_OF_BAND_FOR, frame.view_links(VIEWS, query.parameters)
    marker = request.GET.get("marker", "")
    page = timeline.page(
        search.sources(query, viewer),
        marker=marker,
        limit=PAGE_SIZE,
        unknown_names=viewer.unknown_names,
    )
    filters = query.parameters
    context = {
        "section": "activity",
        "now": now,
        "lines": page.lines,
        "filtered": bool(filters),
        "first": f"?{urlencode(filters)}" if marker else "",
        "next": f"?{urlencode({**filters, 'marker': page.next})}" if page.next else "",
        "live": not marker,
        "query": query,
        "views": views,
        "narrowed": query.doer or query.since or query.until or not any(view[2] for view in views),
        "kinds": search.EVENT_KINDS,
        "outcomes": Outcome.choices,
        "export": urlencode(filters),
        "silence": liveness.silence(now),
        "reader": viewer,
        "out_of_band": tampering.newest_changes(
            since=since, scope=viewer.scope, now=now, limit=OUT_OF_BAND
        ),
        "dead_letters": search.dead_letter_count() if viewer.unknown_names else 0,
    }
    return render(request, "web/activity.html", context)


@never_cache
@require_safe
def activity_export(request: OperatorRequest) -> StreamingHttpResponse:
    """Stream all matching events as a file; like sign-ins are counted by the minute."""
    now, query, viewer = timezone.now(), EventQuery.parse(request.GET), reader(request.user)
    rows = (search.as_dict(row, viewer) for row in search.everything(query, viewer))
    return export(request, "activity", search.EXPORT_COLUMNS, rows, now=now)


@never_cache
@require_safe
@rights.needs("administer")
def set_aside(request: OperatorRequest) -> HttpResponse:
    """Show messages that could not be processed, to administrators of the whole cloud."""
    rights.require_whole_cloud(request)
    context = {
        "section": "activity",
        "now": timezone.now(),
        "kinds": search.dead_letters()[:DEAD_LETTERS],
        "count": search.dead_letter_count(),
    }
    return render(request, "web/set_aside.html", context)
