"""The lists of accounts in a report, read in as few passes over Keystone's tables as possible.

A page or an export builds whole accounts, with all their passwords, options and roles. For half a
million accounts that takes minutes, so here a row has only the columns of its list. The rules are
those of the states. Everything is read in chunks by primary key, each a statement that takes no
lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import reduce
from operator import attrgetter, or_
from typing import Any, Final, NamedTuple, TypeVar

from django.db.models import Case, Exists, IntegerField, Model, OuterRef, Q, QuerySet, Value, When

from pciops.accounts import loading, mfa, privileged, selectors
from pciops.accounts.account import Account
from pciops.accounts.census.counting import newest_passwords
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind, AccountKinds
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
from pciops.accounts.states.state import State
from pciops.keystone import database, options
from pciops.keystone.models import LocalUser, Password, User
from pciops.lib import keyset
from pciops.reports.columns import account_cells, activity_cells, password_cells
from pciops.reports.spool import Spool
from pciops.reports.value import Cell

M = TypeVar("M", bound=Model)

CHUNK: Final = 5000  # whole accounts in memory at a time
STRETCH: Final = 25_000  # rows of a table that one statement looks at
EXPIRING_DAYS: Final = 30  # within which expiring passwords are listed
INACTIVE_DAYS: Final = 7  # within which accounts that become inactive are listed
EXPIRING_COUNTS: Final = (7, 14, 30)  # days for which expiring passwords are counted

BY_ACTIVITY: Final = (INACTIVE, INACTIVE_SOON)
BY_PASSWORD: Final = (EXPIRED, MUST_CHANGE, EXPIRING, NO_EXPIRY)


@dataclass(frozen=True)
class Directory:
    """The names of all domains, and the kinds of all privileged accounts."""

    domains: Mapping[str, str]  # id → name
    kinds: Mapping[str, AccountKinds]  # user id → kinds

    @classmethod
    def read(cls) -> Directory:
        """Read both from Keystone's database."""
        domains = {domain.id: domain.name for domain in selectors.domains(scope=None)}
        return cls(domains, privileged.all_kinds())

    def account_cells(self, user_id: str, name: str, domain_id: str | None) -> tuple[Cell, ...]:
        """Return the cells of `columns.ACCOUNT`."""
        kinds = ", ".join(kind.label for kind in self.kinds.get(user_id, ()))
        return user_id, name, self.domains.get(domain_id or "", domain_id or ""), kinds


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The accounts of a report, and the rules they are judged by."""

    scope: str | None  # a domain's id; None: the whole cloud
    policy: Policy
    now: datetime
    directory: Directory

    def of_domain(self, rows: QuerySet[M, Any]) -> QuerySet[M, Any]:
        """Return the rows of the domain; all for the whole cloud."""
        return rows if self.scope is None else rows.filter(domain_id=self.scope)


# --- Lists that may hold every account -----------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class AccountLists:
    """The accounts in the states that may hold many, in the order of their ids or passwords."""

    states: Mapping[State, Spool]
    not_covered: Spool = field(default_factory=Spool)
    expiring: Counter[int] = field(default_factory=Counter)  # days → passwords expiring within

    @classmethod
    def read(cls, selection: Selection) -> AccountLists:
        """Read all of the lists as they are now."""
        lists = cls(states={state: Spool() for state in (*BY_ACTIVITY, *BY_PASSWORD)})
        policy = replace(
            selection.policy, inactive_soon_days=INACTIVE_DAYS, expiring_days=EXPIRING_DAYS
        )
        selection = replace(selection, policy=policy)
        _read_activity(lists, selection)
        _read_not_covered(lists, selection)
        _read_passwords(lists, selection)
        return lists


class _LocalUser(NamedTuple):
    """A row of `local_user`, with a column of `user`."""

    user_id: str
    name: str
    domain_id: str
    enabled: bool | None


def _read_activity(lists: AccountLists, selection: Selection) -> None:
    """Read the inactive accounts by the row of `user`, and only for them that of `local_user`."""
    policy, now = selection.policy, selection.now
    rules = [state.user_condition(policy, now) for state in BY_ACTIVITY]
    rows = User.objects.filter(reduce(or_, rules)).annotate(rule=_first_rule(rules))
    columns = ("pk", "rule", "last_active_at", "created_at")
    for chunk in _stretches(selection.of_domain(rows), columns):
        users = _local_users(LocalUser.objects.all(), "user", [row[0] for row in chunk])
        for user_id, rule, last_active_at, created_at in chunk:
            if user := users.get(user_id):  # others are not covered
                lists.states[BY_ACTIVITY[rule]].append(
                    (
                        *selection.directory.account_cells(user.user_id, user.name, user.domain_id),
                        *activity_cells(last_active_at, created_at, policy, now),
                    )
                )


def _read_not_covered(lists: AccountLists, selection: Selection) -> None:
    """Read the users without a row of `local_user`: one statement for both lists takes longer."""
    local = LocalUser.objects.filter(user=OuterRef("pk"))
    rows = selection.of_domain(User.objects.filter(~Exists(local)))
    for chunk in _stretches(rows, ("pk",)):
        users = User.objects.filter(pk__in=[user_id for (user_id,) in chunk]).order_by("pk")
        with database.reading():
            accounts = loading.accounts(loading.user_rows(users), kinds=selection.directory.kinds)
        for account in accounts:
            lists.not_covered.append((*account_cells(account), bool(account.enabled)))


def _read_passwords(lists: AccountLists, selection: Selection) -> None:
    """Rank all of `password` once for all of its states, and then read the rows in a state."""
    policy, now = selection.policy, selection.now
    local_users = selection.of_domain(LocalUser.objects.all())
    newest = sorted(newest_passwords([state.row_condition(policy, now) for state in BY_PASSWORD]))
    exempt = _exempt_ids(Q(option_id=options.IGNORE_PASSWORD_EXPIRY))
    for start in range(0, len(newest), CHUNK):
        rules = dict(newest[start : start + CHUNK])
        rows = _passwords(rules)
        users = _local_users(local_users, "pk", [row[1] for row in rows])
        for pk, local_id, created_at, *expiries in rows:
            user = users.get(local_id)
            if user is None or user.user_id in exempt:
                continue
            state = BY_PASSWORD[rules[pk]]
            expires_at = expiries[0] if expiries[0] is not None else expiries[1]
            if state is EXPIRING and expires_at is not None:
                for days in EXPIRING_COUNTS:
                    lists.expiring[days] += expires_at <= now + timedelta(days=days)
            lists.states[state].append(
                (
                    *selection.directory.account_cells(user.user_id, user.name, user.domain_id),
                    *password_cells(user.enabled, created_at, expires_at, now),
                )
            )


@database.reading()
def _passwords(keys: Iterable[int]) -> list[tuple[Any, ...]]:
    rows = Password.objects.filter(pk__in=list(keys)).order_by("pk")
    columns = ("pk", "local_user_id", "created_at_int", "expires_at_int", "expires_at")
    return list(rows.values_list(*columns))


@database.reading()
def _local_users(rows: QuerySet[LocalUser], column: str, keys: list[Any]) -> dict[Any, _LocalUser]:
    """Return rows of `local_user` by the keys in this column."""
    columns = (column, "user_id", "name", "domain_id", "user__enabled")
    found = rows.filter(**{f"{column}__in": keys}).values_list(*columns)
    return {key: _LocalUser(*values) for key, *values in found}


@database.reading()
def _exempt_ids(condition: Q) -> set[str]:
    """Return the ids of users with an exemption that meets the condition."""
    return set(EXEMPTIONS.filter(condition).values_list("user_id", flat=True))


def _stretches(rows: QuerySet[Any], columns: tuple[str, ...]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows by primary key, the first of the columns, in chunks.

    Each statement looks at a fixed number of rows of the table, however few of them meet the
    conditions: `keyset.chunks` would look at the whole table for the last chunk.
    """
    keys = rows.model._default_manager.order_by("pk").values_list("pk", flat=True)
    stretch = Q()
    while True:
        with database.reading():
            end = keys.filter(stretch)[STRETCH - 1 : STRETCH].first()
            here = rows.filter(stretch, **({} if end is None else {"pk__lte": end}))
            chunk = list(here.order_by("pk").values_list(*columns))
        if chunk:
            yield chunk
        if end is None:
            return
        stretch = Q(pk__gt=end)


def _first_rule(rules: Iterable[Q]) -> Case:
    """Return the number of the first rule that a row meets."""
    whens = [When(rule, Value(number)) for number, rule in enumerate(rules)]
    return Case(*whens, default=None, output_field=IntegerField())


# --- Accounts at the threshold of failures -------------------------------------------------------
def failing(selection: Selection) -> Iterator[list[Account]]:
    """Yield the accounts that are locked, or would be if they were not exempt, in chunks."""
    policy, now = selection.policy, selection.now
    either = LOCKED.condition(policy, now) | ATTACKED_EXEMPT.condition(policy, now)
    rows = selection.of_domain(LocalUser.objects.filter(either))
    read = database.reading()(loading.local_user_rows)
    for chunk in keyset.chunks(rows, read, attrgetter("local_id"), size=CHUNK):
        with database.reading():
            accounts = loading.accounts(chunk, kinds=selection.directory.kinds)
        yield accounts


# --- Privileged and exempt accounts --------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class PrivilegedLists:
    """Administrators, service accounts and exempt accounts: few, so they are read whole."""

    inactivity_exempt: Spool = field(default_factory=Spool)
    first_use_exempt: Spool = field(default_factory=Spool)
    administrators: Spool = field(default_factory=Spool)
    single_factor: Spool = field(default_factory=Spool)  # administrators, local
    factor_elsewhere: Spool = field(default_factory=Spool)  # administrators, LDAP or federated
    exempt: Spool = field(default_factory=Spool)
    services: Spool = field(default_factory=Spool)

    @classmethod
    def read(cls, selection: Selection) -> PrivilegedLists:
        """Read all of the lists as they are now."""
        lists, loaded = cls(), mfa.methods()
        ids = sorted({*selection.directory.kinds, *_exempt_ids(Q())})
        for start in range(0, len(ids), CHUNK):
            for account in selectors.get_many(ids[start : start + CHUNK], scope=selection.scope):
                lists._add(account, selection.policy, selection.now)
                if AccountKind.ADMINISTRATOR in account.kinds:
                    lists._add_administrator(account, mfa.second_factor(account, loaded))
        return lists

    def _add(self, account: Account, policy: Policy, now: datetime) -> None:
        names = account_cells(account)
        password = password_cells(
            account.enabled, account.password_created_at, account.password_expires_at, now
        )
        if account.exempt_from(options.IGNORE_USER_INACTIVITY):
            activity = activity_cells(account.last_active_at, account.created_at, policy, now)
            self.inactivity_exempt.append((*names, *activity))
        if account.exempt_from(options.IGNORE_CHANGE_PASSWORD):
            self.first_use_exempt.append((*names, *password))
        exemptions = ", ".join(account.exemptions)
        row = (*names, *password, account.exempt_from(options.LOCK_PASSWORD), exemptions)
        if exemptions:
            self.exempt.append(row)
        if AccountKind.SERVICE in account.kinds:
            self.services.append(row)

    def _add_administrator(self, account: Account, factors: mfa.SecondFactor) -> None:
        names, enabled = account_cells(account), bool(account.enabled)
        row = (*names, enabled, factors.effective, factors.explanation)
        self.administrators.append(row)
        if enabled and not factors.effective:
            (self.single_factor if account.covered else self.factor_elsewhere).append(row)
