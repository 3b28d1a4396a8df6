"""Health for machines: alive, and ready; answered before hosts, sessions and sign-in matter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from pciops.events import news
from pciops.keystone import client, database
from pciops.lib import times


class HealthMiddleware:
    """Before all that needs a database: a probe comes when much is broken, and by address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = {"/healthz": healthz, "/readyz": readyz}.get(request.path_info)
        if probe is None or request.method not in {"GET", "HEAD"}:
            return self.get_response(request)
        response = probe()
        response["Cache-Control"] = "no-store"
        return response


def healthz() -> HttpResponse:
    """This process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz() -> HttpResponse:
    """Everything that pages need answers: 200, else 503. Reasons stay in the log and the pages.

    Whether notifications come in is said, and does not count.
    """
    checks: dict[str, tuple[Callable[[], object], tuple[type[Exception], ...]]] = {
        "database": (_ping_ours, (DatabaseError, InterfaceError)),
        "keystone_database": (database.ping, (database.KeystoneDatabaseDownError,)),
        "keystone": (client.ping, (client.KeystoneError,)),
    }
    result = {}
    for name, (check, failures) in checks.items():
        try:
            check()
            result[name] = "ok"
        except failures:
            result[name] = "no answer"
    ready = set(result.values()) == {"ok"}
    result["notifications"] = _notifications(timezone.now())
    return JsonResponse(result, status=200 if ready else 503)


def _notifications(now: datetime) -> str:
    """Since when there is no news. Pages do without, so it makes nothing unready."""
    try:
        silence = news.silence(now)
    except (DatabaseError, InterfaceError):
        return "not known"
    if silence is None:
        return "ok"
    if not silence.set_up:
        return "not set up"
    return f"none since {times.iso(silence.since)}" if silence.since else "none yet"


def _ping_ours() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
