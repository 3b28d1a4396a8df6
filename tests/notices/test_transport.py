"""Mail transports, against servers on loopback that reply as they are told."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.lib.env import MailServer
from pciops.notices.mail.transport import (
    DeliveryOutcome,
    DeliveryResult,
    FileTransport,
    MailServerDown,
    MailTransport,
    SmtpTransport,
    open_transport,
)
from tests.notices.smtp_server import SmtpServer

CONTENT = b"From: pciops@cloud.example\r\nSubject: a test\r\n\r\nhello\r\n"
HANG_UP = "hang up"
ACCEPTED = DeliveryResult(DeliveryOutcome.SENT, "250 taken")


@dataclass
class Script:
    """The replies of a server, and the mails that it accepted."""

    replies: dict[str, str] = field(default_factory=dict)  # line, or its first word → reply
    mails: list[bytes] = field(default_factory=list)
    connections: int = 0

    def reply(self, line: str) -> str:
        word = line.split()[0].upper()
        usual = {"EHLO": "250-here\r\n250 HELP", "DATA": "354 go on", "QUIT": "221 bye"}
        return self.replies.get(line) or self.replies.get(word) or usual.get(word, "250 OK")


class _Handler(socketserver.StreamRequestHandler):
    script: Script

    def handle(self) -> None:
        script = self.script
        script.connections += 1
        self._write("220 here")
        while line := self.rfile.readline().decode().strip():
            reply = script.reply(line)
            if reply == HANG_UP:
                return
            self._write(reply)
            if reply.startswith(("421", "221")):
                return
            if reply.startswith("354"):
                text = list(iter(self.rfile.readline, b".\r\n"))
                reply = script.replies.get("text", "250 taken")
                if reply == HANG_UP:
                    return
                if reply.startswith("250"):
                    script.mails.append(b"".join(text))
                self._write(reply)
                if reply.startswith("421"):
                    return

    def _write(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def serving(script: Script) -> Iterator[SmtpTransport]:
    """Yield a transport to a server that follows the script."""
    handler = type("Handler", (_Handler,), {"script": script})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = MailServer(host="127.0.0.1", port=server.server_address[1], tls="none")
        try:
            with closing(SmtpTransport(address, sender="pciops@cloud.example")) as transport:
                yield transport
        finally:
            server.shutdown()
            thread.join()


def send(transport: MailTransport, to: str = "ann@example.test") -> DeliveryResult:
    return transport.send(CONTENT, to=to)


def test_a_mail_arrives_as_it_was_written_with_its_dots() -> None:
    script = Script()
    content = CONTENT + b".\r\n..two\r\nthe end.\r\n"
    with serving(script) as transport:
        result = transport.send(content, to="ann@example.test")

    assert result == ACCEPTED
    assert [text.replace(b"\r\n..", b"\r\n.") for text in script.mails] == [content]


def test_one_connection_serves_many_mails() -> None:
    script = Script(replies={"rcpt TO:<bad@example.test>": "550 no such user"})
    with serving(script) as transport:
        results = [send(transport, to) for to in ("ann@a.test", "bad@example.test", "bob@a.test")]

    refused = DeliveryResult(DeliveryOutcome.REFUSED, "550 no such user")
    assert results == [ACCEPTED, refused, ACCEPTED]
    assert (script.mails, script.connections) == ([CONTENT] * 2, 1)


@pytest.mark.parametrize(
    ("step", "reply", "outcome"),
    [
        ("RCPT", "550 no such user", DeliveryOutcome.REFUSED),
        ("RCPT", "450 greylisted", DeliveryOutcome.DEFERRED),
        ("RCPT", "421 shutting down", DeliveryOutcome.DEFERRED),
        ("DATA", "554 no valid recipients", DeliveryOutcome.REFUSED),
        ("DATA", "451 try again", DeliveryOutcome.DEFERRED),
        ("DATA", "421 shutting down", DeliveryOutcome.DEFERRED),
        ("DATA", "250 what?", DeliveryOutcome.DEFERRED),
        ("text", "554 spam", DeliveryOutcome.REFUSED),
        ("text", "452 disk full", DeliveryOutcome.DEFERRED),
        ("text", "421 shutting down", DeliveryOutcome.DEFERRED),
    ],
)
def test_a_reply_about_a_mail_is_its_result_and_the_next_mail_is_sent(
    step: str, reply: str, outcome: DeliveryOutcome
) -> None:
    script = Script()
    with serving(script) as transport:
        before = send(transport)
        script.replies[step] = reply
        result = send(transport)
        script.replies.clear()
        after = send(transport)

    assert (before, after) == (ACCEPTED, ACCEPTED)
    assert result == DeliveryResult(outcome, reply)
    assert script.connections == (2 if reply.startswith("421") else 1)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "text"])
def test_a_broken_connection_defers_one_mail(step: str) -> None:
    script = Script(replies={step: HANG_UP})
    with serving(script) as transport:
        broken = send(transport)
        script.replies.clear()
        after = send(transport)

    assert broken.outcome is DeliveryOutcome.DEFERRED
    assert "the connection broke" in broken.reply
    assert (after, script.connections) == (ACCEPTED, 2)


def test_a_server_that_hangs_up_after_a_refusal_costs_the_next_mail_nothing() -> None:
    script = Script(replies={"RCPT": "550 no such user", "RSET": HANG_UP})
    with serving(script) as transport:
        send(transport)
        script.replies.clear()

        assert send(transport) == ACCEPTED


@pytest.mark.parametrize("reply", ["530 log in first", "421 shutting down"])
def test_a_refused_sender_is_no_result_of_a_mail(reply: str) -> None:
    script = Script(replies={"MAIL": reply})
    with serving(script) as transport, pytest.raises(MailServerDown, match=reply):
        send(transport)

    assert script.mails == []


def test_an_address_that_needs_smtputf8_is_refused_by_a_server_without_it() -> None:
    script = Script()
    with serving(script) as transport:
        outcomes = [send(transport, to).outcome for to in ("用户@example.test", "bob@example.test")]

    assert outcomes == [DeliveryOutcome.REFUSED, DeliveryOutcome.SENT]


# --- The transport of the settings ----------------------------------------------------------------
def test_a_refused_login_is_reported_without_the_password(
    smtp_server: SmtpServer, settings: Settings
) -> None:
    settings.MAIL_SERVER = MailServer(
        host="127.0.0.1", port=smtp_server.port, tls="none", user="pciops", password="s3cret"
    )
    with closing(open_transport()) as transport, pytest.raises(MailServerDown) as raised:
        send(transport)

    assert "s3cret" not in str(raised.value)


def test_without_the_tls_of_the_settings_nothing_is_sent(
    smtp_server: SmtpServer, settings: Settings
) -> None:
    settings.MAIL_SERVER = MailServer(host="127.0.0.1", port=smtp_server.port, tls="starttls")
    with closing(open_transport()) as transport, pytest.raises(MailServerDown, match="STARTTLS"):
        send(transport)


def test_without_a_server_there_is_no_transport(settings: Settings) -> None:
    settings.MAIL_SERVER = None
    with pytest.raises(MailServerDown, match="PCIOPS_EMAIL_URL is not set"):
        open_transport()


def test_a_folder_gets_each_mail_as_a_file(tmp_path: Path, settings: Settings) -> None:
    settings.MAIL_SERVER = MailServer(folder=str(tmp_path / "mails"))
    content = b"Message-ID: <17@cloud.example>\r\n" + CONTENT
    with closing(open_transport()) as transport:
        results = [transport.send(content, to="ann@example.test") for _ in range(2)]

    assert {result.outcome for result in results} == {DeliveryOutcome.SENT}
    assert [path.name for path in (tmp_path / "mails").iterdir()] == ["17.eml"]
    assert (tmp_path / "mails" / "17.eml").read_bytes() == content


def test_a_folder_that_cannot_be_written_to_is_no_result_of_a_mail(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MailServerDown, match="File exists|Not a directory"):
        send(FileTransport(str(tmp_path / "file")))
