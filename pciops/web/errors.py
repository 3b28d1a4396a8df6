"""The error pages: a sentence for every error, never a traceback."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone

from pciops.audit import refusals
from pciops.audit.services import AuditLogError
from pciops.keystone.client import UnreachableError
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import outages
from pciops.lib.env import SettingError
from pciops.lib.filters import FilterError
from pciops.lib.keyset import MarkerError
from pciops.signin import sessions
from pciops.web.requests import OperatorRequest, initiator

KEYSTONE_DATABASE = "keystone_database"

log = logging.getLogger(__name__)


class BadRequestError(Exception):
    """A URL with a parameter that is not valid; the text names it and the valid values."""


class NotAllowedError(Exception):
    """A request that the operator's role does not allow; the text names the roles that do."""


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer without the request: nothing in it can be trusted, not even its host."""
    if isinstance(exception, RequestDataTooBig):
        limit = f"{settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024} KiB"
        sentence = f"The form is too large. It can have {limit} and no files. Nothing was changed."
        return _bare_page(413, "Form too large", sentence)
    if isinstance(exception, DisallowedHost):
        sentence = (
            "pciops does not serve this host name. Open pciops at its own address. If this is "
            "its address, add the host name to PCIOPS_ALLOWED_HOSTS."
        )
        return _bare_page(400, "Unknown host", sentence)
    sentence = "pciops could not read the request: its host name, form, or session is damaged."
    return _bare_page(400, "Bad request", sentence)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403, "Not allowed", "You don't have permission to do this.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if settings.HTTPS and not request.is_secure():
        sentence = (
            "This page was sent over plain HTTP, where browsers do not send pciops' cookies. "
            "Nothing was changed. Open the address with https://. If it has that, the proxy in "
            "front must set X-Forwarded-Proto, and PCIOPS_PROXIES must count it."
        )
    elif reason.startswith("Origin checking failed"):
        sentence = (
            "The form came from another address than its own. Nothing was changed. Open pciops "
            "at its own address. A proxy in front must pass the Host header."
        )
    else:
        sentence = (
            "The form was open for too long, or came from another site. Nothing was changed. Go "
            "back, reload the page, and send it again. Allow cookies for this site."
        )
    return _page(request, 403, "Form refused", sentence)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentence = str(exception.args[0]) if exception.args else ""
    if not sentence or isinstance(exception.args[0], dict):
        sentence = "This page doesn't exist."
    return _page(request, 404, "Not found", sentence)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer without the session and the databases, which may be the cause."""
    if isinstance(sys.exc_info()[1], DatabaseError | InterfaceError):
        return _bare_page(
            503,
            "pciops' own database does not answer",
            "It holds sign-ins, sessions, and the audit log, so pciops can't unlock accounts "
            "without it. An unlock that was in progress may have been done. Check the account "
            "again. The server's log has the cause.",
        )
    return _bare_page(
        500,
        "pciops failed",
        "This is a bug in pciops, not in your input. The server's log has the traceback. The "
        "audit log shows whether an action was done.",
    )


class OutageMiddleware:
    """Middleware that answers errors that pciops can explain with a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return explained(request, error)


def explained(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """Return the page for an error that pciops can explain, or None for all others."""
    if isinstance(error, BadRequestError | FilterError):
        return _page(request, 400, "Bad address", str(error))
    if isinstance(error, MarkerError):
        sentence = "marker: not a place in this list. Leave it out to start at the first page."
        return _page(request, 400, "Bad address", sentence)
    if isinstance(error, NotAllowedError):
        refusals.record_refusal(
            initiator=initiator(cast("OperatorRequest", request)),
            resource=f"{request.method} {request.path}",
            remark=str(error),
            now=timezone.now(),
        )
        return _page(request, 403, "Not allowed", str(error))
    if isinstance(error, KeystoneDatabaseDownError):
        return _keystone_database_down(request, error)
    if isinstance(error, AuditLogError):
        return _page(request, 503, "pciops' own database does not answer", str(error))
    if isinstance(error, SettingError):
        log.error("the policy cannot be read: %s", error)
        scope = cast("OperatorRequest", request).user.scope
        sentence = (
            str(error) if scope is None else "An administrator of the cloud can see the reason."
        )
        return _page(request, 503, "Keystone's policy cannot be read", sentence)
    return None


def _keystone_database_down(request: HttpRequest, error: Exception) -> HttpResponse:
    now = timezone.now()
    source = outages.failed(KEYSTONE_DATABASE, now)
    log.warning("Keystone's database does not answer: %s", error)
    context = {"source": source, "now": now, "reason": str(error)}
    return render(request, "web/keystone_down.html", context, status=503)


def _bare_page(status: int, title: str, sentence: str) -> HttpResponse:
    """Render without the request, whose context processors need a database."""
    text = render_to_string("web/error_bare.html", {"title": title, "sentence": sentence})
    return HttpResponse(text, status=status)


def _page(request: HttpRequest, status: int, title: str, sentence: str) -> HttpResponse:
    with suppress(sessions.EndedError, UnreachableError):
        sessions.attach(request, timezone.now())  # the middleware does not, if no view was found
    context = {"title": title, "sentence": sentence}
    return render(request, "web/error.html", context, status=status)
