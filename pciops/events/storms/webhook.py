"""Calls the webhook of the site: signed, over TLS that is checked, and nowhere else.

A redirect is no answer: what was signed for one place is not sent to another.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from contextlib import closing
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from pciops.events.models import MAX_TEXT
from pciops.lib.addresses import plain

TIMEOUT: Final = 10  # seconds that each word of the server may take
READ: Final = 500  # bytes of an answer
SIGNATURE: Final = "X-Pciops-Signature"
TIMESTAMP: Final = "X-Pciops-Timestamp"
DELIVERY: Final = "X-Pciops-Delivery"


class Answer(NamedTuple):
    """What came back; `words` is why where it was not taken."""

    taken: bool
    words: str


def signature(body: bytes, *, timestamp: str, secret: str) -> str:
    """`v1=` and the HMAC-SHA256 of the timestamp, a point and the body, in hexadecimal."""
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def post(body: str, *, delivery: UUID, now: datetime) -> Answer:
    """Make one call. Whatever happens is an answer."""
    data, timestamp = body.encode(), str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "pciops",
        DELIVERY: str(delivery),
        TIMESTAMP: timestamp,
    }
    if settings.ALERT_WEBHOOK_SECRET:
        headers[SIGNATURE] = signature(
            data, timestamp=timestamp, secret=settings.ALERT_WEBHOOK_SECRET
        )
    parts = urlsplit(settings.ALERT_WEBHOOK_URL)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with closing(_connection()) as connection:
            connection.request("POST", target, data, headers)
            response = connection.getresponse()
            said = response.read(READ).decode("utf-8", "replace")
    except (OSError, HTTPException, ValueError) as error:
        return Answer(False, plain(f"no answer: {_reason(error)}", MAX_TEXT))
    words = plain(f"{response.status} {response.reason} {said}", MAX_TEXT)
    if 300 <= response.status < 400:
        return Answer(False, plain(f"a redirect is not followed: {words}", MAX_TEXT))
    return Answer(200 <= response.status < 300, words)


def _connection() -> HTTPConnection:
    parts = urlsplit(settings.ALERT_WEBHOOK_URL)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return HTTPConnection(host, parts.port, timeout=TIMEOUT)
    context = ssl.create_default_context(cafile=settings.ALERT_WEBHOOK_CACERT or None)
    return HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=context)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
