"""The webhook is called as documented: signed, once, nowhere else, and again where it fails."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.events import doctor
from pciops.events.models import Alert, Storm
from pciops.events.storms import alerts
from pciops.lib.doctor import CheckLevel
from tests.factories import NOW
from tests.support.certificates import certificate
from tests.support.processes import free_port

pytestmark = pytest.mark.django_db

SECRET = "a secret of the other side"  # noqa: S105 (of these tests)


@dataclass
class Receiver:
    """The other side: what it got, and how it answers."""

    port: int
    status: int = 204
    location: str = ""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def accepts(self, number: int = -1, *, now: float = NOW.timestamp()) -> bool:
        """The check in docs/events.md."""
        _, headers, body = self.got[number]
        timestamp = headers["X-Pciops-Timestamp"]
        if abs(now - int(timestamp)) > 300:
            return False
        signed = timestamp.encode() + b"." + body
        expected = "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, headers["X-Pciops-Signature"])


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    it = Receiver(port=free_port())
    server = HTTPServer(("127.0.0.1", it.port), handler(it))
    settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{it.port}/hook?from=pciops"
    settings.ALERT_WEBHOOK_SECRET = SECRET
    with serving(server):
        yield it


def handler(it: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            it.got.append((self.path, dict(self.headers), body))
            self.send_response(it.status)
            if it.location:
                self.send_header("Location", it.location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


class serving:  # noqa: N801 (used as a function)
    """A server that answers in a thread."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.thread = threading.Thread(target=server.serve_forever, args=(0.01,))

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def alert() -> Alert:
    storm = Storm.objects.create(
        began_at=NOW, last_at=NOW, few=True, sources=[], accounts=12, names=0, tries=36
    )
    body = json.dumps({"type": "lockout_storm", "name": "Ännchen"}, ensure_ascii=False)
    return Alert.objects.create(storm=storm, body=body, raised_at=NOW, next_attempt_at=NOW)


def call(after: timedelta = timedelta(0)) -> None:
    alerts.call_due(clock=lambda: NOW + after)


def test_a_call_has_a_signature_that_the_other_side_can_check(
    receiver: Receiver, alert: Alert
) -> None:
    call()
    alert.refresh_from_db()
    [(path, headers, body)] = receiver.got

    assert receiver.accepts()
    assert path == "/hook?from=pciops"
    assert body.decode() == alert.body
    assert headers["X-Pciops-Delivery"] == str(alert.pk)
    assert (alert.status, alert.answer) == (Alert.Status.SENT, "204 No Content")


@pytest.mark.usefixtures("alert")
def test_a_call_that_is_replayed_later_is_not_accepted(receiver: Receiver) -> None:
    call()

    assert not receiver.accepts(now=NOW.timestamp() + 301)


@pytest.mark.usefixtures("alert")
def test_a_call_that_was_taken_is_not_made_again(receiver: Receiver) -> None:
    call()
    call(timedelta(hours=1))

    assert len(receiver.got) == 1


def test_a_call_that_is_not_taken_is_made_again_later_and_signed_anew(
    receiver: Receiver, alert: Alert
) -> None:
    receiver.status = 503
    call()
    call(timedelta(seconds=59))
    assert len(receiver.got) == 1
    receiver.status = 200
    call(timedelta(minutes=1))
    alert.refresh_from_db()

    assert receiver.accepts(now=NOW.timestamp() + 60)
    assert receiver.got[0][1]["X-Pciops-Signature"] != receiver.got[1][1]["X-Pciops-Signature"]
    assert (alert.status, alert.attempts) == (Alert.Status.SENT, 2)


def test_a_call_is_given_up_after_a_day_with_the_reason(receiver: Receiver, alert: Alert) -> None:
    receiver.status = 500
    for minutes in range(0, 25 * 60, 30):
        call(timedelta(minutes=minutes))
    alert.refresh_from_db()

    assert alert.status == Alert.Status.GIVEN_UP
    assert alert.answer == "500 Internal Server Error"


def test_a_redirect_is_not_followed(receiver: Receiver, alert: Alert) -> None:
    receiver.status, receiver.location = 307, f"http://127.0.0.1:{receiver.port}/elsewhere"
    call()
    alert.refresh_from_db()

    assert len(receiver.got) == 1
    assert alert.status == Alert.Status.PLANNED
    assert alert.answer.startswith("a redirect is not followed: 307")


def test_nobody_there_is_an_answer_too(settings: Settings, alert: Alert) -> None:
    settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{free_port()}/"
    call()
    alert.refresh_from_db()

    assert alert.answer == "no answer: Connection refused"


def test_a_certificate_that_is_not_trusted_is_refused(
    settings: Settings, alert: Alert, tmp_path: Path
) -> None:
    it, pem = Receiver(port=free_port()), certificate(tmp_path, name="localhost")
    with serving(secure(it, pem)):
        settings.ALERT_WEBHOOK_URL = f"https://localhost:{it.port}/"
        call()
        alert.refresh_from_db()
        assert alert.answer.startswith("no answer: its certificate is not trusted")
        assert it.got == []

        settings.ALERT_WEBHOOK_CACERT = str(pem)
        call(timedelta(minutes=1))
    alert.refresh_from_db()

    assert alert.status == Alert.Status.SENT


def secure(it: Receiver, pem: Path) -> HTTPServer:
    server = HTTPServer(("127.0.0.1", it.port), handler(it))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


# --- The doctor ---------------------------------------------------------------------------------
def test_the_doctor_says_that_nobody_is_told() -> None:
    [finding] = doctor.told()

    assert finding.sentence.startswith("Nobody is told of a lockout storm")


@pytest.mark.parametrize(
    ("secret", "level", "words"),
    [
        ("", CheckLevel.PROBLEM, "are not signed"),
        ("xyzzy", CheckLevel.WARNING, "is shorter than 16 characters"),
        (SECRET, CheckLevel.OK, "it was not called yet"),
    ],
)
def test_the_doctor_looks_at_the_secret(
    settings: Settings, secret: str, level: CheckLevel, words: str
) -> None:
    settings.ALERT_WEBHOOK_URL = "https://alerts.cloud.example/"
    settings.ALERT_WEBHOOK_SECRET = secret
    first = next(iter(doctor.told()))

    assert first.level is level
    assert words in first.sentence
    assert not secret or secret not in first.sentence + first.remedy


def test_the_doctor_says_that_calls_go_without_tls(settings: Settings) -> None:
    settings.ALERT_WEBHOOK_URL = "http://alerts.cloud.example/"
    settings.ALERT_WEBHOOK_SECRET = SECRET

    assert any("without TLS" in finding.sentence for finding in doctor.told())


def test_the_doctor_says_that_the_last_call_was_not_taken(receiver: Receiver, alert: Alert) -> None:
    receiver.status = 500
    call()

    assert any(
        finding.level is CheckLevel.PROBLEM and "500 Internal Server Error" in finding.sentence
        for finding in doctor.told()
    )
