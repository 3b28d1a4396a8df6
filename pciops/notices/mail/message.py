"""MIME messages: rendered text and HTML, with files if there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import parseaddr
from typing import Final, NamedTuple

from django.conf import settings

from pciops.lib.addresses import mail_address

LONGEST_SUBJECT: Final = 150


@dataclass(frozen=True, kw_only=True)
class RenderedMail:
    """The subject, text and HTML of a mail."""

    subject: str  # in one line
    text: str
    html: str


class Attachment(NamedTuple):
    """A file that is attached to a mail."""

    name: str  # "report-2026-W47.pdf"
    type: str  # "application/pdf"
    content: bytes


def message_id(token: str) -> str:
    """Return the Message-ID of a token; the same token has the same Message-ID."""
    address = mail_address(parseaddr(settings.MAIL_FROM)[1]) or "pciops@pciops.invalid"
    return f"<{token}@{address.rpartition('@')[2]}>"


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
    message = EmailMessage(policy=SMTP if to.isascii() else SMTPUTF8)
    message["From"] = settings.MAIL_FROM
    message["To"] = to
    if reply_to:
        message["Reply-To"] = reply_to
    message["Subject"] = mail.subject
    message["Date"] = now
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: automatic replies are not wanted
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    for name, type_, content in attachments:
        maintype, _, subtype = type_.partition("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes()
