"""The page of open sessions."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from pciops.lib import times
from pciops.signin import open_sessions, sessions
from pciops.signin.middleware import by_itself
from pciops.web.requests import OperatorRequest, initiator


@never_cache
@require_safe
def session_list(request: OperatorRequest) -> HttpResponse:
    """Show the operator's own sessions, and to administrators those of others in their scope."""
    now = timezone.now()
    found = open_sessions.listed(request.user, cookie=_cookie(request), now=now)
    context = {
        "section": "sessions",
        "now": now,
        "own": [each for each in found if each.operator.id == request.user.id],
        "others": [each for each in found if each.operator.id != request.user.id],
        "administers": request.user.may("administer"),
        "most": open_sessions.MAX_LISTED if len(found) == open_sessions.MAX_LISTED else 0,
    }
    return render(request, "web/sessions.html", context)


@never_cache
@require_safe
def current_session(request: OperatorRequest) -> JsonResponse:
    """Return when the session ends: for the warning of an open page, and to stay signed in.

    Like every page, this is a use of the session, unless the page asks by itself.
    """
    now = timezone.now()
    end = sessions.end_of(request, now, used=not by_itself(request))
    left = {"ends_at": times.iso(end.at), "seconds": end.seconds(now), "movable": end.movable}
    return JsonResponse({"session": left})


@never_cache
@require_POST
def session_end(request: OperatorRequest, session_id: str) -> HttpResponse:
    """End a session and revoke its tokens."""
    now = timezone.now()
    session = open_sessions.find(request.user, session_id, cookie=_cookie(request), now=now)
    if session is None:
        raise Http404("There is no such session. It has ended, or it is not in your scope.")
    open_sessions.end(session, initiator=initiator(request), now=now)
    if session.current:
        logout(request)
        return redirect("signin")
    ended = format_html(
        "A session of <bdi>{}</bdi> (<bdi>{}</bdi>) from {} has ended. Its tokens are revoked.",
        session.operator.name,
        session.operator.domain_name,
        session.row.address or "an unknown address",
    )
    messages.success(request, ended)
    return redirect("sessions")


def _cookie(request: OperatorRequest) -> str:
    return request.session.session_key or ""
