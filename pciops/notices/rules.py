"""Which kinds of notice go out, how many days ahead, and where answers go: for each domain.

The settings say it for all; the file of `PCIOPS_NOTICE_DOMAINS` for single domains, which it names
by id or by name:

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
from pciops.notices.models import Notice

Kind = Notice.Kind
Steps = tuple[int, ...]

AHEAD: Final = (Kind.PASSWORD_EXPIRING, Kind.INACTIVITY)  # those that have days
AFTER: Final = (0,)  # the one step of those that come after the fact


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What goes out in one domain."""

    steps: Mapping[Kind, Steps]  # a kind that is off is missing
    reply_to: str = ""

    def steps_of(self, kind: Kind) -> Steps:
        """The days ahead, the greatest first; nothing where the kind is off."""
        return self.steps.get(kind, ())


@dataclass(frozen=True, kw_only=True)
class Book:
    """The rules of every domain."""

    usual: Rules
    domains: Mapping[str, Rules] = field(default_factory=dict)  # by id or name

    def of(self, account: Account) -> Rules:
        """The rules of the account's domain; its id comes before its name."""
        return self.of_domain(account.domain_id, account.domain_name)

    def of_domain(self, domain_id: str, name: str) -> Rules:
        """As `of`."""
        return self.domains.get(domain_id, self.domains.get(name, self.usual))

    def furthest(self, kind: Kind) -> int:
        """The greatest number of days that any domain has; 0 where the kind is off everywhere."""
        everyone = [self.usual, *self.domains.values()]
        return max((step for rules in everyone for step in rules.steps_of(kind)), default=0)

    def on(self, kind: Kind) -> bool:
        """Whether the kind is on anywhere."""
        return any(rules.steps_of(kind) for rules in [self.usual, *self.domains.values()])


def current() -> Book:
    """The rules as settings and file have them now; a file that changed is read again.

    Raises:
        SettingError: where the file cannot be read or makes no sense.
    """
    days = {
        Kind.PASSWORD_EXPIRING: tuple(settings.NOTICE_DAYS),
        Kind.INACTIVITY: tuple(settings.INACTIVITY_NOTICE_DAYS),
    }
    wanted = {kind: days.get(kind, AFTER) for kind in Kind}
    on = frozenset(map(Kind, settings.NOTICE_KINDS))
    usual = Rules(
        steps={kind: steps for kind, steps in wanted.items() if kind in on},
        reply_to=settings.MAIL_REPLY_TO,
    )
    tables = domain_file.tables()
    return Book(
        usual=usual,
        domains={name: _of_domain(name, table, usual, wanted) for name, table in tables.items()},
    )


def _of_domain(
    name: str, table: Mapping[str, Any], usual: Rules, everything: Mapping[Kind, Steps]
) -> Rules:
    steps, reply_to = dict(usual.steps), usual.reply_to
    for key, value in table.items():
        if key == "reply_to":
            if not isinstance(value, str) or mail_address(value) is None:
                raise wrong(f"[{name}] reply_to is no mail address")
            reply_to = value
        elif key == CONTACTS:
            continue
        elif key not in Kind.values:
            known = ", ".join(Kind.values)
            raise wrong(f"[{name}] {key} is neither reply_to, {CONTACTS} nor one of {known}")
        elif value is False:
            steps.pop(Kind(key), None)
        elif value is True:
            steps[Kind(key)] = everything[Kind(key)]
        else:
            steps[Kind(key)] = _days(name, Kind(key), value)
    return Rules(steps=steps, reply_to=reply_to)


def _days(name: str, kind: Kind, value: object) -> Steps:
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
