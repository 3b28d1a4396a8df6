"""Hands mails in: over one connection to an SMTP server, or as files into a folder.

A server that does not answer, or does not let us in, is no fault of a mail: PostDownError, and
what is due stays due. What it says of a single mail is that mail's answer.
"""

from __future__ import annotations

import smtplib
import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
_TEXT: Final = 354  # "start mail input"


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


class Office(ABC):
    """Where mails are handed in, one after the other, in three steps.

    Each mail is announced, handed in and answered. None of the first two waits for the other side,
    so that there is time for other things while that is at work.
    """

    @abstractmethod
    def announce(self, *, sender: str, to: str) -> None:
        """Say whom the next mail is for.

        Raises:
            PostDownError
        """

    @abstractmethod
    def hand_in(self, message: bytes) -> None:
        """Send the mail that was announced; it ends with the end of a line.

        Raises:
            PostDownError: then this mail was not tried.
        """

    @abstractmethod
    def answer(self) -> Answer:
        """What became of the mail that was handed in; to be called once for each."""

    def deliver(self, message: bytes, *, sender: str, to: str) -> Answer:
        """Take all three steps with one mail.

        Raises:
            PostDownError
        """
        self.announce(sender=sender, to=to)
        self.hand_in(message)
        return self.answer()


class Smtp(Office):
    """One connection to an SMTP server, made anew where it breaks between two mails.

    A server with PIPELINING (RFC 2920) is told sender, recipient and that a text follows at once.
    What is announced and never handed in, it forgets.
    """

    def __init__(self, server: MailServer, *, cacert: str = "") -> None:
        self._server = server
        self._cacert = cacert
        self._smtp: smtplib.SMTP | None = None
        self._sender = ""
        self._unsaid: list[bytes] = []  # of the mail that was announced
        self._unheard = 0  # replies to what was said of it
        self._answer: Answer | None = None  # to it

    def __enter__(self) -> Self:
        self._smtp = self._connected()
        return self

    def __exit__(self, *_: object) -> None:
        if self._smtp is not None and not self._unheard:
            with suppress(smtplib.SMTPException, OSError):
                self._smtp.quit()
        self._drop()

    def announce(self, *, sender: str, to: str) -> None:
        if self._smtp is None:
            self._smtp = self._connected()
        smtp, self._sender, self._answer = self._smtp, sender, None
        if not to.isascii() and not smtp.has_extn("smtputf8"):
            words = "the server cannot take such an address (SMTPUTF8)"
            self._answer = Answer(Verdict.REFUSED, words)
            return
        options = "" if to.isascii() else " SMTPUTF8"
        lines = [f"MAIL FROM:<{sender}>{options}\r\n", f"RCPT TO:<{to}>\r\n", "DATA\r\n"]
        self._unsaid = [line.encode() for line in lines]
        with self._unbroken():
            self._say(smtp, len(lines) if smtp.has_extn("pipelining") else 1)

    def hand_in(self, message: bytes) -> None:
        smtp = self._smtp
        if smtp is None or self._answer is not None:
            return
        with self._unbroken():
            self._answer = self._refusal(smtp)
            if self._answer is None:
                # No line is a single dot, for that ends the mail.
                self._unsaid = [message.replace(b"\r\n.", b"\r\n..") + b".\r\n"]
                self._say(smtp, 1)

    def answer(self) -> Answer:
        smtp = self._smtp
        if smtp is not None and self._answer is None:
            with self._unbroken():
                code, words = self._heard(smtp)
                if code == _CLOSING:
                    self._drop()
                taken = code == 250
                self._answer = (
                    Answer(Verdict.SENT, _said(code, words)) if taken else _refused(code, words)
                )
        if self._answer is None:
            raise RuntimeError("nothing was handed in")
        return self._answer

    def _refusal(self, smtp: smtplib.SMTP) -> Answer | None:
        """What the server says against the mail that was announced; None where it wants to see it.

        Raises:
            PostDownError
        """
        code, words = self._heard(smtp)
        if code != 250:
            self._drop()
            raise PostDownError(f"the sender {self._sender} is refused: {_said(code, words)}")
        refused = None
        for wanted in ((250, 251), (_TEXT,)):
            if not self._unheard:
                self._say(smtp, 1)
            code, words = self._heard(smtp)
            if code == _CLOSING:
                self._drop()
                return _refused(code, words)
            if refused is None and code not in wanted:
                refused = _refused(code, words)
            if refused is not None and not self._unheard:
                break
        if refused is None:
            return None
        if code == _TEXT:  # it was asked before it refused the recipient, and nobody gets this
            smtp.send(b".\r\n")
            smtp.getreply()
        else:
            smtp.rset()
        return refused

    def _say(self, smtp: smtplib.SMTP, number: int) -> None:
        lines, self._unsaid = self._unsaid[:number], self._unsaid[number:]
        self._unheard += len(lines)
        smtp.send(b"".join(lines))

    def _heard(self, smtp: smtplib.SMTP) -> tuple[int, bytes]:
        reply = smtp.getreply()
        self._unheard -= 1
        return reply

    @contextmanager
    def _unbroken(self) -> Iterator[None]:
        """Perhaps it is this mail that the server stumbles over: it waits, and the others go on."""
        try:
            yield
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            self._answer = Answer(Verdict.LATER, f"the connection broke: {reason(error)}")

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
        self._smtp, self._unheard = None, 0


class Folder(Office):
    """A folder that gets each mail as a file: for a demo, and to look at what would go out."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._answer: Answer | None = None

    def __enter__(self) -> Self:
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise PostDownError(f"{self._path}: {error.strerror}") from None
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def announce(self, *, sender: str, to: str) -> None:
        """Nobody has to know before."""

    def hand_in(self, message: bytes) -> None:
        # The same one a second time takes the place of the first.
        head = message.partition(b"\r\n\r\n")[0]
        line = next(one for one in head.splitlines() if one.startswith(b"Message-ID:"))
        name = line.partition(b"<")[2].partition(b"@")[0].decode("ascii")
        path = self._path / f"{name}.eml"
        try:
            path.write_bytes(message)
        except OSError as error:
            raise PostDownError(f"{path}: {error.strerror}") from None
        self._answer = Answer(Verdict.SENT, f"written to {path.name}")

    def answer(self) -> Answer:
        if self._answer is None:
            raise RuntimeError("nothing was handed in")
        return self._answer


Post = Smtp | Folder


def office(server: MailServer, *, cacert: str = "") -> Post:
    """Where mails are handed in; to be used in a `with`."""
    return Folder(server.folder) if server.folder else Smtp(server, cacert=cacert)


def _refused(code: int, words: bytes) -> Answer:
    return Answer(Verdict.REFUSED if code >= 500 else Verdict.LATER, _said(code, words))


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
