"""MIME messages: rendered text and HTML, with files if there are any."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.contentmanager import raw_data_manager
from email.header import Header
from email.message import EmailMessage
from email.policy import Compat32
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from typing import Any, Final

from django.conf import settings

from pciops.lib.addresses import mail_address

LONGEST_SUBJECT: Final = 150
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FILE_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+-]+")
_BOUNDARY: Final = "=_alternative"  # neither quoted-printable text nor base64 can have "=_"


class _Policy(Compat32):
    """A policy that writes headers as they are: short, encoded and without line ends.

    The policies of the library take twice to eight times as long for a mail, and EmailPolicy loses
    spaces when it folds long subjects.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}{self.linesep}".encode()


_POLICY: Final = _Policy(linesep="\r\n")


@dataclass(frozen=True, kw_only=True)
class RenderedMail:
    """The subject, text and HTML of a mail."""

    subject: str  # in one line
    text: str
    html: str


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that is attached to a mail.

    Raises:
        ValueError: a name or type that could add a header.
    """

    name: str  # "report-2026-W47.pdf"
    type: str  # "application/pdf"
    content: bytes

    def __post_init__(self) -> None:
        if not _FILE_NAME.fullmatch(self.name) or not _FILE_TYPE.fullmatch(self.type):
            raise ValueError(f"not a plain name and type: {self.name!r}, {self.type!r}")


def message_id(token: str) -> str:
    """Return the Message-ID of a token; the same token has the same Message-ID."""
    return f"<{token}@{_domain(settings.MAIL_FROM)}>"


@lru_cache(maxsize=1)
def _domain(sender: str) -> str:
    address = mail_address(parseaddr(sender)[1]) or "pciops@pciops.invalid"
    return address.rpartition("@")[2]


def build(
    mail: RenderedMail,
    *,
    message_id: str,
    to: str,
    reply_to: str,
    now: datetime,
    attachments: Sequence[Attachment] = (),
) -> bytes:
    """Return the mail as it is sent.

    Args:
        to: an address as `mail_address` returns it.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = _mailbox(settings.MAIL_FROM)
    message["To"] = to
    if reply_to:
        message["Reply-To"] = _mailbox(reply_to)
    message["Subject"] = _subject(mail.subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: automatic replies are not wanted
    message["X-Auto-Response-Suppress"] = "All"
    text: dict[str, Any] = {"cte": "quoted-printable", "content_manager": raw_data_manager}
    message.set_content(mail.text, **text)
    message.make_alternative(boundary=_BOUNDARY)
    message.add_alternative(mail.html, subtype="html", **text)
    for file in attachments:
        maintype, _, subtype = file.type.partition("/")
        message.add_attachment(
            file.content,
            maintype=maintype,
            subtype=subtype,
            filename=file.name,
            content_manager=raw_data_manager,
        )
    return message.as_bytes()


def _subject(text: str) -> str:
    text = " ".join(text.split())  # a line end would begin another header
    if text.isascii() and len(text) < 66 and "=?" not in text:
        return text
    return Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")


def _mailbox(text: str) -> str:
    return formataddr(parseaddr(text))
