"""Mails as they go over the wire: a letter in text and HTML, with files where it has any."""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.base64mime import body_encode
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from hashlib import sha256
from typing import Final

from django.conf import settings

from pciops.lib.addresses import mail_address

LONGEST_SUBJECT: Final = 150
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FILE_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+-]+")


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What a mail says."""

    subject: str  # in one line
    text: str
    html: str


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that goes along; its name is ours, and plain.

    Raises:
        ValueError: a name or type that could say something else in a header.
    """

    name: str  # "report-2026-W47.pdf"
    type: str  # "application/pdf"
    content: bytes

    def __post_init__(self) -> None:
        if not _FILE_NAME.fullmatch(self.name) or not _FILE_TYPE.fullmatch(self.type):
            raise ValueError(f"no name and type of a file: {self.name!r}, {self.type!r}")


def message_id(word: str) -> str:
    """A Message-ID of ours; the same word makes the same one."""
    return f"<{word}@{_domain(settings.MAIL_FROM)}>"


@lru_cache(maxsize=8)
def _domain(sender: str) -> str:
    address = mail_address(parseaddr(sender)[1]) or "pciops@pciops.invalid"
    return address.rpartition("@")[2]


def message(
    letter: Letter,
    *,
    message_id: str,
    to: str,
    reply_to: str,
    now: datetime,
    attachments: Sequence[Attachment] = (),
) -> bytes:
    """The mail as it goes over the wire.

    The header lines hold one address that `mail_address` has judged, the subject in one line, and
    what is ours; no other text of others gets there. Put together here, for EmailMessage takes
    longer over a mail than everything else together.
    """
    # Quoted-printable text and base64 cannot have "=_".
    boundary = f"=_{sha256(message_id.encode()).hexdigest()[:32]}"
    head = [
        f"From: {_mailbox(settings.MAIL_FROM)}",
        f"To: {to}",
        *([f"Reply-To: {_mailbox(reply_to)}"] if reply_to else []),
        f"Subject: {_in_header('Subject', letter.subject)}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: {message_id}",
        "Auto-Submitted: auto-generated",  # RFC 3834: no answer of a machine, please
        "X-Auto-Response-Suppress: All",
        "MIME-Version: 1.0",
    ]
    body = _alternatives(letter, boundary)
    if attachments:
        body = _multipart("mixed", [body, *map(_file, attachments)], f"=_with_{boundary[2:]}")
    return "\r\n".join([*head, ""]).encode() + body


def _alternatives(letter: Letter, boundary: str) -> bytes:
    parts = []
    for subtype, text in (("plain", letter.text), ("html", letter.html)):
        head = (
            f"Content-Type: text/{subtype}; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        # b2a_qp breaks lines as the first one ends: without an end, in a way that no mail may have.
        lines = "".join(f"{line}\r\n" for line in text.splitlines()).encode("utf-8", "replace")
        parts.append(head.encode() + b2a_qp(lines))
    return _multipart("alternative", parts, boundary)


def _file(attachment: Attachment) -> bytes:
    head = (
        f"Content-Type: {attachment.type}\r\n"
        f'Content-Disposition: attachment; filename="{attachment.name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return (head + body_encode(attachment.content, eol="\r\n")).encode("ascii")


def _multipart(subtype: str, parts: Iterable[bytes], boundary: str) -> bytes:
    """Parts with their own header lines, under a header line of their own."""
    mail = [f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n\r\n'.encode()]
    for part in parts:
        mail += [f"--{boundary}\r\n".encode(), part]
    return b"".join([*mail, f"--{boundary}--\r\n".encode()])


def _in_header(name: str, text: str) -> str:
    """One line of text for a header; encoded where it is not short and plain."""
    if text.isascii() and len(text) < 66 and "=?" not in text:
        return text
    encoded = text.encode("utf-8", "replace").decode()
    return Header(encoded, "utf-8", header_name=name).encode(linesep="\r\n")


@lru_cache(maxsize=32)
def _mailbox(text: str) -> str:
    """An address of the settings, its name encoded where it is not plain."""
    return formataddr(parseaddr(text))
