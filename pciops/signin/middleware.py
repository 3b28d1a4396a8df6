"""Middleware that attaches the rights to each request, and ends sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.sessions.middleware import SessionMiddleware as DjangosMiddleware
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone

from pciops.audit.models import Event
from pciops.keystone import client
from pciops.signin import audit, sessions, typed, unseen_proxy
from pciops.signin.models import Operator
from pciops.signin.session_store import SessionStore

log = logging.getLogger(__name__)

ENDED: Final = (
    "Your session has ended. Nothing was changed. Sign in, and the form opens again with what "
    "you typed."
)
ENDED_READING: Final = "Your session has ended. Sign in to continue."
REVOKED: Final = (
    "You are signed out. Keystone no longer accepts your token, or it has lost its role. Nothing "
    "was changed."
)


def by_itself(request: HttpRequest) -> bool:
    """Return whether an open page has sent the request by itself, without its user."""
    return "X-By-Itself" in request.headers


class SessionMiddleware(DjangosMiddleware):
    """Sessions whose end each request moves, unless an open page sent it by itself.

    The end counts idle time (PCI DSS 8.2.8). It is not written again for requests of one moment.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if by_itself(request):
            return response
        session = cast("SessionStore", request.session)
        if session.must_be_renewed(timezone.now()):
            session.modified = True
        processed: HttpResponse = super().process_response(request, response)
        return processed


class OperatorMiddleware:
    """A step before LoginRequiredMiddleware, which redirects signed-out requests to the form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        unseen_proxy.look(request, timezone.now())
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *_: Any
    ) -> HttpResponse | None:
        """Attach the rights, unless the view needs no operator: then no database is read.

        A form that is sent after the end of the session leads to the sign-in page, which says so,
        and back to the form with what was typed.
        """
        if not getattr(view, "login_required", True):
            return None
        now, ended = timezone.now(), ""
        try:
            sessions.attach(request, now, always=_confirmed_always(request, view))
        except sessions.RevokedError:
            _record_revoked(request, now)
            ended = REVOKED
        except sessions.EndedError:
            ended = ENDED_READING
        except client.UnreachableError as error:
            log.warning("cannot confirm rights, Keystone does not answer: %s", error)
            return render(request, "signin/unconfirmed.html", {"reason": str(error)}, status=503)
        if ended:
            logout(request)
        if request.user.is_authenticated:
            return None
        if by_itself(request):  # the open page says so; a form would replace its content
            return HttpResponse(status=401)
        if request.method == "POST" and ended != REVOKED:
            ended = ENDED
        if ended:
            messages.warning(request, ended)
        if request.method != "POST":
            return None
        target = typed.url_with(request.get_full_path(), request.POST.dict())
        return redirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': target})}")


def _confirmed_always(request: HttpRequest, view: Callable[..., HttpResponse]) -> bool:
    """Return whether Keystone must confirm the rights for this request: exports, reports, acts."""
    if request.method not in {"GET", "HEAD"} and not getattr(view, "confirms_itself", False):
        return True
    route = request.resolver_match.route if request.resolver_match else ""
    return route.endswith("export") or route.startswith("reports/")


def _record_revoked(request: HttpRequest, now: datetime) -> None:
    """Record that a session ends whose token Keystone no longer accepts, with what it asked for."""
    if isinstance(request.user, Operator):
        audit.note(
            request,
            request.user,
            now,
            action=Event.Action.SIGN_OUT,
            remark="Keystone no longer accepts the token, or it has lost its role; refused: "
            f"{request.method} {request.path}",
        )
