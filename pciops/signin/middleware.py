"""Middleware that attaches the rights to each request, and ends sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import logout
from django.contrib.sessions.middleware import SessionMiddleware as DjangosMiddleware
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from pciops.signin import sessions


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
        """Attach the rights, unless the view needs no operator: then no database is read."""
        if getattr(view, "login_required", True):
            try:
                sessions.attach(request, timezone.now())
            except sessions.EndedError:
                logout(request)
        return None
