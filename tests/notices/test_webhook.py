"""Calls of the webhook: signed, made once, and repeated if they fail."""

from __future__ import annotations

import hashlib
import hmac
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.notices.alerts import run as alerts
from pciops.notices.models import DeliveryStatus, WebhookCall
from tests.factories import NOW
from tests.support.certificates import certificate
from tests.support.processes import free_port

pytestmark = pytest.mark.django_db

SECRET = "a secret of the other side"  # noqa: S105 (of these tests)
MINUTE = timedelta(minutes=1)


@dataclass
class Receiver:
    """The calls that the other side got, and how it answers."""

    status: int = 204
    location: str = ""
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def accepts(self, number: int = -1, *, now: float = NOW.timestamp()) -> bool:
        """Check a call as docs/events.md does."""
        _, headers, body = self.calls[number]
        timestamp = headers["X-Pciops-Timestamp"]
        if abs(now - int(timestamp)) > 300:
            return False
        signed = timestamp.encode() + b"." + body
        expected = "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, headers["X-Pciops-Signature"])


@contextmanager
def serving(receiver: Receiver, pem: Path | None = None) -> Iterator[int]:
    """Run the other side until the end of the block; yield its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.calls.append((self.path, dict(self.headers), body))
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if pem:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    receiver = Receiver()
    with serving(receiver) as port:
        settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{port}/hook?from=pciops"
        settings.ALERT_WEBHOOK_SECRET = SECRET
        yield receiver


@pytest.fixture(autouse=True)
def call() -> WebhookCall:
    body = '{"type": "lockout_storm", "name": "Ännchen"}'
    return WebhookCall.objects.create(
        about="storm 7", body=body, raised_at=NOW, next_attempt_at=NOW
    )


def call_due(after: timedelta = timedelta(0)) -> WebhookCall:
    """Make the calls that are due; return the call as it is then."""
    alerts.call_due(clock=lambda: NOW + after)
    return WebhookCall.objects.get()


def test_a_call_has_a_signature_that_the_other_side_can_check(receiver: Receiver) -> None:
    call = call_due()
    [(path, headers, body)] = receiver.calls

    assert receiver.accepts()
    assert not receiver.accepts(now=NOW.timestamp() + 301)  # replayed
    assert path == "/hook?from=pciops"
    assert body.decode() == call.body
    assert headers["X-Pciops-Delivery"] == str(call.pk)
    assert (call.status, call.answer) == (DeliveryStatus.SENT, "204 No Content")


def test_a_call_is_not_made_again_after_it_was_taken(receiver: Receiver) -> None:
    call_due()
    call_due(timedelta(hours=1))

    assert len(receiver.calls) == 1


def test_a_call_that_fails_is_repeated_and_signed_anew(receiver: Receiver) -> None:
    receiver.status = 503
    call_due()
    call_due(timedelta(seconds=59))
    assert len(receiver.calls) == 1
    receiver.status = 200
    call = call_due(MINUTE)
    first, second = (headers["X-Pciops-Signature"] for _, headers, _ in receiver.calls)

    assert receiver.accepts(now=NOW.timestamp() + 60)
    assert first != second
    assert (call.status, call.attempts) == (DeliveryStatus.SENT, 2)


def test_a_call_is_given_up_after_a_day_with_the_reason(receiver: Receiver) -> None:
    receiver.status = 500
    for hours in range(25):
        call = call_due(timedelta(hours=hours))

    assert (call.status, call.answer) == (DeliveryStatus.GIVEN_UP, "500 Internal Server Error")


def test_a_redirect_is_not_followed(receiver: Receiver, settings: Settings) -> None:
    receiver.status, receiver.location = 307, f"{settings.ALERT_WEBHOOK_URL}/elsewhere"
    call = call_due()

    assert len(receiver.calls) == 1
    assert call.status == DeliveryStatus.PLANNED
    assert "redirect is not followed: 307" in call.answer


def test_a_refused_connection_defers_the_call(settings: Settings) -> None:
    settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{free_port()}/"
    call = call_due()

    assert call.status == DeliveryStatus.PLANNED
    assert "Connection refused" in call.answer


def test_only_a_trusted_certificate_is_accepted(settings: Settings, tmp_path: Path) -> None:
    receiver, pem = Receiver(), certificate(tmp_path, name="localhost")
    with serving(receiver, pem) as port:
        settings.ALERT_WEBHOOK_URL = f"https://localhost:{port}/"
        assert "certificate is not trusted" in call_due().answer
        assert receiver.calls == []

        settings.ALERT_WEBHOOK_CACERT = str(pem)
        assert call_due(MINUTE).status == DeliveryStatus.SENT
