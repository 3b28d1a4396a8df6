"""Middleware of requests that may act."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from pciops.keystone import database


class PrimaryMiddleware:
    """Middleware that lets requests that may act read Keystone's tables from the primary."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in {"GET", "HEAD", "OPTIONS"}:
            return self.get_response(request)
        with database.from_primary():
            return self.get_response(request)
