"""Puts the rights on the operator of each request, and ends a session with its token."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from pciops.signin import sessions


class OperatorMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            try:
                request.user.rights = sessions.rights(request, timezone.now())
            except sessions.EndedError:
                logout(request)  # LoginRequiredMiddleware sends them to the form
        return self.get_response(request)
