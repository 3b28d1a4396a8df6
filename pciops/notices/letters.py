"""Writes a notice: subject, text and HTML from its templates, the site's own before ours.

A site's folder has the same shape as `templates/notices/`, and only what it wants to say itself.
"""

from __future__ import annotations

import logging
from binascii import b2a_qp
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.template import Context, Engine, Template, TemplateDoesNotExist, TemplateSyntaxError

from pciops.accounts.policy import Policy
from pciops.lib import times
from pciops.lib.addresses import plain
from pciops.lib.env import SettingError
from pciops.notices.models import Notice

log = logging.getLogger(__name__)

PARTS: Final = ("subject.txt", "body.txt", "body.html")
LONGEST_SUBJECT: Final = 150
OURS: Final = Path(__file__).resolve().parent.parent.parent / "templates" / "notices"
_SETTING: Final = "PCIOPS_NOTICE_TEMPLATES"


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What a notice says."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A template of the site's that does not compile."""

    path: Path
    line: int | None
    problem: str

    def __str__(self) -> str:
        line = "" if self.line is None else f", line {self.line}"
        return f"{self.path}{line}: {self.problem}"


def write(notice: Notice, *, policy: Policy, now: datetime) -> Letter:
    """The letter to the owner of the account."""
    facts = _facts(notice, policy, now)
    subject, text, html = (_render(notice.kind, part, facts) for part in PARTS)
    return Letter(subject=plain(subject, LONGEST_SUBJECT), text=_lines(text), html=html)


def message(notice: Notice, letter: Letter, *, to: str, reply_to: str, now: datetime) -> bytes:
    """The mail as it goes over the wire.

    The header lines hold one address that `mail_address` has judged, the subject in one line, and
    what is ours; nothing else of Keystone's text gets there. Put together here, for EmailMessage
    takes longer over a mail than everything else together.
    """
    boundary = f"=_{notice.id.hex}"  # quoted-printable text cannot have it
    lines = [
        f"From: {_mailbox(settings.MAIL_FROM)}",
        f"To: {to}",
        *([f"Reply-To: {_mailbox(reply_to)}"] if reply_to else []),
        f"Subject: {_in_header('Subject', letter.subject)}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: {notice.message_id}",
        "Auto-Submitted: auto-generated",  # RFC 3834: no answer of a machine, please
        "X-Auto-Response-Suppress: All",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"',
    ]
    mail = ["\r\n".join([*lines, "", ""]).encode()]
    for subtype, text in (("plain", letter.text), ("html", letter.html)):
        mail.append(
            f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
        )
        mail.append(b2a_qp("\r\n".join(text.splitlines()).encode("utf-8", "replace")) + b"\r\n")
    mail.append(f"--{boundary}--\r\n".encode())
    return b"".join(mail)


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


def broken() -> list[Broken]:
    """The site's templates that do not compile, and are therefore not used.

    Raises:
        SettingError: where there is no such folder.
    """
    folder = _folder()
    if folder is None:
        return []
    return [found for path in _own(folder) if (found := _broken(folder, path))]


def _facts(notice: Notice, policy: Policy, now: datetime) -> dict[str, Any]:
    """What templates may use: words, each in one line."""
    kind, fact = Notice.Kind(notice.kind), notice.fact_at
    ends = None
    if kind is Notice.Kind.LOCKED and policy.lockout is not None:
        ends = times.later(fact, policy.lockout)
    before = fact - timedelta(microseconds=1) if kind is Notice.Kind.INACTIVITY else fact
    return {
        "cloud": settings.CLOUD_NAME,
        "name": plain(notice.name),
        "domain": plain(notice.domain_name),
        "when": times.dated(fact),
        "last_day": times.day(before.date()),
        "left": times.span(fact - now),
        "failures": notice.failures,
        "ends": times.dated(ends) if ends else "",
        "over": ends is not None and ends <= now,
        "change_url": settings.PASSWORD_CHANGE_URL,
        "contact": settings.HELP_CONTACT,
    }


def _lines(text: str) -> str:
    """The text without the empty lines that template tags leave behind, at most one in a row."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


# --- Templates ---------------------------------------------------------------------------------
def _render(kind: str, part: str, facts: dict[str, Any]) -> str:
    name, plain_text = f"{kind}/{part}", part.endswith(".txt")
    folder = _folder()
    if folder is not None and (folder / name).is_file():
        try:
            return _site_template(folder, name).render(Context(facts, autoescape=not plain_text))
        except Exception as error:  # noqa: BLE001 whatever a site's template does, the mail goes out
            log.warning("%s is not used: %s", folder / name, error)
    return _our_template(name).render(Context(facts, autoescape=not plain_text))


@lru_cache(maxsize=32)
def _our_template(name: str) -> Template:
    return _our_engine().get_template(name)


@lru_cache(maxsize=1)
def _our_engine() -> Engine:
    return Engine(loaders=[("django.template.loaders.cached.Loader", [_files(OURS)])])


def _site_template(folder: Path, name: str) -> Template:
    return _compiled(folder, name, (folder / name).stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _compiled(folder: Path, name: str, _stamp: int) -> Template:
    return _engine(folder).get_template(name)


def _engine(folder: Path) -> Engine:
    """Also finds what is included: first in that folder, then among ours."""
    return Engine(loaders=[_files(folder, OURS)])


def _files(*folders: Path) -> tuple[str, list[str]]:
    return "django.template.loaders.filesystem.Loader", [str(folder) for folder in folders]


def _folder() -> Path | None:
    if not settings.NOTICE_TEMPLATES:
        return None
    folder = Path(settings.NOTICE_TEMPLATES)
    if not folder.is_dir():
        raise SettingError(_SETTING, f"is {str(folder)!r}, which is no folder", "/etc/pciops/mail")
    return folder


def _own(folder: Path) -> Iterator[Path]:
    """The files of the site's that take the place of ours."""
    for kind in Notice.Kind.values:
        for part in PARTS:
            if (folder / kind / part).exists():
                yield Path(kind) / part


def _broken(folder: Path, name: Path) -> Broken | None:
    try:
        _engine(folder).get_template(str(name))
    except TemplateSyntaxError as error:
        line = getattr(getattr(error, "token", None), "lineno", None)
        return Broken(path=folder / name, line=line, problem=str(error))
    except (OSError, UnicodeDecodeError, TemplateDoesNotExist) as error:
        return Broken(path=folder / name, line=None, problem=f"cannot be read: {error}")
    return None
