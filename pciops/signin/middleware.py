"""Middleware that attaches the rights to each request, and ends sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.sessions.middleware import SessionMiddleware as DjangosMiddleware
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils import timezone

from pciops.signin import sessions, typed

ENDED: Final = (
    "Your session has ended. Nothing was changed. Sign in: the form opens again with what you"
    " typed."
)
ENDED_READING: Final = "Your session has ended. Sign in to continue."


def by_itself(request: HttpRequest) -> bool:
    """Return whether an open page has sent the request by itself, without its user."""
    return "X-By-Itself" in request.headers


class SessionMiddleware(DjangosMiddleware):
    """Sessions that requests of an open page by itself do not keep alive (PCI DSS 8.2.8)."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if by_itself(request):
            return response
        processed: HttpResponse = super().process_response(request, response)
        return processed


class OperatorMiddleware:
    """A step before LoginRequiredMiddleware, which redirects signed-out requests to the form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
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
        ended = False
        try:
            sessions.attach(request, timezone.now())
        except sessions.EndedError:
            logout(request)
            ended = True
        if request.user.is_authenticated:
            return None
        if ended or request.method == "POST":
            messages.warning(request, ENDED if request.method == "POST" else ENDED_READING)
        if request.method != "POST":
            return None
        target = typed.url_with(request.get_full_path(), request.POST.dict())
        return redirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': target})}")
