"""Requests of pages that only operators reach."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, Final, ParamSpec

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect

from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.lib import shared
from pciops.signin import audit
from pciops.signin.models import Operator

P = ParamSpec("P")


class OperatorRequest(HttpRequest):
    """A request after LoginRequiredMiddleware, with an operator who has rights."""

    user: Operator


IDENTITY: Final = "identity"  # the key of the operator's last choice in the session

View = Callable[Concatenate[OperatorRequest, P], HttpResponse]


def post_only(back: Callable[P, str]) -> Callable[[View[P]], View[P]]:
    """Let only POST reach the view of an act; a GET leads to the act's page.

    Args:
        back: returns the URL of that page for the arguments of the view.
    """

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def guarded(request: OperatorRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method in {"GET", "HEAD"}:
                return redirect(back(*args, **kwargs))
            if request.method != "POST":
                return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def wants_fresh(request: OperatorRequest) -> bool:
    """Return whether the page must show what is true now: it tells the result of an act."""
    return shared.bypassed(request) or bool(len(messages.get_messages(request)))


def remember_identity(request: OperatorRequest, chosen: str) -> None:
    """Keep how the operator confirmed an identity, as the default for the next form."""
    if chosen:
        request.session[IDENTITY] = chosen


def usual_identity(request: OperatorRequest, *, service: bool) -> str:
    """Return the operator's last choice in this session; "" if it cannot be true here.

    Args:
        service: all accounts of the form are service accounts.
    """
    last = str(request.session.get(IDENTITY, ""))
    return "" if last == Event.Identity.SERVICE_ACCOUNT and not service else last


def initiator(request: OperatorRequest) -> Initiator:
    """Return the operator of a page, for the audit log."""
    return audit.initiator(request, request.user)
