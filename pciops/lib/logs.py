"""Logs with one line for each entry, as text or as JSON, with the id of the request."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse

# As proxies make them, and OpenStack, with "req-" before it.
_REQUEST_ID: Final = re.compile(r"(?:req-)?[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
# What a caller adds to an entry in `extra`, as it is named in JSON.
FIELDS: Final = ("keystone_request_id", "method", "path", "status", "seconds")

# The id of the request, the run of a task, or the command that this thread works on; "": none.
request_id: Final[ContextVar[str]] = ContextVar("request_id", default="")


def new_request_id() -> str:
    """Return an id in OpenStack's form."""
    return f"req-{uuid.uuid4()}"


class OneLineFormatter(logging.Formatter):
    """Writes time (UTC), level, logger, the id of the request if any, and message in one line.

    Control characters, line separators and marks that change the direction of text are written
    as escapes, so names from Keystone cannot fake an entry. A traceback keeps its lines.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(request)s%(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 (logging's own name)
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        current = request_id.get()
        record.request = f"[{current}] " if current else ""
        return escape(super().formatMessage(record))


class JsonFormatter(OneLineFormatter):
    """Writes each entry, with its traceback, as one line of JSON in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "request_id": request_id.get() or None,
            "message": escape(record.getMessage()),
        }
        entry |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


FORMATTERS: Final = {"TEXT": OneLineFormatter, "JSON": JsonFormatter}  # by PCIOPS_LOG_FORMAT


class WithoutTraceback(logging.Filter):
    """Drops the traceback of a refused request: it is the client's fault, and costs a page."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        return True


class RequestIdMiddleware:
    """Middleware that gives each request an id, or keeps that of a proxy, and answers with it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        # Not at the end of the call: the body of an export is made after it.
        request_finished.connect(_forget)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id.set(given if _REQUEST_ID.fullmatch(given) else new_request_id())
        response = self.get_response(request)
        response["X-Request-ID"] = request_id.get()
        return response


def _forget(**_: object) -> None:
    request_id.set("")


def escape(text: str) -> str:
    """Return the text with every unprintable character as a Python escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
