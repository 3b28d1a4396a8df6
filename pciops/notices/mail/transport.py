"""Transports for mails: one reused SMTP connection, or a folder of files.

A server that cannot be reached, or that refuses the login or the sender, raises MailServerDown:
the mail was not attempted. A reply about one mail is the result of that mail.
"""

from __future__ import annotations

import smtplib
import ssl
from abc import ABC, abstractmethod
from contextlib import suppress
from email import message_from_bytes
from email.utils import parseaddr
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from django.conf import settings

from pciops.lib.addresses import plain
from pciops.lib.env import MailServer

REPLY_LENGTH: Final = 500  # characters of a server's reply that are kept
TIMEOUT: Final = 20  # seconds that the server may take for each reply
NO_SERVER: Final = "PCIOPS_EMAIL_URL is not set"


class MailServerDown(Exception):  # noqa: N818 (a condition of the server)
    """No mail can be sent now; the text is the reason, without any password."""


class DeliveryOutcome(Enum):
    """The outcome of one attempt to deliver a message."""

    SENT = "sent"
    REFUSED = "refused"  # permanently
    DEFERRED = "later"


class DeliveryResult(NamedTuple):
    """The outcome of an attempt, and the reply of the server or the reason."""

    outcome: DeliveryOutcome
    reply: str


class MailTransport(ABC):
    """A connection over which mails are sent one after the other."""

    @abstractmethod
    def send(self, content: bytes, *, to: str) -> DeliveryResult:
        """Send one mail to one address, or raise MailServerDown if the mail was not attempted."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection; the next `send` opens it again."""


class SmtpTransport(MailTransport):
    """One connection to an SMTP server, opened when it is needed and after it broke."""

    def __init__(self, server: MailServer, *, sender: str, cacert: str = "") -> None:
        self._server = server
        self._sender = sender
        self._cacert = cacert
        self._smtp: smtplib.SMTP | None = None

    def send(self, content: bytes, *, to: str) -> DeliveryResult:
        smtp = self._smtp = self._smtp or self._connect()
        options = [] if (self._sender + to).isascii() else ["SMTPUTF8"]
        if options and not smtp.has_extn("smtputf8"):
            reason = "the server cannot take such an address (SMTPUTF8)"
            return DeliveryResult(DeliveryOutcome.REFUSED, reason)
        try:
            code, reply = smtp.mail(self._sender, options)
            if code != 250:
                self._drop()
                raise MailServerDown(f"the sender {self._sender} is refused: {_text(code, reply)}")
            code, reply = smtp.rcpt(to)
            if code in (250, 251):
                code, reply = smtp.data(content)
                if code == 250:
                    return DeliveryResult(DeliveryOutcome.SENT, _text(code, reply))
        except smtplib.SMTPDataError as error:  # the server refuses the text before it comes
            return self._not_accepted(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            reason = f"the connection broke: {_reason(error)}"
            return DeliveryResult(DeliveryOutcome.DEFERRED, reason)
        return self._not_accepted(code, reply)

    def close(self) -> None:
        if self._smtp is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._smtp.quit()
        self._drop()

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        context = ssl.create_default_context(cafile=self._cacert or None)
        smtp: smtplib.SMTP | None = None
        try:
            if server.tls == "ssl":
                smtp = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context)
            else:
                smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
                if server.tls == "starttls":
                    smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
            if server.user:
                smtp.login(server.user, server.password)
        except (smtplib.SMTPException, OSError) as error:
            if smtp is not None:
                smtp.close()
            raise MailServerDown(f"{server}: {_reason(error)}") from None
        return smtp

    def _not_accepted(self, code: int, reply: bytes | str) -> DeliveryResult:
        """End the transaction of a mail and return its result."""
        try:
            if self._smtp and code != 421:  # "closing transmission channel"
                self._smtp.rset()
            else:
                self._drop()
        except (smtplib.SMTPException, OSError):
            self._drop()
        outcome = DeliveryOutcome.REFUSED if code >= 500 else DeliveryOutcome.DEFERRED
        return DeliveryResult(outcome, _text(code, reply))

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None


class FileTransport(MailTransport):
    """A folder in which each mail becomes a file named after its Message-ID."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def send(self, content: bytes, *, to: str) -> DeliveryResult:
        message_id = str(message_from_bytes(content)["Message-ID"])
        path = self._folder / f"{message_id.strip('<> ').partition('@')[0]}.eml"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise MailServerDown(f"{path}: {error.strerror}") from None
        return DeliveryResult(DeliveryOutcome.SENT, f"written to {path.name}")

    def close(self) -> None:
        """Nothing is open."""


def open_transport() -> MailTransport:
    """Return the transport of the settings; to be closed.

    Raises:
        MailServerDown: PCIOPS_EMAIL_URL is not set.
    """
    server: MailServer | None = settings.MAIL_SERVER
    if server is None:
        raise MailServerDown(NO_SERVER)
    if server.folder:
        return FileTransport(server.folder)
    sender = parseaddr(settings.MAIL_FROM)[1]
    return SmtpTransport(server, sender=sender, cacert=settings.MAIL_CACERT)


def _text(code: int, reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return plain(f"{code} {text}", REPLY_LENGTH)


def _reason(error: Exception) -> str:
    """Return why there is no connection, for an operator."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"the login is refused: {error.smtp_code}"  # the reply may repeat the login
    if isinstance(error, smtplib.SMTPResponseException):
        return _text(error.smtp_code, error.smtp_error)
    return plain(getattr(error, "strerror", None) or str(error), REPLY_LENGTH)
