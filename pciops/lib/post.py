"""Hands mails in: over one connection to an SMTP server, or as files into a folder.

A server that does not answer, or does not let us in, is no fault of a mail: PostDownError, and
what is due stays due. What it says of a single mail is that mail's answer.
"""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple, Self

from pciops.lib.addresses import plain
from pciops.lib.env import MailServer

WHOLE: Final = 500  # characters of a server's answer that are kept
# How long a mail that was not taken waits, by the number of attempts; then the last of them.
BACK_OFF: Final = tuple(timedelta(minutes=number) for number in (1, 5, 15, 60))
TIMEOUT: Final = 20  # seconds that each word of the server may take
_CLOSING: Final = 421  # "closing transmission channel", whatever was asked


class PostDownError(Exception):
    """No mail can be handed in now; the text is the reason, without any password."""


class Verdict(Enum):
    """What becomes of a mail."""

    SENT = "sent"
    REFUSED = "refused"  # for good
    LATER = "later"


class Answer(NamedTuple):
    """What was said of one mail."""

    verdict: Verdict
    words: str


class Smtp:
    """One connection to an SMTP server, made anew where it breaks between two mails."""

    def __init__(self, server: MailServer, *, cacert: str = "") -> None:
        self._server = server
        self._cacert = cacert
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        self._smtp = self._connected()
        return self

    def __exit__(self, *_: object) -> None:
        if self._smtp is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._smtp.quit()
            self._smtp.close()
            self._smtp = None

    def deliver(self, message: bytes, *, sender: str, to: str) -> Answer:
        """Hand in one mail.

        Raises:
            PostDownError
        """
        if self._smtp is None:
            self._smtp = self._connected()
        try:
            return self._hand_in(self._smtp, message, sender, to)
        except (smtplib.SMTPException, OSError) as error:
            # Perhaps this mail is what the server stumbles over: it waits, and the others go on.
            self._drop()
            return Answer(Verdict.LATER, f"the connection broke: {reason(error)}")

    def _hand_in(self, smtp: smtplib.SMTP, message: bytes, sender: str, to: str) -> Answer:
        options = []
        if not to.isascii():
            if not smtp.has_extn("smtputf8"):
                return Answer(Verdict.REFUSED, "the server cannot take such an address (SMTPUTF8)")
            options = ["SMTPUTF8"]
        code, words = smtp.mail(sender, options)
        if code != 250:
            self._drop()
            raise PostDownError(f"the sender {sender} is refused: {_said(code, words)}")
        code, words = smtp.rcpt(to)
        if code in {250, 251}:
            code, words = smtp.data(message)
            if code == 250:
                return Answer(Verdict.SENT, _said(code, words))
        if code == _CLOSING:
            self._drop()
            return Answer(Verdict.LATER, _said(code, words))
        smtp.rset()
        return Answer(Verdict.REFUSED if code >= 500 else Verdict.LATER, _said(code, words))

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        smtp: smtplib.SMTP | None = None
        try:
            if server.tls == "ssl":
                context = self._context()
                smtp = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context)
            else:
                smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
                if server.tls == "starttls":
                    smtp.starttls(context=self._context())
            smtp.ehlo_or_helo_if_needed()
            if server.user:
                smtp.login(server.user, server.password)
        except (smtplib.SMTPException, OSError) as error:
            if smtp is not None:
                smtp.close()
            raise PostDownError(f"{server}: {reason(error)}") from None
        return smtp

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._cacert or None)

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


class Folder:
    """A folder that gets each mail as a file: for a demo, and to look at what would go out."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def __enter__(self) -> Self:
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise PostDownError(f"{self._path}: {error.strerror}") from None
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def deliver(self, message: bytes, *, sender: str, to: str) -> Answer:
        """Write one mail; the same one a second time takes the place of the first.

        Raises:
            PostDownError
        """
        head = message.partition(b"\r\n\r\n")[0]
        line = next(one for one in head.splitlines() if one.startswith(b"Message-ID:"))
        name = line.partition(b"<")[2].partition(b"@")[0].decode("ascii")
        path = self._path / f"{name}.eml"
        try:
            path.write_bytes(message)
        except OSError as error:
            raise PostDownError(f"{path}: {error.strerror}") from None
        return Answer(Verdict.SENT, f"written to {path.name}")


Post = Smtp | Folder


def office(server: MailServer, *, cacert: str = "") -> Post:
    """Where mails are handed in; to be used in a `with`."""
    return Folder(server.folder) if server.folder else Smtp(server, cacert=cacert)


def _said(code: int, words: bytes) -> str:
    return plain(f"{code} {words.decode('utf-8', 'replace')}", WHOLE)


def reason(error: Exception) -> str:
    """Why there is no connection, in words for an operator."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"the login is refused: {error.smtp_code}"  # the words may repeat the login
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        return _said(error.smtp_code, words if isinstance(words, bytes) else words.encode())
    return plain(getattr(error, "strerror", None) or str(error), WHOLE)
