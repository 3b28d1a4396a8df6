"""Counts which accounts another policy would stop, before it is set in keystone.conf.

Lockout and expiry reach only accounts with a local row, inactivity also the others. An
account that is blocked already does not count. One whose password has expired does: until now its
owner could change the password and sign in.

What Keystone does with existing rows, according to its source:
- lockout: failures are counted whether the rule is on or off, and never age out, so a new threshold
  locks every account with that many at once, until `lockout_duration` after the last failure.
- inactivity: `last_active_at` is set at every sign-in with a password or by single sign-on, whether
  the rule is on or off (identity.core.Manager.authenticate); before a fix of 2023.1 only while it
  is on. Without it, `created_at` counts. Tokens and application credentials set nothing, and stop
  with their account.
- expiry: a password gets its expiry when it is set, and keeps it when the option changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import IntEnum
from operator import attrgetter
from typing import Any, Final, NamedTuple

from django.db.models import Case, Count, Q, QuerySet, Value, When

from pciops.accounts import activity, privileged, selectors
from pciops.accounts.account import Account
from pciops.accounts.activity import ActivityRecord
from pciops.accounts.policy.policy import OPTIONS, Policy
from pciops.accounts.policy.whatif_passwords import (
    PasswordEffect,
    count_passwords,
    users_with,
)
from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import DISABLED, INACTIVE, LOCKED
from pciops.accounts.states.inactivity import inactive_on
from pciops.accounts.states.lock import locked_until
from pciops.accounts.states.state import NOTHING, Rows, State
from pciops.keystone import database, options
from pciops.keystone.models import LocalUser, User
from pciops.lib.keyset import batched

AHEAD: Final = timedelta(days=30)
MAX_NAMED: Final = 50  # administrators and service accounts
BATCH: Final = 1000  # users in one query

LOCKOUT: Final = ("lockout_failure_attempts", "lockout_duration")
INACTIVITY: Final = ("disable_user_account_days_inactive",)
EXPIRY: Final = ("password_expires_days",)
CHANGEABLE: Final = (*LOCKOUT, *INACTIVITY, *EXPIRY)  # the options of a proposal
TYPES: Final[Mapping[str, Any]] = {option.name: option.type for option in OPTIONS}


class StopLevel(IntEnum):
    """When an account would stop, from never to at once."""

    NEVER = 0
    AHEAD = 1
    TODAY = 2


class ProposalError(Exception):
    """A proposal with invalid values.

    Attributes:
        problems: option → a sentence that begins with its name.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class AffectedCount:
    """A number of accounts, and of the administrators and service accounts among them."""

    accounts: int = 0
    kinds: Mapping[AccountKind, int] = field(default_factory=dict)  # zero is left out


@dataclass(frozen=True, kw_only=True)
class RuleEffect:
    """The accounts that one rule would stop."""

    options: tuple[str, ...]
    state: State  # that the accounts would be in
    today: AffectedCount
    ahead: AffectedCount  # within AHEAD, today included, if none of them signs in before


@dataclass(frozen=True, kw_only=True)
class StoppedAccount:
    """An administrator or service account that would stop."""

    account: Account
    states: tuple[State, ...]  # that it would be in
    today: bool  # in any of the states
    inactive_today: bool
    inactive_on: date | None  # if it would be inactive
    locked_until: datetime | None  # if it would be locked, and the lock ends by itself


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """The effects of a proposed policy at one time."""

    now: datetime
    current: Policy
    proposed: Policy
    effects: tuple[RuleEffect, ...]
    today: AffectedCount  # each account once, also if several rules stop it
    ahead: AffectedCount
    never_active: int  # of the accounts that would be inactive: no sign-in is recorded
    activity: ActivityRecord
    passwords: PasswordEffect
    stops: tuple[StoppedAccount, ...]  # at most MAX_NAMED, those of today first
    unnamed: int  # the administrators and service accounts that are left out

    @property
    def changes(self) -> dict[str, tuple[int | None, int | None]]:
        """The value now and the proposed value of each option that would change."""
        pairs = {
            name: (getattr(self.current, name), getattr(self.proposed, name)) for name in CHANGEABLE
        }
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def as_texts(policy: Policy) -> dict[str, str]:
    """Return the values of a policy as form input; an empty text is a rule that is off."""
    values = {name: getattr(policy, name) for name in CHANGEABLE}
    return {name: "" if value is None else str(value) for name, value in values.items()}


def display_text(name: str, text: str) -> str:
    """Return such form input as text for people."""
    return text or (
        "until an operator unlocks the account" if name == "lockout_duration" else "off"
    )


def parse_proposal(current: Policy, texts: Mapping[str, str]) -> Policy:
    """Return the current policy with these changes; "" unsets an option.

    Raises:
        ProposalError: if a text is not a valid value of its option.
    """
    problems: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, text in texts.items():
        bounds = TYPES[name]
        try:
            values[name] = bounds(text.strip()) if text.strip() else None
        except ValueError:
            problems[name] = (
                f"{name}: {text[:40]!r} is not a whole number from {bounds.min} to "
                f"{bounds.max:,}. Empty means {display_text(name, '')}."
            )
    if problems:
        raise ProposalError(problems)
    return replace(current, **values)


@database.reading()
def evaluate(proposed: Policy, *, current: Policy, scope: str | None, now: datetime) -> WhatIf:
    """Evaluate a policy in one pass each over users, failures and passwords.

    Args:
        scope: the one domain whose accounts are counted and named; None for all.
    """
    rows = LocalUser.objects.all() if scope is None else LocalUser.objects.filter(domain_id=scope)
    change = _Change(proposed=proposed, current=current, now=now)
    users = User.objects.all() if scope is None else User.objects.filter(domain_id=scope)
    locked, inactive = _locked(rows, change), _inactive(users, change)
    all_kinds = privileged.all_kinds()
    privileged_stops = _all_privileged_stops(rows, users, change, all_kinds)
    by_inactivity = {
        level: sum(number for (at, _), number in inactive.items() if at >= level)
        for level in StopLevel
    }

    def affected(
        level: StopLevel, accounts: int, stop_level: Callable[[_Stop], int]
    ) -> AffectedCount:
        among = Counter(
            kind
            for stop in privileged_stops
            if stop_level(stop) >= level
            for kind in all_kinds[stop.user_id]
        )
        return AffectedCount(
            accounts=accounts, kinds={kind: among[kind] for kind in AccountKind if among[kind]}
        )

    def affected_by_any(level: StopLevel) -> AffectedCount:
        only_locked = sum(number for at, number in locked.items() if at < level)
        return affected(level, by_inactivity[level] + only_locked, attrgetter("level"))

    inactivity = attrgetter("inactive")
    by_lock = affected(StopLevel.TODAY, sum(locked.values()), attrgetter("locked"))
    return WhatIf(
        now=now,
        current=current,
        proposed=proposed,
        effects=(
            RuleEffect(options=LOCKOUT, state=LOCKED, today=by_lock, ahead=by_lock),
            RuleEffect(
                options=INACTIVITY,
                state=INACTIVE,
                today=affected(StopLevel.TODAY, by_inactivity[StopLevel.TODAY], inactivity),
                ahead=affected(StopLevel.AHEAD, by_inactivity[StopLevel.AHEAD], inactivity),
            ),
        ),
        today=affected_by_any(StopLevel.TODAY),
        ahead=affected_by_any(StopLevel.AHEAD),
        never_active=sum(
            number for (at, never), number in inactive.items() if never and at > StopLevel.NEVER
        ),
        activity=activity.read(scope=scope, now=now),
        passwords=count_passwords(proposed, scope=scope, now=now),
        stops=tuple(_stopped(privileged_stops[:MAX_NAMED], proposed, scope=scope)),
        unnamed=max(0, len(privileged_stops) - MAX_NAMED),
    )


# --- Accounts -----------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class _Change:
    """A change from one policy to another at one time.

    The conditions are in the order of a CASE, and none is negated, because a comparison with NULL
    is neither true nor false.
    """

    proposed: Policy
    current: Policy
    now: datetime

    def lock(self) -> Case:
        """Return the StopLevel of a row of LocalUser by lockout: TODAY or NEVER."""
        blocked = Q()
        for state in (DISABLED, INACTIVE, LOCKED):
            blocked |= state.condition(self.current, self.now)
        new = Case(When(blocked, then=Value(StopLevel.NEVER)), default=Value(StopLevel.TODAY))
        return Case(
            When(LOCKED.condition(self.proposed, self.now), then=new),
            default=Value(StopLevel.NEVER),
        )

    def inactivity(self, condition: Callable[[Policy, datetime], Q]) -> Case:
        """Return the StopLevel of a row by inactivity, with the condition of inactive rows."""
        new = self.proposed.disable_user_account_days_inactive
        old = self.current.disable_user_account_days_inactive
        earlier = new is not None and (old is None or new < old)
        return Case(
            When(condition(self.current, self.now), then=Value(StopLevel.NEVER)),
            When(condition(self.proposed, self.now), then=Value(StopLevel.TODAY)),
            When(
                condition(self.proposed, self.now + AHEAD) if earlier else NOTHING,
                then=Value(StopLevel.AHEAD),
            ),
            default=Value(StopLevel.NEVER),
        )


class _Stop(NamedTuple):
    """When a privileged account would stop by each rule."""

    user_id: str
    name: str
    active_on: date
    locked: int
    inactive: int

    @property
    def level(self) -> int:
        """When it would stop by any rule."""
        return max(self.locked, self.inactive)

    def urgency(self) -> tuple[int, date, str, str]:
        """Sort accounts that stop today first, then those that were unused for the longest."""
        return -self.level, self.active_on, self.name, self.user_id


def _locked(rows: Rows, change: _Change) -> dict[int, int]:
    """Count the rows that would be locked by their StopLevel by inactivity. They are few."""
    judged = rows.filter(LOCKED.condition(change.proposed, change.now)).annotate(
        lock=change.lock(), inactivity=change.inactivity(INACTIVE.condition)
    )
    levels = judged.filter(lock=StopLevel.TODAY).order_by().values_list("inactivity")
    return dict(levels.annotate(number=Count("pk")))


def _inactive(users: QuerySet[User], change: _Change) -> Counter[tuple[int, int]]:
    """Count users by (StopLevel by inactivity, whether they were never active).

    They may be most of all accounts, and a lookup of each one's option would take as long as
    everything else. So the exempt ones, which are few, are counted separately and subtracted.
    """
    judged = users.annotate(
        inactivity=change.inactivity(INACTIVE.row_condition),
        never=Case(When(last_active_at=None, then=Value(1)), default=Value(0)),
    )
    exempt = judged.filter(pk__in=users_with(options.IGNORE_USER_INACTIVITY))
    numbers: Counter[tuple[int, int]] = Counter()
    for among, sign in ((judged, 1), (exempt, -1)):
        levels = among.order_by().values_list("inactivity", "never")
        for level, never, number in levels.annotate(number=Count("pk")):
            numbers[level, never] += sign * number
    return numbers


def _all_privileged_stops(
    rows: Rows, users: QuerySet[User], change: _Change, user_ids: Collection[str]
) -> list[_Stop]:
    """Return the users of any kind among these that would stop, the most urgent first."""
    local = _privileged_stops(rows, change, user_ids)
    others = _other_privileged_stops(users, change, user_ids)
    return sorted([*local, *others], key=_Stop.urgency)


def _privileged_stops(rows: Rows, change: _Change, user_ids: Iterable[str]) -> Iterator[_Stop]:
    """Yield the users among these that would stop."""
    judged = rows.annotate(lock=change.lock(), inactivity=change.inactivity(INACTIVE.condition))
    for ids in batched(user_ids, BATCH):
        chunk = judged.filter(user_id__in=ids)
        times = ("user__last_active_at", "user__created_at")
        columns = ("user_id", "name", "lock", "inactivity", *times)
        for user_id, name, locked, inactive, day, created_at in chunk.values_list(*columns):
            if locked or inactive:
                active_on = day or (created_at.date() if created_at else date.max)
                yield _Stop(user_id, name, active_on, locked, inactive)


def _other_privileged_stops(
    users: QuerySet[User], change: _Change, user_ids: Iterable[str]
) -> Iterator[_Stop]:
    """Yield the LDAP and federated users among these that would stop."""
    judged = users.filter(local_user=None).annotate(
        inactivity=change.inactivity(INACTIVE.user_condition)
    )
    for ids in batched(user_ids, BATCH):
        chunk = judged.filter(pk__in=ids, inactivity__gt=StopLevel.NEVER)
        columns = ("pk", "nonlocal_user__name", "inactivity", "last_active_at", "created_at")
        for user_id, name, inactive, day, created_at in chunk.values_list(*columns):
            active_on = day or (created_at.date() if created_at else date.max)
            yield _Stop(user_id, name or "", active_on, StopLevel.NEVER, inactive)


def _stopped(
    stops: Iterable[_Stop], proposed: Policy, *, scope: str | None
) -> Iterator[StoppedAccount]:
    by_user = {stop.user_id: stop for stop in stops}
    for account in selectors.get_many(list(by_user), scope=scope):
        stop = by_user[account.id]
        yield StoppedAccount(
            account=account,
            states=tuple(
                state
                for state, level in ((LOCKED, stop.locked), (INACTIVE, stop.inactive))
                if level
            ),
            today=stop.level == StopLevel.TODAY,
            inactive_today=stop.inactive == StopLevel.TODAY,
            inactive_on=inactive_on(account, proposed) if stop.inactive else None,
            locked_until=locked_until(account, proposed) if stop.locked else None,
        )
