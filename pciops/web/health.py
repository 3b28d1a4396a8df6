"""Health for machines: alive, and ready; answered before hosts, sessions and sign-in matter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from pciops.events import liveness
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

    Notifications are told too, and count for nothing: the pages work without them.
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
    if result["database"] == "ok" and (said := _notifications(timezone.now())):
        result["notifications"] = said
    return JsonResponse(result, status=200 if ready else 503)


def _notifications(now: datetime) -> str:
    """`ok`, or since when there is no news; "" where nobody has set them up, or before migrate."""
    try:
        silence = liveness.silence(now)
    except (DatabaseError, InterfaceError):
        return ""
    if silence is None:
        return "ok"
    since = f"no news since {times.iso(silence.since)}" if silence.since else "no news yet"
    return since if silence.set_up else ""


def _ping_ours() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
