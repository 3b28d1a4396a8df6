"""A real SMTP server on loopback, which keeps what it gets and refuses whom it is told to."""

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
class Letterbox:
    """What came in, and how it answers whom."""

    port: int = 0
    envelopes: list[Envelope] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)  # address → answer to RCPT
    after_data: str = "250 queued as 4711"
    pipelining: bool = False  # offered, as most servers do

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's own name)
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """aiosmtpd asks here."""
        session.host_name = hostname
        offered = ["250-PIPELINING"] if self.pipelining else []
        return [*responses[:-1], *offered, responses[-1]]

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's own name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """aiosmtpd asks here."""
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 (aiosmtpd's own name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """aiosmtpd asks here."""
        if self.after_data.startswith("250"):
            self.envelopes.append(envelope)
        return self.after_data

    @property
    def server(self) -> MailServer:
        """Its address."""
        return MailServer(host="127.0.0.1", port=self.port, tls="none")

    @property
    def mails(self) -> list[EmailMessage]:
        """What came in, read again."""
        return [
            message_from_bytes(cast("bytes", one.content), policy=default) for one in self.envelopes
        ]

    @property
    def reached(self) -> list[str]:
        """Whom the mails were for."""
        return sorted(address for one in self.envelopes for address in one.rcpt_tos)


@contextmanager
def open_letterbox(port: int = 0, *, pipelining: bool = False) -> Iterator[Letterbox]:
    """A server that runs until the end of the block."""
    box = Letterbox(port=port or free_port(), pipelining=pipelining)
    controller = Controller(
        box, hostname="127.0.0.1", port=box.port, enable_SMTPUTF8=True, decode_data=False
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
