"""Rules for notices by domain: kinds, days ahead, and where answers go.

The settings hold the rules of all domains; the file of `PCIOPS_NOTICE_DOMAINS` those of single
domains, which it names by id or by name:

    [customers]
    reply_to = "desk@customers.example"
    password_expiring = [30, 7, 1]   # these days
    locked = false                   # not at all
    inactivity = true                # as the settings have it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings

from pciops.accounts.account import Account
from pciops.lib.addresses import mail_address
from pciops.notices import domain_file
from pciops.notices.domain_file import CONTACTS, wrong
from pciops.notices.models import NoticeKind

Steps = tuple[int, ...]

AHEAD: Final = (NoticeKind.PASSWORD_EXPIRING, NoticeKind.INACTIVITY)  # kinds that have days
AFTER: Final = (0,)  # the one step of the others, which come after the fact


@dataclass(frozen=True, kw_only=True)
class DomainRules:
    """The rules of one domain."""

    steps: Mapping[NoticeKind, Steps]  # a kind that is off is missing
    reply_to: str = ""

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
    on = frozenset(map(NoticeKind, settings.NOTICE_KINDS))
    default = DomainRules(
        steps={kind: steps for kind, steps in all_steps.items() if kind in on},
        reply_to=settings.MAIL_REPLY_TO,
    )
    tables = domain_file.tables()
    return RuleBook(
        default=default,
        domains={
            name: _of_domain(name, table, default, all_steps) for name, table in tables.items()
        },
    )


def _of_domain(
    name: str, table: Mapping[str, Any], default: DomainRules, all_steps: Mapping[NoticeKind, Steps]
) -> DomainRules:
    steps, reply_to = dict(default.steps), default.reply_to
    for key, value in table.items():
        if key == "reply_to":
            if not isinstance(value, str) or mail_address(value) is None:
                raise wrong(f"[{name}] reply_to is no mail address")
            reply_to = value
        elif key == CONTACTS:
            continue
        elif key not in NoticeKind.values:
            kinds = ", ".join(NoticeKind.values)
            raise wrong(f"[{name}] {key} is neither reply_to, {CONTACTS} nor one of {kinds}")
        elif value is False:
            steps.pop(NoticeKind(key), None)
        elif value is True:
            steps[NoticeKind(key)] = all_steps[NoticeKind(key)]
        else:
            steps[NoticeKind(key)] = _days(name, NoticeKind(key), value)
    return DomainRules(steps=steps, reply_to=reply_to)


def _days(name: str, kind: NoticeKind, value: object) -> Steps:
    if kind not in AHEAD:
        raise wrong(f"[{name}] {kind} is neither true nor false")
    days = value if isinstance(value, list) else []
    if (
        not days
        or not all(type(day) is int and 1 <= day <= 365 for day in days)
        or len(set(days)) < len(days)
    ):
        raise wrong(f"[{name}] {kind} is no list of days from 1 to 365, each once")
    return tuple(sorted(days, reverse=True))
