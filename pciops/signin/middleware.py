"""Puts the rights on the operator of each request, and ends a session with its token or use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import logout
from django.contrib.sessions.middleware import SessionMiddleware as DjangosMiddleware
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from pciops.signin import sessions


def by_itself(request: HttpRequest) -> bool:
    """Whether a page that is open has sent this, and nobody who sits before it."""
    return "X-By-Itself" in request.headers


class SessionMiddleware(DjangosMiddleware):
    """A page that asks for news by itself does not keep its session alive (PCI DSS 8.2.8)."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if by_itself(request):
            return response
        found: HttpResponse = super().process_response(request, response)
        return found


class OperatorMiddleware:
    """Before LoginRequiredMiddleware, which sends whoever is signed out here to the form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *_: Any
    ) -> HttpResponse | None:
        """Only for pages that need somebody: health, API and the form do without the database."""
        if getattr(view, "login_required", True):
            try:
                sessions.attach(request, timezone.now())
            except sessions.EndedError:
                logout(request)
        return None
