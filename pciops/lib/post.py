"""Hands mails in: over one connection to an SMTP server, or as files into a folder.

A server that does not answer, or does not let us in, is no fault of a mail: MailServerDown, and
what is due stays due. What it says of a single mail is that mail's answer.
"""

from __future__ import annotations

import smtplib
import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
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
_TEXT: Final = 354  # "start mail input"


class MailServerDown(Exception):  # noqa: N818 (a condition of the server)
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


class Mail(NamedTuple):
    """One mail to one address; its content ends with the end of a line."""

    to: str
    content: bytes


class Office(ABC):
    """Where mails are handed in, one after the other."""

    @abstractmethod
    def deliver_all(self, mails: Iterable[Mail], *, sender: str) -> Iterator[Answer]:
        """Hand in mails; says what became of each, in their order.

        The next mail is asked for while the other side is at work on one before it. No text goes
        out before whoever iterates has taken the answers to all before it, and comes for more.

        Raises:
            MailServerDown: a mail that has no answer was not tried.
        """

    def deliver(self, message: bytes, *, sender: str, to: str) -> Answer:
        """Hand in one mail.

        Raises:
            MailServerDown
        """
        [answer] = self.deliver_all([Mail(to, message)], sender=sender)
        return answer


class Smtp(Office):
    """One connection to an SMTP server, made anew where it breaks between two mails.

    A server with PIPELINING (RFC 2920) gets the text of a mail and, in one go with it, sender and
    recipient of the next. What is announced and never handed in, it forgets.
    """

    def __init__(self, server: MailServer, *, cacert: str = "") -> None:
        self._server = server
        self._cacert = cacert
        self._smtp: smtplib.SMTP | None = None
        self._sender = ""
        self._announced: Mail | None = None
        self._unsaid: list[bytes] = []  # of the mail that was announced
        self._unheard = 0  # replies to what was said

    def __enter__(self) -> Self:
        self._smtp = self._connected()
        return self

    def __exit__(self, *_: object) -> None:
        if self._smtp is not None and not self._unheard:
            with suppress(smtplib.SMTPException, OSError):
                self._smtp.quit()
        self._drop()

    def deliver_all(self, mails: Iterable[Mail], *, sender: str) -> Iterator[Answer]:
        self._sender = sender
        turn, out = iter(mails), False  # out: a text, whose answer is not heard yet
        mail = next(turn, None)
        while mail is not None:
            following = next(turn, None)
            if out:
                yield self._answer()
            answer = self._refusal(mail) or self._handed_in(mail, following)
            out = answer is None
            if answer is not None:
                yield answer
            mail = following
        if out:
            yield self._answer()

    def _refusal(self, mail: Mail) -> Answer | None:
        """What the server says against a mail; None where it wants to see it.

        Raises:
            MailServerDown
        """
        if self._smtp is None:
            self._smtp = self._connected()
        smtp = self._smtp
        if not _fits(smtp, mail):
            return Answer(Verdict.REFUSED, "the server cannot take such an address (SMTPUTF8)")
        try:
            if self._announced is not mail:
                self._say(smtp, self._announce(smtp, mail))
            return self._objection(smtp)
        except (smtplib.SMTPException, OSError) as error:
            return self._broken(error)

    def _handed_in(self, mail: Mail, following: Mail | None) -> Answer | None:
        """Send the text, and announce the next; says something only where it does not get there."""
        smtp = self._smtp
        if smtp is None:
            raise RuntimeError("it is not announced")
        # No line is a single dot, for that ends the mail.
        lines = [mail.content.replace(b"\r\n.", b"\r\n..") + b".\r\n"]
        if following is not None and smtp.has_extn("pipelining") and _fits(smtp, following):
            lines += self._announce(smtp, following)
        try:
            self._say(smtp, lines)
        except (smtplib.SMTPException, OSError) as error:
            return self._broken(error)
        return None

    def _answer(self) -> Answer:
        """What became of the mail whose text is out."""
        smtp = self._smtp
        if smtp is None:
            raise RuntimeError("nothing was handed in")
        try:
            code, words = self._heard(smtp)
        except (smtplib.SMTPException, OSError) as error:
            return self._broken(error)
        if code == _CLOSING:
            self._drop()
        return Answer(Verdict.SENT, _said(code, words)) if code == 250 else _refused(code, words)

    def _objection(self, smtp: smtplib.SMTP) -> Answer | None:
        """What is said against the mail that was announced.

        Raises:
            MailServerDown
        """
        code, words = self._heard(smtp)
        if code != 250:
            self._drop()
            raise MailServerDown(f"the sender {self._sender} is refused: {_said(code, words)}")
        refused = None
        for wanted in ((250, 251), (_TEXT,)):
            if not self._unheard:
                self._say(smtp, [self._unsaid.pop(0)])
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

    def _announce(self, smtp: smtplib.SMTP, mail: Mail) -> list[bytes]:
        """What is to be said of a mail now; the rest, where it has to wait, is kept."""
        options = "" if mail.to.isascii() else " SMTPUTF8"
        said = f"MAIL FROM:<{self._sender}>{options}\r\n", f"RCPT TO:<{mail.to}>\r\n", "DATA\r\n"
        lines = [line.encode() for line in said]
        number = len(lines) if smtp.has_extn("pipelining") else 1
        self._announced, self._unsaid = mail, lines[number:]
        return lines[:number]

    def _say(self, smtp: smtplib.SMTP, lines: list[bytes]) -> None:
        self._unheard += len(lines)
        smtp.send(b"".join(lines))

    def _heard(self, smtp: smtplib.SMTP) -> tuple[int, bytes]:
        reply = smtp.getreply()
        self._unheard -= 1
        return reply

    def _broken(self, error: Exception) -> Answer:
        """Perhaps it is this mail that the server stumbles over: it waits, and the others go on."""
        self._drop()
        return Answer(Verdict.LATER, f"the connection broke: {reason(error)}")

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
            raise MailServerDown(f"{server}: {reason(error)}") from None
        return smtp

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._cacert or None)

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp, self._announced, self._unheard = None, None, 0


class Folder(Office):
    """A folder that gets each mail as a file: for a demo, and to look at what would go out."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def __enter__(self) -> Self:
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise MailServerDown(f"{self._path}: {error.strerror}") from None
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def deliver_all(self, mails: Iterable[Mail], *, sender: str) -> Iterator[Answer]:
        for mail in mails:
            yield self._kept(mail.content)

    def _kept(self, message: bytes) -> Answer:
        # The same one a second time takes the place of the first.
        head = message.partition(b"\r\n\r\n")[0]
        line = next(one for one in head.splitlines() if one.startswith(b"Message-ID:"))
        name = line.partition(b"<")[2].partition(b"@")[0].decode("ascii")
        path = self._path / f"{name}.eml"
        try:
            path.write_bytes(message)
        except OSError as error:
            raise MailServerDown(f"{path}: {error.strerror}") from None
        return Answer(Verdict.SENT, f"written to {path.name}")


Post = Smtp | Folder


def office(server: MailServer, *, cacert: str = "") -> Post:
    """Where mails are handed in; to be used in a `with`."""
    return Folder(server.folder) if server.folder else Smtp(server, cacert=cacert)


def _fits(smtp: smtplib.SMTP, mail: Mail) -> bool:
    return mail.to.isascii() or smtp.has_extn("smtputf8")


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
