"""Health for machines: alive, and ready."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.keystone import client, database


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Everything that pages need answers: 200, else 503. Reasons stay in the log and the pages."""
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
    return JsonResponse(result, status=200 if ready else 503)


def _ping_ours() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
