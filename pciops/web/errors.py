"""The pages that say what went wrong; never a traceback."""

from __future__ import annotations

import logging
import sys

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import outages
from pciops.lib.env import SettingError

KEYSTONE_DATABASE = "keystone_database"

log = logging.getLogger(__name__)


class BadRequestError(Exception):
    """An address of a page that makes no sense; the text says which part, and what would."""


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentence = "The request could not be read."
    return _page(request, 400, "Bad request", sentence)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403, "Not allowed", "You may not do this.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    sentence = (
        "The form was open for too long, or came from another site. Nothing was changed. Go back, "
        "reload the page, and send it again. Cookies have to be allowed."
    )
    return _page(request, 403, "Form refused", sentence)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentence = str(exception.args[0]) if exception.args else ""
    if not sentence or isinstance(exception.args[0], dict):
        sentence = "There is no such page."
    return _page(request, 404, "Not found", sentence)


def server_error(request: HttpRequest) -> HttpResponse:
    """The last resort: nothing in here may touch the session or a database."""
    if isinstance(sys.exc_info()[1], DatabaseError | InterfaceError):
        return render(
            request,
            "web/error_bare.html",
            {
                "title": "pciops' own database does not answer",
                "sentence": "Sign-ins, sessions and the trail live there; without a trail nothing "
                "is unlocked. The server's log says more.",
            },
            status=503,
        )
    return render(
        request,
        "web/error_bare.html",
        {
            "title": "pciops failed",
            "sentence": "This is a fault of pciops, not of your input. The server's log says "
            "what happened; the trail shows whether an act was done.",
        },
        status=500,
    )


def explained(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """The page for an error that pciops can explain; None for every other."""
    if isinstance(error, BadRequestError):
        return _page(request, 400, "Bad address", str(error))
    if isinstance(error, KeystoneDatabaseDownError):
        return _keystone_database_down(request, error)
    if isinstance(error, SettingError):
        log.error("the policy cannot be read: %s", error)
        return _page(request, 503, "Keystone's policy cannot be read", str(error))
    return None


def _keystone_database_down(request: HttpRequest, error: Exception) -> HttpResponse:
    now = timezone.now()
    source = outages.failed(KEYSTONE_DATABASE, now)
    log.warning("Keystone's database does not answer: %s", error)
    context = {"source": source, "now": now, "reason": str(error)}
    return render(request, "web/keystone_down.html", context, status=503)


def _page(request: HttpRequest, status: int, title: str, sentence: str) -> HttpResponse:
    context = {"title": title, "sentence": sentence, "status": status}
    return render(request, "web/error.html", context, status=status)
