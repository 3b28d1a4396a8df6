"""An SMTP server on loopback that keeps what it accepts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from pciops.lib.env import MailServer
from tests.support.processes import free_port


@dataclass
class SmtpServer:
    """The mails that the server accepted, and the replies it is told to give."""

    port: int = 0
    envelopes: list[Envelope] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)  # address → reply to RCPT
    data_reply: str = "250 queued as 4711"

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's own name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Reply as aiosmtpd asks."""
        reply = self.replies.get(address, "250 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(  # noqa: N802 (aiosmtpd's own name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Reply as aiosmtpd asks."""
        if self.data_reply.startswith("250"):
            self.envelopes.append(envelope)
        return self.data_reply

    @property
    def address(self) -> MailServer:
        """The value of `MAIL_SERVER` for this server."""
        return MailServer(host="127.0.0.1", port=self.port, tls="none")

    @property
    def mails(self) -> list[EmailMessage]:
        """The accepted mails, parsed."""
        contents = [cast("bytes", envelope.content) for envelope in self.envelopes]
        return [message_from_bytes(content, policy=default) for content in contents]

    @property
    def recipients(self) -> list[str]:
        """The recipients of the accepted mails."""
        return sorted(to for envelope in self.envelopes for to in envelope.rcpt_tos)


@contextmanager
def smtp_server_running(port: int = 0) -> Iterator[SmtpServer]:
    """Run a server until the end of the block."""
    server = SmtpServer(port=port or free_port())
    controller = Controller(
        server, hostname="127.0.0.1", port=server.port, enable_SMTPUTF8=True, decode_data=False
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
