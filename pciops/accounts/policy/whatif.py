"""What would stop if Keystone had another policy: counted before anybody sets it.

Only accounts that Keystone knows itself: LDAP and federated users are under none of these rules.
An account that is stopped already does not stop once more. One whose password has expired does:
until now its owner could change it and go on.

What Keystone does with the rows that are there, as its source has it:
- lockout: failures are counted whether the rule is on or off, and never age out, so a new
  threshold locks at once whoever has that many, until `lockout_duration` after the last of them.
- inactivity: `last_active_at` is set at every sign-in with a password, whether the rule is on or
  off (identity.core.Manager.authenticate). An account without it is judged by `created_at`.
  Tokens and application credentials set nothing, and stop with their account.
- expiry: a password gets its expiry when it is set, and keeps it whatever the option becomes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db.models import Case, Count, Q, QuerySet, Value, When

from pciops.accounts import privileged, selectors
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import OPTIONS, Policy
from pciops.accounts.privileged import Kind
from pciops.accounts.states import DISABLED, INACTIVE, LOCKED
from pciops.accounts.states.inactivity import inactive_on
from pciops.accounts.states.lock import locked_until
from pciops.accounts.states.state import NOTHING, Rows, State, prefixed
from pciops.keystone import database, options
from pciops.keystone.fields import EPOCH
from pciops.keystone.models import LocalUser, Password, UserOption

AHEAD: Final = timedelta(days=30)
NAMED: Final = 50  # administrators and service accounts
CHUNK: Final = 1000  # users who are asked for at a time

LOCKOUT: Final = ("lockout_failure_attempts", "lockout_duration")
INACTIVITY: Final = ("disable_user_account_days_inactive",)
EXPIRY: Final = ("password_expires_days",)
CHOSEN: Final = (*LOCKOUT, *INACTIVITY, *EXPIRY)  # the options that may be tried out
_TYPES: Final[Mapping[str, Any]] = {option.name: option.type for option in OPTIONS}

_GOES_ON, _SOON, _TODAY = LEVELS = range(3)  # what becomes of an account by one rule


class ProposalError(Exception):
    """Values that no option can have.

    Attributes:
        problems: option → what is wrong with its value, a sentence that begins with its name.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Number:
    """So many accounts, and how many administrators and service accounts are among them."""

    accounts: int = 0
    kinds: Mapping[Kind, int] = field(default_factory=dict)  # zero is left out


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What one rule would stop."""

    options: tuple[str, ...]
    state: State  # that the accounts get into
    today: Number
    ahead: Number  # within AHEAD, today included, if none of them signs in until then


@dataclass(frozen=True, kw_only=True)
class Passwords:
    """What the rule for passwords comes to; it stops nobody on the day that it is set."""

    never_expire: int  # of the passwords that are in use now; they go on so until they are changed
    keep_expiry: int  # of those; theirs is not lifted either
    too_old: int | None  # older than the proposed days, and yet valid; None: the rule is off
    new_expire_on: date | None  # the day of one that is set today; None: never


@dataclass(frozen=True, kw_only=True)
class Stop:
    """An administrator or service account that would stop."""

    account: Account
    states: tuple[State, ...]  # that it would get into
    today: bool  # by any of them
    inactive_today: bool
    inactive_on: date | None  # from which day on, for one that would be inactive
    locked_until: datetime | None  # None: it would not be locked, or nothing but an unlock ends it


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """The whole answer, as it is at this instant."""

    now: datetime
    current: Policy
    proposed: Policy
    effects: tuple[Effect, ...]
    today: Number  # each account once, whatever rules stop it
    ahead: Number
    never_active: int  # of the accounts that would be inactive `ahead`: nobody ever signed in
    passwords: Passwords
    stops: tuple[Stop, ...]  # at most NAMED, those of today first
    unnamed: int  # administrators and service accounts that stop besides

    @property
    def changes(self) -> dict[str, tuple[int | None, int | None]]:
        """Option → its value now and the proposed one, where they differ."""
        pairs = {
            name: (getattr(self.current, name), getattr(self.proposed, name)) for name in CHOSEN
        }
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def typed(policy: Policy) -> dict[str, str]:
    """The values of a policy as somebody would type them; an empty text is a rule that is off."""
    values = {name: getattr(policy, name) for name in CHOSEN}
    return {name: "" if value is None else str(value) for name, value in values.items()}


def said(name: str, text: str) -> str:
    """Such a text as a person reads it."""
    return text or ("until somebody unlocks" if name == "lockout_duration" else "off")


def proposal(current: Policy, texts: Mapping[str, str]) -> Policy:
    """The policy with these values instead; what is left out stays as it is, "" unsets.

    Raises:
        ProposalError: where a text is no value of its option.
    """
    problems: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, text in texts.items():
        bounds = _TYPES[name]
        try:
            values[name] = bounds(text.strip()) if text.strip() else None
        except ValueError:
            problems[name] = (
                f"{name}: {text[:40]!r} is no whole number from {bounds.min} to {bounds.max:,}."
                f" Empty means {said(name, '')}."
            )
    if problems:
        raise ProposalError(problems)
    return replace(current, **values)


@database.reading()
def ask(proposed: Policy, *, current: Policy, scope: str | None, now: datetime) -> WhatIf:
    """What would stop: a pass over the users, one over the failures, one over the passwords.

    Args:
        scope: the one domain whose accounts are counted and named; None for all.

    Raises:
        KeystoneDatabaseDownError
    """
    rows = LocalUser.objects.all() if scope is None else LocalUser.objects.filter(domain_id=scope)
    change = _Change(proposed=proposed, current=current, now=now)
    locked, inactive = _locked(rows, change), _inactive(rows, change)
    of_kind = privileged.everyone()
    found = sorted(_mattering(rows, change, of_kind), key=_Fate.urgency)
    ahead = {level: sum(n for (at, _), n in inactive.items() if at >= level) for level in LEVELS}
    lockout = sum(locked.values())

    def number(level: int, accounts: int, fate: Callable[[_Fate], int]) -> Number:
        among = Counter(
            kind for one in found if fate(one) >= level for kind in of_kind[one.user_id]
        )
        return Number(accounts=accounts, kinds={kind: among[kind] for kind in Kind if among[kind]})

    def either(level: int) -> Number:
        besides = sum(n for at, n in locked.items() if at < level)
        return number(level, ahead[level] + besides, lambda one: max(one.locked, one.inactive))

    by_lock = number(_TODAY, lockout, lambda one: one.locked)
    return WhatIf(
        now=now,
        current=current,
        proposed=proposed,
        effects=(
            Effect(options=LOCKOUT, state=LOCKED, today=by_lock, ahead=by_lock),
            Effect(
                options=INACTIVITY,
                state=INACTIVE,
                today=number(_TODAY, ahead[_TODAY], lambda one: one.inactive),
                ahead=number(_SOON, ahead[_SOON], lambda one: one.inactive),
            ),
        ),
        today=either(_TODAY),
        ahead=either(_SOON),
        never_active=sum(n for (at, never), n in inactive.items() if never and at > _GOES_ON),
        passwords=_passwords(proposed, scope=scope, now=now),
        stops=tuple(_stops(found[:NAMED], proposed, scope=scope)),
        unnamed=max(0, len(found) - NAMED),
    )


# --- Accounts -----------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class _Change:
    """From one policy to another, at an instant.

    The conditions stand in the order of a CASE, and none is negated: what is compared with a NULL
    is neither true nor false.
    """

    proposed: Policy
    current: Policy
    now: datetime

    def lock(self) -> Case:
        """What becomes of a row of LocalUser by lockout: it stops today, or goes on."""
        stopped = DISABLED.where(self.current, self.now) | INACTIVE.where(self.current, self.now)
        stopped |= LOCKED.where(self.current, self.now)
        new = Case(When(stopped, then=Value(_GOES_ON)), default=Value(_TODAY))
        return Case(When(LOCKED.where(self.proposed, self.now), then=new), default=Value(_GOES_ON))

    def inactivity(self, condition: Callable[[Policy, datetime], Q]) -> Case:
        """What becomes of it by inactivity, where the condition is true of inactive ones."""
        new = self.proposed.disable_user_account_days_inactive
        old = self.current.disable_user_account_days_inactive
        earlier = new is not None and (old is None or new < old)
        return Case(
            When(condition(self.current, self.now), then=Value(_GOES_ON)),
            When(condition(self.proposed, self.now), then=Value(_TODAY)),
            When(
                condition(self.proposed, self.now + AHEAD) if earlier else NOTHING,
                then=Value(_SOON),
            ),
            default=Value(_GOES_ON),
        )


@dataclass(frozen=True, kw_only=True)
class _Fate:
    """What becomes of an administrator or service account by either rule."""

    user_id: str
    name: str
    active_on: date
    locked: int
    inactive: int

    def urgency(self) -> tuple[int, date, str, str]:
        """Sorts those first that stop today, then those that were not used for the longest."""
        return -max(self.locked, self.inactive), self.active_on, self.name, self.user_id


def _locked(rows: Rows, change: _Change) -> dict[int, int]:
    """What becomes by inactivity of those that would be locked → how many. They are few."""
    judged = rows.filter(LOCKED.where(change.proposed, change.now)).annotate(
        lock=change.lock(), inactivity=change.inactivity(INACTIVE.where)
    )
    found = judged.filter(lock=_TODAY).order_by().values_list("inactivity")
    return dict(found.annotate(number=Count("pk")))


def _inactive(rows: Rows, change: _Change) -> Counter[tuple[int, int]]:
    """(what becomes of them by inactivity, 1 where nobody ever signed in) → how many.

    They may be most of all accounts, and to look for the option of each would take as long as
    everything else; so the exempt ones, who are few, are counted once more and taken away.
    """

    def fits(policy: Policy, now: datetime) -> Q:
        return prefixed(INACTIVE.fits(policy, now), "user")

    judged = rows.annotate(
        inactivity=change.inactivity(fits),
        never=Case(When(user__last_active_at=None, then=Value(1)), default=Value(0)),
    )
    exempt = judged.filter(user_id__in=_with_option(options.IGNORE_USER_INACTIVITY))
    numbers: Counter[tuple[int, int]] = Counter()
    for among, sign in ((judged, 1), (exempt, -1)):
        found = among.order_by().values_list("inactivity", "never")
        for level, never, number in found.annotate(number=Count("pk")):
            numbers[level, never] += sign * number
    return numbers


def _with_option(option_id: str) -> QuerySet[Any]:
    """Ids of the users who have the option."""
    rows = UserOption.objects.filter(option_id=option_id, option_value="true")
    return rows.values_list("user_id", flat=True)


def _mattering(rows: Rows, change: _Change, user_ids: Iterable[str]) -> Iterator[_Fate]:
    """Those of these users that stop."""
    judged = rows.annotate(lock=change.lock(), inactivity=change.inactivity(INACTIVE.where))
    ids = list(user_ids)
    for start in range(0, len(ids), CHUNK):
        chunk = judged.filter(user_id__in=ids[start : start + CHUNK])
        times = ("user__last_active_at", "user__created_at")
        columns = ("user_id", "name", "lock", "inactivity", *times)
        for user_id, name, locked, inactive, day, created_at in chunk.values_list(*columns):
            if locked or inactive:
                active_on = day or (created_at.date() if created_at else date.max)
                yield _Fate(
                    user_id=user_id,
                    name=name,
                    active_on=active_on,
                    locked=locked,
                    inactive=inactive,
                )


def _stops(fates: Iterable[_Fate], proposed: Policy, *, scope: str | None) -> Iterator[Stop]:
    found = {fate.user_id: fate for fate in fates}
    for account in selectors.these(list(found), scope=scope):
        fate = found[account.id]
        yield Stop(
            account=account,
            states=tuple(
                state
                for state, level in ((LOCKED, fate.locked), (INACTIVE, fate.inactive))
                if level
            ),
            today=_TODAY in (fate.locked, fate.inactive),
            inactive_today=fate.inactive == _TODAY,
            inactive_on=inactive_on(account, proposed) if fate.inactive else None,
            locked_until=locked_until(account, proposed) if fate.locked else None,
        )


# --- Passwords ----------------------------------------------------------------------------------
def _passwords(proposed: Policy, *, scope: str | None, now: datetime) -> Passwords:
    """Counted among the passwords in use: those without an expiry, or with one that is to come.

    With a new password Keystone ends all older ones, so such a row is the newest of its account.
    """
    days = proposed.password_expires_days
    rows = Password.objects.filter(
        Q(expires_at_int=None, expires_at=None)
        | Q(expires_at_int__gt=now)
        | Q(expires_at_int=None, expires_at__gt=now)
    )
    if scope is not None:
        rows = rows.filter(local_user__domain_id=scope)
    exempt = _with_option(options.IGNORE_PASSWORD_EXPIRY)
    everyone = _ages(rows, days, now)
    spared = _ages(rows.filter(local_user__user_id__in=exempt), days, now)  # few
    never, keep, old = (every - some for every, some in zip(everyone, spared, strict=True))
    return Passwords(
        never_expire=never,
        keep_expiry=keep,
        too_old=None if days is None else old,
        new_expire_on=(now.astimezone(UTC) + timedelta(days=days)).date() if days else None,
    )


def _ages(rows: QuerySet[Password], days: int | None, now: datetime) -> tuple[int, int, int]:
    """How many never expire, how many do, and how many are older than so many days."""
    never = Q(expires_at_int=None, expires_at=None)
    old = NOTHING
    if days is not None:
        before = now - timedelta(days=days)
        # As Account has it: the old column counts where the new one is 0.
        old = Q(created_at_int__gt=EPOCH, created_at_int__lte=before)
        old |= Q(created_at_int=EPOCH, created_at__lte=before)
    found = rows.order_by().aggregate(
        every=Count("pk"), never=Count("pk", filter=never), old=Count("pk", filter=old)
    )
    return found["never"], found["every"] - found["never"], found["old"]
