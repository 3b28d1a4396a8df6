"""Rules of domains: kinds of notices, days ahead, language, where replies go, and contacts.

The settings hold the rules of all domains; the file of `PCIOPS_NOTICE_DOMAINS` those of single
domains, which it names by id or by name:

    [customers]
    contacts = ["desk@customers.example"]   # recipients of the domain's digests and reports
    reply_to = "desk@customers.example"
    language = "de"                  # of the notices
    time_zone = "Europe/Berlin"      # of the times in them
    password_expiring = [30, 7, 1]   # these days
    locked = false                   # not at all
    inactivity = true                # as the settings have it
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings

from pciops.accounts.account import Account
from pciops.accounts.selectors import Domain
from pciops.lib.addresses import mail_address
from pciops.lib.env import SettingError
from pciops.lib.files import file_stamp
from pciops.notices.models import NoticeKind

Steps = tuple[int, ...]
Addresses = tuple[str, ...]

AHEAD: Final = (NoticeKind.PASSWORD_EXPIRING, NoticeKind.INACTIVITY)  # kinds that have days
AFTER: Final = (0,)  # the one step of the others, which come after the fact


@dataclass(frozen=True, kw_only=True)
class DomainRules:
    """The rules of one domain."""

    steps: Mapping[NoticeKind, Steps]  # a kind that is off is missing
    reply_to: str = ""
    language: str = "en"
    time_zone: tzinfo = UTC
    contacts: Addresses = ()

    def steps_of(self, kind: NoticeKind) -> Steps:
        """Return the days ahead, the greatest first; none if the kind is off."""
        return self.steps.get(kind, ())


@dataclass(frozen=True, kw_only=True)
class RuleBook:
    """The rules of every domain."""

    default: DomainRules
    domains: Mapping[str, DomainRules] = field(default_factory=dict)  # by id or name

    def of(self, account: Account) -> DomainRules:
        """Return the rules of the account's domain."""
        return self.of_domain(account.domain_id, account.domain_name)

    def of_domain(self, domain_id: str, name: str) -> DomainRules:
        """Return the rules of a domain; its id comes before its name."""
        return self.domains.get(domain_id, self.domains.get(name, self.default))

    def furthest(self, kind: NoticeKind) -> int:
        """Return the greatest number of days of any domain; 0 if the kind is off everywhere."""
        rules = [self.default, *self.domains.values()]
        return max((step for one in rules for step in one.steps_of(kind)), default=0)

    def on(self, kind: NoticeKind) -> bool:
        """Return whether the kind is on in any domain."""
        return any(rules.steps_of(kind) for rules in [self.default, *self.domains.values()])

    def contacts(self, domains: Iterable[Domain]) -> dict[Domain, Addresses]:
        """Return the contacts of each domain that has any."""
        rules = {domain: self.of_domain(domain.id, domain.name) for domain in domains}
        return {domain: found.contacts for domain, found in rules.items() if found.contacts}

    def unknown(self, domains: Iterable[Domain]) -> list[str]:
        """Return the names in the file that are of none of these domains."""
        names = {name for domain in domains for name in (domain.id, domain.name)}
        return [name for name in self.domains if name not in names]


def current() -> RuleBook:
    """Return the rules of settings and file; a file that changed is read again.

    Raises:
        SettingError: the file cannot be read or is not valid.
    """
    days = {
        NoticeKind.PASSWORD_EXPIRING: tuple(settings.NOTICE_DAYS),
        NoticeKind.INACTIVITY: tuple(settings.INACTIVITY_NOTICE_DAYS),
    }
    all_steps = {kind: days.get(kind, AFTER) for kind in NoticeKind}
    default = DomainRules(
        steps={kind: all_steps[kind] for kind in NoticeKind if kind in settings.NOTICE_KINDS},
        reply_to=settings.MAIL_REPLY_TO,
        language=settings.NOTICE_LANGUAGE,
        time_zone=settings.SITE_ZONE,
    )
    path = settings.NOTICE_DOMAINS
    tables = _read(path, file_stamp(path)) if path else {}
    return RuleBook(
        default=default,
        domains={
            name: _of_domain(name, table, default, all_steps) for name, table in tables.items()
        },
    )


@lru_cache(maxsize=1)
def _read(path: str, _stamp: object) -> Mapping[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise _invalid(f"which cannot be read: {error.strerror}", separator=", ") from None
    except ValueError as error:  # also of bytes that are not UTF-8
        raise _invalid(f"which is not TOML: {error}", separator=", ") from None


def _of_domain(
    name: str, table: object, default: DomainRules, all_steps: Mapping[NoticeKind, Steps]
) -> DomainRules:
    if not isinstance(table, dict):
        raise _invalid(f"{name} is not a table")
    steps, others = dict(default.steps), {}
    for key, value in table.items():
        if key in _READERS:
            others[key] = _READERS[key](name, value)
        elif key not in NoticeKind.values:
            keys = ", ".join([*_READERS, *NoticeKind.values])
            raise _invalid(f"[{name}] {key} is not one of {keys}")
        elif value is False:
            steps.pop(NoticeKind(key), None)
        elif value is True:
            steps[NoticeKind(key)] = all_steps[NoticeKind(key)]
        else:
            steps[NoticeKind(key)] = _days(name, NoticeKind(key), value)
    return replace(default, steps=steps, **others)


def _reply_to(name: str, value: object) -> str:
    if not isinstance(value, str) or mail_address(value) is None:
        raise _invalid(f"[{name}] reply_to is not an email address")
    return value


def _language(name: str, value: object) -> str:
    languages = dict(settings.LANGUAGES)
    if not isinstance(value, str) or value not in languages:
        raise _invalid(f"[{name}] language is not one of {', '.join(languages)}")
    return value


def _time_zone(name: str, value: object) -> tzinfo:
    try:
        return ZoneInfo(value if isinstance(value, str) else "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _invalid(f"[{name}] time_zone is not a time zone such as Europe/Berlin") from None


def _contacts(name: str, value: object) -> Addresses:
    texts = value if isinstance(value, list) else [None]
    addresses = [mail_address(text) if isinstance(text, str) else None for text in texts]
    if None in addresses:
        raise _invalid(f"[{name}] contacts is not a list of email addresses")
    return tuple(dict.fromkeys(address for address in addresses if address))


_READERS: Final[Mapping[str, Callable[[str, object], Any]]] = {  # by attribute of DomainRules
    "reply_to": _reply_to,
    "language": _language,
    "time_zone": _time_zone,
    "contacts": _contacts,
}


def _days(name: str, kind: NoticeKind, value: object) -> Steps:
    if kind not in AHEAD:
        raise _invalid(f"[{name}] {kind} is neither true nor false")
    days = value if isinstance(value, list) else []
    if (
        not days
        or not all(type(day) is int and 1 <= day <= 365 for day in days)
        or len(set(days)) < len(days)
    ):
        raise _invalid(f"[{name}] {kind} is not a list of days from 1 to 365, each once")
    return tuple(sorted(days, reverse=True))


def _invalid(problem: str, separator: str = ": ") -> SettingError:
    return SettingError(
        "PCIOPS_NOTICE_DOMAINS",
        f"names {settings.NOTICE_DOMAINS}{separator}{problem}",
        "/etc/pciops/notice-domains.toml",
    )
