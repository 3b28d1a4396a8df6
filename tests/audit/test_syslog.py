"""Tests of the copies in syslog, received by sockets on loopback."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from pciops.audit import anchors, chain, services, syslog
from pciops.audit.models import Event, SyslogCursor
from pciops.audit.tasks import send_syslog
from pciops.lib import claims
from tests.audit.helpers import open_event, record
from tests.support.certificates import certificate

pytestmark = pytest.mark.django_db

RFC5424 = re.compile(r"<(\d+)>1 (\S+) (\S+) pciops (\d+) (\S+) - (\{.*\})", re.DOTALL)


@pytest.fixture(autouse=True)
def _fresh_sender() -> Iterator[None]:
    syslog.SENDER.close()
    syslog.SENDER.broken = False
    yield
    syslog.SENDER.close()


@pytest.fixture
def udp(settings: Settings) -> Iterator[socket.socket]:
    """A receiver of datagrams, to which pciops sends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        settings.SYSLOG_URL = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        yield receiver


@pytest.fixture
def tcp(settings: Settings) -> Iterator[socket.socket]:
    """A receiver of streams, to which pciops sends."""
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        receiver.settimeout(5)
        settings.SYSLOG_URL = f"tcp://127.0.0.1:{receiver.getsockname()[1]}"
        yield receiver


@pytest.fixture
def committed(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Callable[[], Event]:
    """Return a function that records and commits a row."""

    def write() -> Event:
        with django_capture_on_commit_callbacks(execute=True):
            return record()

    return write


def frames(connection: socket.socket, number: int) -> list[bytes]:
    """Read messages of a stream, each after its length (RFC 6587)."""
    messages = []
    connection.settimeout(5)
    with connection.makefile("rb") as stream:
        for _ in range(number):
            length = b""
            while (byte := stream.read(1)) not in {b" ", b""}:
                length += byte
            messages.append(stream.read(int(length)))
    return messages


def test_row_is_sent_as_rfc_5424_with_json(
    udp: socket.socket, committed: Callable[[], Event]
) -> None:
    event = committed()
    match = RFC5424.fullmatch(udp.recv(65535).decode())
    assert match is not None
    priority, _, host, _, kind, text = match.groups()

    assert (int(priority), host, kind) == (13 * 8 + 6, event.observer, "authenticate")
    assert json.loads(text) == chain.content(event) | {"hash": event.hash}


def test_failure_has_the_severity_of_a_warning(
    udp: socket.socket, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        record(outcome=Event.Outcome.FAILURE)

    assert udp.recv(65535).startswith(b"<108>1 ")


def test_intent_and_outcome_of_an_act_are_sent(
    udp: socket.socket, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True) as opened:
        event = open_event()
    with django_capture_on_commit_callbacks(execute=True) as settled:
        services.settle(event, Event.Outcome.SUCCESS)

    assert (len(opened), len(settled)) == (2, 2)  # a count, and a message to syslog
    assert b"begin/act" in udp.recv(65535)
    assert b'"position": 2' in udp.recv(65535)


def test_row_that_is_rolled_back_is_not_sent(
    udp: socket.socket, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True) as callbacks, transaction.atomic():
        record()
        transaction.set_rollback(True)

    assert callbacks == []


def test_stream_has_the_length_before_each_message(
    tcp: socket.socket, committed: Callable[[], Event]
) -> None:
    events = [committed(), committed()]
    connection, _ = tcp.accept()
    with connection:
        received = frames(connection, 2)

    assert all(event.hash.encode() in text for event, text in zip(events, received, strict=True))


def test_restarted_receiver_gets_the_next_row(
    tcp: socket.socket, committed: Callable[[], Event]
) -> None:
    committed()
    tcp.accept()[0].close()
    event = committed()
    connection, _ = tcp.accept()
    with connection:
        received = frames(connection, 2)

    assert event.hash.encode() in received[0]
    assert b'"position": 1,' in received[1]  # the old connection may have lost it
    assert syslog.waiting().count() == 0


@pytest.mark.parametrize(("name", "lost"), [("localhost", 0), ("other.example", 1)])
def test_name_in_the_certificate_is_checked(
    name: str,
    lost: int,
    tmp_path: Path,
    settings: Settings,
    tcp: socket.socket,
    committed: Callable[[], Event],
) -> None:
    pem = certificate(tmp_path, name=name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    settings.SYSLOG_URL = f"tls://localhost:{tcp.getsockname()[1]}"
    settings.SYSLOG_CACERT = str(pem)
    received: list[bytes] = []

    def receive() -> None:
        connection, _ = tcp.accept()
        with connection, suppress(ssl.SSLError), context.wrap_socket(connection, True) as stream:
            received.extend(frames(stream, 1))

    thread = threading.Thread(target=receive)
    thread.start()
    event = committed()
    syslog.SENDER.close()
    thread.join()

    assert syslog.waiting().count() == lost
    assert [event.hash.encode() in text for text in received] == [True] * (1 - lost)


def test_row_is_sent_to_a_local_socket(
    tmp_path: Path, settings: Settings, committed: Callable[[], Event]
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        settings.SYSLOG_URL = f"unix://{tmp_path / 'log'}"
        event = committed()

        assert event.hash.encode() in receiver.recv(65535)


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:9", "unix:///nowhere", "udp://no.such.invalid"])
def test_receiver_that_is_down_is_logged_once_and_rows_wait(
    url: str,
    settings: Settings,
    committed: Callable[[], Event],
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.SYSLOG_URL = url
    committed()
    committed()

    assert Event.objects.count() == 2
    assert syslog.waiting().count() == 2
    assert len([text for text in caplog.messages if "does not accept the audit log" in text]) == 1


def test_nothing_is_sent_without_a_receiver(committed: Callable[[], Event]) -> None:
    committed()

    assert not SyslogCursor.objects.exists()


def test_rows_that_were_not_taken_are_sent_later_in_order_and_once(
    udp: socket.socket, settings: Settings, committed: Callable[[], Event]
) -> None:
    url = settings.SYSLOG_URL
    first = committed()
    settings.SYSLOG_URL = "tcp://127.0.0.1:9"
    missed = [committed() for _ in range(3)]
    settings.SYSLOG_URL = url
    syslog.SENDER.close()  # the pause is over
    send_syslog()
    send_syslog()
    last = committed()
    received = [udp.recv(65535).decode() for _ in range(5)]

    assert [json.loads(text[text.index("{") :])["hash"] for text in received] == [
        event.hash for event in (first, *missed, last)
    ]
    udp.setblocking(False)
    with pytest.raises(BlockingIOError):
        udp.recv(65535)


def test_row_waits_while_another_process_sends(
    udp: socket.socket, committed: Callable[[], Event]
) -> None:
    committed()
    cursors = SyslogCursor.objects.all()
    claimed = claims.claim(cursors, now=timezone.now(), lease=syslog.LEASE)
    committed()
    assert syslog.waiting().count() == 1
    claims.release(claimed)
    send_syslog()

    assert syslog.waiting().count() == 0


def test_anchor_is_sent_with_its_note(udp: socket.socket, committed: Callable[[], Event]) -> None:
    committed()
    anchor = anchors.make_current(timezone.now())
    udp.recv(65535)
    text = udp.recv(65535).decode()

    assert anchor is not None
    assert " anchor - " in text
    assert json.loads(text[text.index("{") :]) == {"anchor": anchor.note}
