"""The long lists of a report, in as few passes over Keystone's tables as there are tables.

A page or an export builds whole accounts, with all their passwords, options and roles. Half a
million of those would take minutes, so here a row has only what its list says. The rules are the
states' own. Everything is read in keyset chunks, each a statement of its own that takes no lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When

from pciops.accounts import loading, privileged, selectors
from pciops.accounts.account import Account
from pciops.accounts.census.counting import newest_passwords
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKinds
from pciops.accounts.states import (
    ATTACKED_EXEMPT,
    EXEMPTIONS,
    EXPIRED,
    EXPIRING,
    INACTIVE,
    INACTIVE_SOON,
    LOCKED,
    MUST_CHANGE,
    NO_EXPIRY,
)
from pciops.accounts.states.password import PasswordState
from pciops.accounts.states.state import State
from pciops.keystone import database, options
from pciops.keystone.models import LocalUser, Password, User
from pciops.lib import times
from pciops.lib.evidence import Column
from pciops.lib.spool import Cell, Spool

CHUNK: Final = 5000  # whole accounts in memory at a time
STRETCH: Final = 25_000  # rows of a table that one statement looks at
AHEAD: Final = 30  # days within which passwords are listed that will expire
DUE: Final = 7  # days within which accounts are listed that will be inactive
WITHIN: Final = (7, 14, 30)  # days for which expiring passwords are counted

BY_ACTIVITY: Final = (INACTIVE, INACTIVE_SOON)
BY_PASSWORD: Final[tuple[PasswordState, ...]] = (EXPIRED, MUST_CHANGE, EXPIRING, NO_EXPIRY)

# Whom a row is about; every list begins with these.
WHO: Final = (
    Column(key="user_id", title="Id"),
    Column(key="user_name", title="Account"),
    Column(key="domain_name", title="Domain"),
    Column(key="kinds", title="Kind"),
)
IDENTITY: Final = ("user_id",)


@dataclass(frozen=True, kw_only=True)
class Lists:
    """What the passes have found: rows that begin with `WHO`, in the order of ids."""

    spools: Mapping[State, Spool]
    not_covered: Spool
    # How many passwords expire within so many days.
    expiring: Counter[int] = field(default_factory=Counter)


class _Holder(NamedTuple):
    """A row of `local_user`, and what is beside it."""

    user_id: str
    name: str
    domain_id: str
    enabled: bool | None


@dataclass(frozen=True)
class Names:
    """What rows need besides their own: the names of domains, and who matters."""

    domains: Mapping[str, str]
    kinds: Mapping[str, AccountKinds]

    @classmethod
    def read(cls) -> Names:
        """As Keystone has them now.

        Raises:
            KeystoneDatabaseDownError
        """
        domains = {domain.id: domain.name for domain in selectors.domains(scope=None)}
        return cls(domains, privileged.all_kinds())

    def who(self, user_id: str, name: str, domain_id: str | None) -> tuple[Cell, ...]:
        """The cells of `WHO`."""
        of = ", ".join(kind.label for kind in self.kinds.get(user_id, ()))
        return user_id, name, self.domains.get(domain_id or "", domain_id or ""), of


def who(account: Account) -> tuple[Cell, ...]:
    """The cells of `WHO` for a whole account."""
    of = ", ".join(kind.label for kind in account.kinds)
    return account.id, account.name, account.domain_name, of


def read(*, scope: str | None, policy: Policy, now: datetime, names: Names) -> Lists:
    """All of the lists, as they are at this instant.

    Raises:
        KeystoneDatabaseDownError
    """
    policy = replace(policy, inactive_soon_days=DUE, expiring_days=AHEAD)
    lists = Lists(
        spools={state: Spool() for state in (*BY_ACTIVITY, *BY_PASSWORD)}, not_covered=Spool()
    )
    _by_user(lists, scope, policy, now, names)
    _by_password(lists, scope, policy, now, names)
    return lists


# --- By the row of `user` ------------------------------------------------------------------------
def _by_user(lists: Lists, scope: str | None, policy: Policy, now: datetime, names: Names) -> None:
    """Who is inactive, and then whom the rules do not cover.

    Apart: whoever asks each user for both joins a million rows to find few.
    """
    rules = [state.user_condition(policy, now) for state in BY_ACTIVITY]
    rows = User.objects.filter(_any(rules)).annotate(number=_numbered(rules))
    columns = ("pk", "number", "last_active_at", "created_at")
    limit = timedelta(days=policy.disable_user_account_days_inactive or 0)
    today = now.astimezone(UTC).date()
    for chunk in _chunks(_within(rows, scope, "domain_id"), columns):
        holders = _holders_of([row[0] for row in chunk])
        for user_id, number, seen, made in chunk:
            holder = holders.get(user_id)
            if holder is None:
                continue  # not covered
            active = seen or (made.date() if made else None)
            cells = _activity(seen, made, active, limit, today)
            lists.spools[BY_ACTIVITY[number]].append(
                (*names.who(user_id, holder.name, holder.domain_id), *cells)
            )
    strangers = User.objects.filter(~Exists(LocalUser.objects.filter(user=OuterRef("pk"))))
    for chunk in _chunks(_within(strangers, scope, "domain_id"), ("pk",)):
        for account in _strangers([user_id for (user_id,) in chunk], names):
            lists.not_covered.append((*who(account), bool(account.enabled)))


@database.reading()
def _holders_of(user_ids: list[str]) -> dict[str, _Holder]:
    rows = LocalUser.objects.filter(user__in=user_ids)
    found = rows.values_list("user_id", "name", "domain_id", "user__enabled")
    return {row[0]: _Holder._make(row) for row in found}


ACTIVITY: Final = (
    Column(key="last_active_on", title="Last active", kind="day"),
    Column(key="created_on", title="Created", kind="day"),
    Column(key="days", title="Days", kind="number"),
    Column(key="inactive_on", title="Inactive on", kind="day"),
)


def _activity(
    seen: date | None,
    made: datetime | None,
    active: date | None,
    limit: timedelta,
    today: date,
) -> tuple[Cell, ...]:
    """The cells of `ACTIVITY`; without a sign-in the days are counted from the creation."""
    if active is None:
        return times.iso(seen), None, None, None
    return (
        times.iso(seen),
        made.date().isoformat() if made else None,
        (today - active).days,
        _later(active, limit),
    )


def activity_of(account: Account, policy: Policy, now: datetime) -> tuple[Cell, ...]:
    """As `_activity`, of a whole account."""
    limit = timedelta(days=policy.disable_user_account_days_inactive or 0)
    today = now.astimezone(UTC).date()
    return _activity(account.last_active_at, account.created_at, account.active_on, limit, today)


def _later(day: date, span: timedelta) -> str | None:
    try:
        return (day + span).isoformat() if span else None
    except OverflowError:
        return None


@database.reading()
def _strangers(user_ids: list[str], names: Names) -> list[Account]:
    """Users whom Keystone knows by name alone, or not even so."""
    users = User.objects.filter(pk__in=user_ids).order_by("pk")
    return loading.accounts(loading.user_rows(users), kinds=names.kinds)


# --- By the newest password ----------------------------------------------------------------------
PASSWORD: Final = (
    Column(key="enabled", title="Enabled", kind="yes"),
    Column(key="password_set_on", title="Password set", kind="day"),
    Column(key="password_age_days", title="Age in days", kind="number"),
    Column(key="password_expires_at", title="Expires", kind="instant"),
)


def _by_password(
    lists: Lists, scope: str | None, policy: Policy, now: datetime, names: Names
) -> None:
    """One ranking of `password` for all states of it, and then the rows that it names."""
    found = sorted(newest_passwords([state.row_condition(policy, now) for state in BY_PASSWORD]))
    exempt = _exempt()
    for start in range(0, len(found), CHUNK):
        numbers = dict(found[start : start + CHUNK])
        rows = _passwords(list(numbers))
        holders = _holders([local_id for _, local_id, *_ in rows], scope)
        for pk, local_id, made, *expiries in rows:
            holder = holders.get(local_id)
            if holder is None or holder.user_id in exempt:
                continue
            expires_at = expiries[0] if expiries[0] is not None else expiries[1]
            _take(lists, BY_PASSWORD[numbers[pk]], holder, (made, expires_at), now, names)


@database.reading()
def _passwords(keys: list[int]) -> list[tuple[Any, ...]]:
    rows = Password.objects.filter(pk__in=keys).order_by("pk")
    return list(rows.values_list("pk", "local_user_id", "created_at_int", *_EXPIRIES))


_EXPIRIES: Final = ("expires_at_int", "expires_at")


def _take(
    lists: Lists,
    state: State,
    holder: _Holder,
    password: tuple[datetime | None, datetime | None],
    now: datetime,
    names: Names,
) -> None:
    made, expires_at = password
    if state is EXPIRING and expires_at is not None:
        for days in WITHIN:
            lists.expiring[days] += expires_at <= now + timedelta(days=days)
    lists.spools[state].append(
        (
            *names.who(holder.user_id, holder.name, holder.domain_id),
            bool(holder.enabled),
            *password_cells(made, now),
            instant(expires_at),
        )
    )


def instant(value: datetime | None) -> str | None:
    """An instant to the second, as cells have it."""
    return times.iso(value.replace(microsecond=0)) if value else None


def password_cells(made: datetime | None, now: datetime) -> tuple[Cell, ...]:
    """The day on which a password was set, and its age in days."""
    if made is None:
        return None, None
    return made.date().isoformat(), max(0, (now - made).days)


@database.reading()
def _exempt() -> set[str]:
    """The users whose passwords never expire by an option."""
    rows = EXEMPTIONS.filter(option_id=options.IGNORE_PASSWORD_EXPIRY)
    return set(rows.values_list("user_id", flat=True))


@database.reading()
def _holders(local_ids: Iterable[int], scope: str | None) -> dict[int, _Holder]:
    rows = _within(LocalUser.objects.filter(pk__in=local_ids), scope, "domain_id")
    found = rows.values_list("pk", "user_id", "name", "domain_id", "user__enabled")
    return {pk: _Holder(*rest) for pk, *rest in found}


# --- By failures ---------------------------------------------------------------------------------
def failing(
    *, scope: str | None, policy: Policy, now: datetime, names: Names
) -> Iterator[list[Account]]:
    """Accounts at the threshold of failures that are locked, or exempt; chunk by chunk.

    Raises:
        KeystoneDatabaseDownError
    """
    either = LOCKED.condition(policy, now) | ATTACKED_EXEMPT.condition(policy, now)
    rows = _within(LocalUser.objects.filter(either), scope, "domain_id").order_by("pk")
    last = 0
    while True:
        with database.reading():
            found = loading.local_user_rows(rows.filter(pk__gt=last)[:CHUNK])
            accounts = loading.accounts(found, kinds=names.kinds)
        if not found:
            return
        yield accounts
        last = found[-1].local_id or 0


# --- What all do ---------------------------------------------------------------------------------
def _chunks(rows: QuerySet[Any], columns: tuple[str, ...]) -> Iterator[list[tuple[Any, ...]]]:
    """The rows by primary key, the first of the columns.

    A statement looks at so many rows of the table, however few of them fit: where none does, one
    that goes on until it has enough would look at all.
    """
    every, last = rows.model._default_manager.order_by("pk").values_list("pk", flat=True), None
    while True:
        with database.reading():
            following = every if last is None else every.filter(pk__gt=last)
            end = following[STRETCH - 1 : STRETCH].first()
            here = rows if last is None else rows.filter(pk__gt=last)
            here = here if end is None else here.filter(pk__lte=end)
            found = list(here.order_by("pk").values_list(*columns))
        if found:
            yield found
        if end is None:
            return
        last = end


def _any(rules: Iterable[Q]) -> Q:
    found = Q(pk__in=[])
    for rule in rules:
        found |= rule
    return found


def _numbered(rules: Iterable[Q]) -> Case:
    """The number of the first rule that is true of a row."""
    whens = [When(rule, Value(number)) for number, rule in enumerate(rules)]
    return Case(*whens, default=None, output_field=IntegerField())


def _within(rows: QuerySet[Any], scope: str | None, column: str) -> QuerySet[Any]:
    return rows if scope is None else rows.filter(**{column: scope})
