"""Rendering of notices and digests from templates; the site's own come before the built-in ones.

Notices are in the language and the time zone of the account's domain, other emails in English. A
notice is rendered anew for each attempt: only its Message-ID is the same.
A site's folder has the shape of `templates/notices/` and only the files that it replaces.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.template import Context, Engine, Template, TemplateDoesNotExist, TemplateSyntaxError
from django.utils import translation

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.events.diagnosis.selectors import AttemptOrigin
from pciops.lib import times
from pciops.lib.addresses import mail_address, plain, quoted
from pciops.lib.env import SettingError
from pciops.lib.files import shipped
from pciops.notices import wording
from pciops.notices.mail.message import LONGEST_SUBJECT, RenderedMail
from pciops.notices.models import Notice, NoticeKind
from pciops.notices.rules import AHEAD, DomainRules

log = logging.getLogger(__name__)

DIGEST: Final = "digest"  # the folder of the daily digest, beside those of the kinds
PARTS: Final = ("subject.txt", "body.txt", "body.html")
BUILT_IN: Final = shipped("templates") / "notices"
_SETTING: Final = "PCIOPS_NOTICE_TEMPLATES"
LIBRARIES: Final = {"i18n": "django.templatetags.i18n"}  # that templates can load


def render_notice(
    notice: Notice,
    *,
    policy: Policy,
    rules: DomainRules,
    now: datetime,
    origin: AttemptOrigin | None = None,
) -> RenderedMail:
    """Render the email to the owner of the account.

    Args:
        rules: of the account's domain, for language and time zone.
        origin: of the failures that locked the account, if it is known.
    """
    with translation.override(rules.language):
        variables = _variables(notice, policy, rules.time_zone, now)
        return render(notice.kind, {**variables, "source": _source(origin)})


def render(folder: str, variables: dict[str, Any]) -> RenderedMail:
    """Render the templates of a folder below `templates/notices/`."""
    subject, text, html = (_render(folder, part, variables) for part in PARTS)
    return RenderedMail(
        subject=plain(subject, LONGEST_SUBJECT), text=_without_gaps(text), html=html
    )


def sample(
    kind: NoticeKind, *, policy: Policy, now: datetime, account: Account | None = None
) -> Notice:
    """Return a notice that is not stored, to this account or to a made-up one."""
    days = 3 if kind in AHEAD else 0
    fact_at = now + timedelta(days=days) if days else now - timedelta(minutes=2)
    if kind is NoticeKind.INACTIVITY:
        fact_at = fact_at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return Notice(
        kind=kind.value,
        fact_at=fact_at,
        step=days,
        user_id=account.id if account else "0" * 32,
        name=account.name if account else "sample",
        domain_id=account.domain_id if account else "default",
        domain_name=account.domain_name if account else "Default",
        failures=policy.lockout_failure_attempts or 6,
        planned_at=now,
        good_until=fact_at + timedelta(days=7),
        next_attempt_at=now,
    )


def broken_templates() -> list[str]:
    """Return path, line and problem of the site's templates that do not compile.

    Raises:
        SettingError: the folder does not exist.
    """
    site = _site_folder()
    if site is None:
        return []
    names = (f"{folder}/{part}" for folder in (*NoticeKind.values, DIGEST) for part in PARTS)
    problems = ((site / name, _problem(site, name)) for name in names if (site / name).exists())
    return [f"{path}{problem}" for path, problem in problems if problem]


def _variables(notice: Notice, policy: Policy, zone: tzinfo, now: datetime) -> dict[str, Any]:
    """Return the variables of the templates; each text is one line."""
    kind, fact_at = NoticeKind(notice.kind), notice.fact_at
    ends = None
    if kind is NoticeKind.LOCKED and policy.lockout is not None:
        # The minute that is named is the first in which the account is not locked.
        ends = times.later(fact_at, policy.lockout + timedelta(seconds=59))
    before = fact_at - timedelta(microseconds=1) if kind is NoticeKind.INACTIVITY else fact_at
    return {
        "cloud": settings.CLOUD_NAME,
        "name": quoted(notice.name, own=mail_address(notice.email) or ""),
        "domain": quoted(notice.domain_name),
        "when": wording.dated(fact_at, zone),
        "date": wording.day(fact_at, zone),
        "last_day": wording.day(before, UTC),
        "left": wording.left(fact_at, now, zone),
        "failures": notice.failures,
        "ends": wording.dated(ends, zone) if ends else "",
        "over": ends is not None and ends <= now,
        "change_url": settings.PASSWORD_CHANGE_URL,
        "contact": settings.HELP_CONTACT,
    }


def _source(origin: AttemptOrigin | None) -> str:
    """Return the reported address; "" if there is none.

    Program names and invalid addresses are left out: a client chooses them, and could so write to
    the owner in our name.
    """
    if origin is None:
        return ""
    try:
        return str(ip_address(origin.address))
    except ValueError:
        return ""


def _without_gaps(text: str) -> str:
    """Return the text with at most one empty line in a row; template tags leave more behind."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


# --- Templates ---------------------------------------------------------------------------------
def _render(folder: str, part: str, variables: dict[str, Any]) -> str:
    name, autoescape = f"{folder}/{part}", part.endswith(".html")
    site = _site_folder()
    if site is not None and (site / name).is_file():
        try:
            template = _site_template(site, name, (site / name).stat().st_mtime_ns)
            return template.render(Context(variables, autoescape=autoescape))
        except Exception as error:  # noqa: BLE001 the built-in template serves for any broken one
            log.warning("%s is not used: %s", site / name, error)
    template = _built_in_engine().get_template(name)
    return template.render(Context(variables, autoescape=autoescape))


@lru_cache(maxsize=1)
def _built_in_engine() -> Engine:
    cached = ("django.template.loaders.cached.Loader", [_loader(BUILT_IN)])
    return Engine(loaders=[cached], libraries=LIBRARIES)


@lru_cache(maxsize=32)
def _site_template(site: Path, name: str, _modified_at: int) -> Template:
    return _site_engine(site).get_template(name)


def _site_engine(site: Path) -> Engine:
    """Return an engine that finds includes in the site's folder first."""
    return Engine(loaders=[_loader(site, BUILT_IN)], libraries=LIBRARIES)


def _loader(*folders: Path) -> tuple[str, list[str]]:
    return "django.template.loaders.filesystem.Loader", [str(folder) for folder in folders]


def _site_folder() -> Path | None:
    if not settings.NOTICE_TEMPLATES:
        return None
    folder = Path(settings.NOTICE_TEMPLATES)
    if not folder.is_dir():
        raise SettingError(_SETTING, f"is {str(folder)!r}, not a folder", "/etc/pciops/mail")
    return folder


def _problem(site: Path, name: str) -> str:
    """Return why a template does not compile; "" if it does."""
    try:
        _site_engine(site).get_template(name)
    except TemplateSyntaxError as error:
        line = getattr(getattr(error, "token", None), "lineno", None)
        return f"{'' if line is None else f', line {line}'}: {error}"
    except (OSError, UnicodeDecodeError, TemplateDoesNotExist) as error:
        return f": cannot be read: {error}"
    return ""
