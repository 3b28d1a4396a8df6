"""Calls of the site's webhooks: signed, over TLS with a checked certificate.

A redirect is not followed: a body that was signed for one address is not sent to another.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from pciops.lib.addresses import plain
from pciops.notices.mail.transport import REPLY_LENGTH, DeliveryOutcome, DeliveryResult

TIMEOUT: Final = 10  # seconds that the server may take for each reply
READ: Final = 500  # bytes of an answer
SIGNATURE: Final = "X-Pciops-Signature"
TIMESTAMP: Final = "X-Pciops-Timestamp"
DELIVERY: Final = "X-Pciops-Delivery"


def signature(body: bytes, *, timestamp: str, secret: str) -> str:
    """Return `v1=` and the HMAC-SHA256 of the timestamp, a point and the body, in hexadecimal."""
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """The other side of a webhook; "" for a secret signs nothing."""

    url: str
    secret: str = field(repr=False)


def of_alerts() -> Receiver:
    return Receiver(url=settings.ALERT_WEBHOOK_URL, secret=settings.ALERT_WEBHOOK_SECRET)


def of_acts() -> Receiver:
    return Receiver(url=settings.ACT_WEBHOOK_URL, secret=settings.ACT_WEBHOOK_SECRET)


def post(data: bytes, receiver: Receiver, *, delivery: UUID, now: datetime) -> DeliveryResult:
    """Make one call with this body; every failure defers it."""
    timestamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "pciops",
        DELIVERY: str(delivery),
        TIMESTAMP: timestamp,
    }
    if receiver.secret:
        headers[SIGNATURE] = signature(data, timestamp=timestamp, secret=receiver.secret)
    parts = urlsplit(receiver.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with closing(_connection(receiver.url)) as connection:
            connection.request("POST", target, data, headers)
            response = connection.getresponse()
            text = response.read(READ).decode("utf-8", "replace")
    except (OSError, HTTPException, ValueError) as error:
        return _result(DeliveryOutcome.DEFERRED, f"no answer: {_reason(error)}")
    reply = f"{response.status} {response.reason} {text}"
    if 300 <= response.status < 400:
        return _result(DeliveryOutcome.DEFERRED, f"a redirect is not followed: {reply}")
    taken = 200 <= response.status < 300
    return _result(DeliveryOutcome.SENT if taken else DeliveryOutcome.DEFERRED, reply)


def _result(outcome: DeliveryOutcome, reply: str) -> DeliveryResult:
    return DeliveryResult(outcome, plain(reply, REPLY_LENGTH))


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return HTTPConnection(host, parts.port, timeout=TIMEOUT)
    context = ssl.create_default_context(cafile=settings.ALERT_WEBHOOK_CACERT or None)
    return HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=context)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
