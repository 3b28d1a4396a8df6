"""Time stamps of anchors by an authority outside of pciops (RFC 3161)."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Final

import requests
from cryptography import x509
from django.conf import settings
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from pciops.audit.models import Anchor, Timestamp

TIMEOUT: Final = 10.0  # seconds
LARGEST: Final = 64 * 1024  # bytes of a reply
MISSED: Final = 24  # anchors without a time stamp that a run asks for again
_TYPE: Final = "application/timestamp-query"

log = logging.getLogger(__name__)


def stamp_missing() -> int:
    """Ask for the time stamps of the newest anchors without one; return how many were received.

    A failure is logged, and the next run tries again.
    """
    if not settings.TIMESTAMP_URL:
        return 0
    newest = Anchor.objects.order_by("-pk")[:MISSED]
    missing = [anchor for anchor in newest if not hasattr(anchor, "timestamp")]
    stamped = 0
    for anchor in missing:
        try:
            reply = ask(anchor.note)
        except (OSError, ValueError, VerificationError) as error:
            log.error("%s gives no time stamp: %s", settings.TIMESTAMP_URL, error)
            break
        Timestamp.objects.create(anchor=anchor, reply=reply)
        stamped += 1
    return stamped


def ask(note: str) -> bytes:
    """Return the authority's reply about a note, checked as far as its certificates are known.

    Raises:
        OSError, ValueError, VerificationError: there is no valid reply.
    """
    data = note.encode()
    builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.build()
    with requests.post(
        settings.TIMESTAMP_URL,
        data=request.as_bytes(),
        headers={"Content-Type": _TYPE},
        timeout=TIMEOUT,
        verify=settings.TIMESTAMP_CACERT or True,
        stream=True,
        allow_redirects=False,
    ) as answer:
        if answer.status_code != requests.codes.ok:
            raise ValueError(f"it answers {answer.status_code}")
        reply = answer.raw.read(LARGEST + 1, decode_content=True)
    if len(reply) > LARGEST:
        raise ValueError("its reply is too long")
    _check(decode_timestamp_response(reply), data, request)
    return bytes(reply)


def is_about(reply: bytes, note: str) -> bool:
    """Return whether a stored reply is about this note, and of the authority if it is known."""
    try:
        _check(decode_timestamp_response(reply), note.encode(), None)
    except (ValueError, VerificationError):
        return False
    return True


def _check(response: TimeStampResponse, data: bytes, request: TimeStampRequest | None) -> None:
    """Check a reply; its signature only if PCIOPS_TIMESTAMP_CACERT names the certificates.

    Raises:
        ValueError, VerificationError
    """
    if response.status not in {0, 1}:
        raise ValueError(f"it refuses with status {response.status}")
    if response.tst_info.message_imprint.message != hashlib.sha256(data).digest():
        raise ValueError("its reply is about something else")
    if request is not None and response.tst_info.nonce != request.nonce:
        raise ValueError("its reply is to another request")
    if not settings.TIMESTAMP_CACERT:
        return
    builder = VerifierBuilder.from_request(request) if request else VerifierBuilder()
    certificates = Path(settings.TIMESTAMP_CACERT).read_bytes()
    for certificate in x509.load_pem_x509_certificates(certificates):
        builder = builder.add_root_certificate(certificate)
    builder.build().verify_message(response, data)
