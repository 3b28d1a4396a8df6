"""Writes a notice: subject, text and HTML from its templates, the site's own before ours.

A site's folder has the same shape as `templates/notices/`, and only what it wants to say itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.template import Context, Engine, Template, TemplateDoesNotExist, TemplateSyntaxError

from pciops.accounts.policy.policy import Policy
from pciops.events.diagnosis.selectors import AttemptOrigin
from pciops.lib import mail, times
from pciops.lib.addresses import plain
from pciops.lib.env import SettingError
from pciops.lib.mail import LONGEST_SUBJECT, Letter
from pciops.notices.models import Notice

log = logging.getLogger(__name__)

DIGEST: Final = "digest"  # the folder of the daily digest, beside those of the kinds
PARTS: Final = ("subject.txt", "body.txt", "body.html")
OURS: Final = Path(__file__).resolve().parent.parent.parent / "templates" / "notices"
_SETTING: Final = "PCIOPS_NOTICE_TEMPLATES"


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A template of the site's that does not compile."""

    path: Path
    line: int | None
    problem: str

    def __str__(self) -> str:
        line = "" if self.line is None else f", line {self.line}"
        return f"{self.path}{line}: {self.problem}"


def write(
    notice: Notice, *, policy: Policy, now: datetime, origin: AttemptOrigin | None = None
) -> Letter:
    """The letter to the owner of the account.

    Args:
        origin: of the failures that locked it, where that is known.
    """
    facts = {**_facts(notice, policy, now), "source": _source(origin)}
    return rendered(notice.kind, facts)


def rendered(folder: str, facts: dict[str, Any]) -> Letter:
    """The letter of the templates in a folder of this name."""
    subject, text, html = (_render(folder, part, facts) for part in PARTS)
    return Letter(subject=plain(subject, LONGEST_SUBJECT), text=_lines(text), html=html)


def message(notice: Notice, letter: Letter, *, to: str, reply_to: str, now: datetime) -> bytes:
    """The mail as it goes over the wire."""
    return mail.message(letter, message_id=notice.message_id, to=to, reply_to=reply_to, now=now)


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


def _source(origin: AttemptOrigin | None) -> str:
    """The reported address; "" where it is none.

    What calls itself a program is left out, and an address that is no address: whoever fails to
    sign in could write to the owner in our name.
    """
    if origin is None:
        return ""
    try:
        return str(ip_address(origin.address))
    except ValueError:
        return ""


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
    for name in (*Notice.Kind.values, DIGEST):
        for part in PARTS:
            if (folder / name / part).exists():
                yield Path(name) / part


def _broken(folder: Path, name: Path) -> Broken | None:
    try:
        _engine(folder).get_template(str(name))
    except TemplateSyntaxError as error:
        line = getattr(getattr(error, "token", None), "lineno", None)
        return Broken(path=folder / name, line=line, problem=str(error))
    except (OSError, UnicodeDecodeError, TemplateDoesNotExist) as error:
        return Broken(path=folder / name, line=None, problem=f"cannot be read: {error}")
    return None
