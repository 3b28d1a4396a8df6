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
from functools import partial, reduce
from operator import attrgetter, or_
from typing import Any, Final, NamedTuple, TypeVar

from django.db.models import (
    Case,
    Exists,
    IntegerField,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)

from pciops.accounts import loading, machines, newest, privileged, selectors
from pciops.accounts.account import Account
from pciops.accounts.machines import MachineReason
from pciops.accounts.newest import NewestPassword
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind, AccountKinds
from pciops.accounts.second_factor import FactorVerdict, SecondFactor, second_factor
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
from pciops.keystone.fields import from_int
from pciops.keystone.models import LocalUser, Password, User
from pciops.lib import keyset, threads
from pciops.reports import lifetimes
from pciops.reports.columns import account_cells, activity_cells, password_cells
from pciops.reports.spool import Spool
from pciops.reports.value import Cell, Row

M = TypeVar("M", bound=Model)

CHUNK: Final = 5000  # whole accounts in memory at a time
STRETCH: Final = 25_000  # rows of a table that one statement looks at
EXPIRING_DAYS: Final = 30  # within which expiring passwords are listed
INACTIVE_DAYS: Final = 7  # within which accounts that become inactive are listed
EXPIRING_COUNTS: Final = (7, 14, 30)  # days for which expiring passwords are counted

YEAR: Final = timedelta(days=365)
# Keystone never forces the first change of an account whose password does not expire.
FIRST_USE_EXEMPTIONS: Final = frozenset(
    {options.IGNORE_CHANGE_PASSWORD, options.IGNORE_PASSWORD_EXPIRY}
)

BY_ACTIVITY: Final = (INACTIVE, INACTIVE_SOON)
BY_PASSWORD: Final = (MUST_CHANGE, EXPIRED, EXPIRING, None, NO_EXPIRY)  # buckets of `newest`


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
        held = self.kinds.get(user_id)
        kinds = ", ".join(kind.label for kind in held) if held else ""
        return user_id, name, self.domains.get(domain_id or "", domain_id or ""), kinds


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The accounts of a report, and the rules they are judged by."""

    scope: str | None  # a domain's id; None: the whole cloud
    policy: Policy
    now: datetime
    directory: Directory

    def people(self, users: Iterable[_LocalUser]) -> set[str]:
        """Return the ids of those that are not machines."""
        named = [machines.Named(user.user_id, user.name, user.domain_id) for user in users]
        found = machines.reasons_of(named, self.directory.kinds)
        return {user.user_id for user in named} - found.keys()

    def account_cells(self, user: _LocalUser) -> tuple[Cell, ...]:
        """Return the cells of `columns.ACCOUNT`."""
        return self.directory.account_cells(user.user_id, user.name, user.domain_id)

    def of_domain(self, rows: QuerySet[M, Any]) -> QuerySet[M, Any]:
        """Return the rows of the domain; all for the whole cloud."""
        return rows if self.scope is None else rows.filter(domain_id=self.scope)


# --- Lists that may hold every account -----------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class AccountLists:
    """The accounts in the states that may hold many, in the order of their ids or passwords."""

    states: Mapping[State, Spool]
    not_covered: Spool = field(default_factory=Spool)
    machines_elsewhere: Spool = field(default_factory=Spool)  # no service accounts
    unused: Spool = field(default_factory=Spool)  # for 90 days, and Keystone lets them in
    # People whose only factor need not change within 90 days, and who are not exempt from that.
    long_lived: Spool = field(default_factory=Spool)
    numbers: Counter[str] = field(default_factory=Counter)
    expiring: Counter[int] = field(default_factory=Counter)  # days → passwords expiring within

    @classmethod
    def read(cls, selection: Selection) -> AccountLists:
        """Read all of the lists as they are now."""
        lists = cls(states={state: Spool() for state in (*BY_ACTIVITY, *BY_PASSWORD) if state})
        policy = replace(
            selection.policy, inactive_soon_days=INACTIVE_DAYS, expiring_days=EXPIRING_DAYS
        )
        selection = replace(selection, policy=policy)
        threads.at_once(
            partial(_read_passwords, lists, selection),
            partial(_read_users, lists, selection),
        )
        return lists


class _LocalUser(NamedTuple):
    """A row of `local_user`, with a column of `user`."""

    user_id: str
    name: str
    domain_id: str
    enabled: bool | None


def _read_users(lists: AccountLists, selection: Selection) -> None:
    _read_activity(lists, selection)
    _read_not_covered(lists, selection)


def _read_activity(lists: AccountLists, selection: Selection) -> None:
    policy, now = selection.policy, selection.now
    rules = [state.user_condition(policy, now) for state in BY_ACTIVITY]
    unused = INACTIVE.row_condition(replace(policy, disable_user_account_days_inactive=90), now)
    rows = User.objects.filter(reduce(or_, rules, unused)).annotate(
        rule=_first_rule(rules), unused=_first_rule([unused])
    )
    columns = (
        *("pk", "local_user__name", "nonlocal_user__name", "domain_id"),
        *("rule", "unused", "last_active_at", "created_at"),
    )
    exempt = _exempt_ids(Q(option_id=options.IGNORE_USER_INACTIVITY))
    for chunk in stretches(selection.of_domain(rows), columns):
        with database.reading():
            names = loading.user_names(row[:3] for row in chunk)
        for user_id, _, _, domain_id, rule, is_unused, last_active_at, created_at in chunk:
            account = selection.directory.account_cells(user_id, names[user_id], domain_id)
            row = *account, *activity_cells(last_active_at, created_at, policy, now)
            state = None if rule is None else BY_ACTIVITY[rule]
            if state is not None:
                lists.states[state].append(row)
            if is_unused is not None and state is not INACTIVE:
                lists.unused.append((*row[:-1], _why_unused(user_id in exempt, policy)))


def _why_unused(exempt: bool, policy: Policy) -> str:
    """Return why Keystone lets an account in that was not used for 90 days."""
    if exempt:
        return "exempt (ignore_user_inactivity)"
    days = policy.disable_user_account_days_inactive
    return "Keystone's rule is off" if days is None else f"Keystone refuses it after {days} days"


def _read_not_covered(lists: AccountLists, selection: Selection) -> None:
    """Read the users without a row of `local_user`: one statement for both lists takes longer."""
    local = LocalUser.objects.filter(user=OuterRef("pk"))
    rows = selection.of_domain(User.objects.filter(~Exists(local)))
    for chunk in stretches(rows, ("pk",)):
        users = User.objects.filter(pk__in=[user_id for (user_id,) in chunk]).order_by("pk")
        with database.reading():
            accounts = loading.accounts(loading.user_rows(users), kinds=selection.directory.kinds)
        for account in accounts:
            lists.not_covered.append((*account_cells(account), bool(account.enabled)))
            if account.machine and account.machine is not MachineReason.ROLE:
                password = password_cells(account.enabled, None, None, selection.now)
                row = (*account_cells(account), *password, account.machine.label)
                lists.machines_elsewhere.append(row)


def _read_passwords(lists: AccountLists, selection: Selection) -> None:
    """Read the newest passwords once for all of their states, and then who has them."""
    policy, now = selection.policy, selection.now
    local_users = selection.of_domain(LocalUser.objects.all())
    buckets = [
        *(state.row_condition(policy, now) if state else None for state in BY_PASSWORD),
        lifetimes.long_lived(now),
    ]
    exempt = _exempt_ids(Q(option_id=options.IGNORE_PASSWORD_EXPIRY))
    ends = {days: now + timedelta(days=days) for days in EXPIRING_COUNTS}
    for passwords in keyset.batched(sorted(newest.read(buckets)), CHUNK):
        users = _local_users(local_users, "pk", [password.local_id for password in passwords])
        expiries = _expiries(passwords)
        too_long: list[tuple[_LocalUser, Row]] = []
        for found in passwords:
            user = users.get(found.local_id)
            if user is None or user.user_id in exempt:
                continue
            created_at, expires_at = from_int(found.created_at_int), expiries.get(found.pk)
            password = password_cells(user.enabled, created_at, expires_at, now)
            row = *selection.account_cells(user), *password
            state = None if found.bucket == len(BY_PASSWORD) else BY_PASSWORD[found.bucket]
            if state is not None:
                lists.states[state].append(row)
            if state is EXPIRING and expires_at is not None:
                for days, end in ends.items():
                    lists.expiring[days] += expires_at <= end
            if user.enabled and lifetimes.is_too_long(created_at, expires_at, now):
                too_long.append((user, row))
        people = selection.people(user for user, _ in too_long)
        factors = lifetimes.second_factors(people, policy)
        for user, row in too_long:
            if user.user_id not in people:
                continue
            verdict = factors.get(user.user_id, FactorVerdict.NONE)
            if verdict in lifetimes.ONE_FACTOR:
                lists.long_lived.append((*row, lifetimes.why(row[-1])))
            else:
                lists.numbers[lifetimes.counted_as(verdict)] += 1


@database.reading()
def _expiries(passwords: list[NewestPassword]) -> dict[int, datetime | None]:
    """Return the expiries by primary key; the old column counts if the new one is NULL."""
    new = {
        row.pk: from_int(row.expires_at_int) for row in passwords if row.expires_at_int is not None
    }
    old = Password.objects.filter(pk__in=[row.pk for row in passwords if row.pk not in new])
    return {**new, **dict(old.values_list("pk", "expires_at"))}


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


def stretches(rows: QuerySet[Any], columns: tuple[str, ...]) -> Iterator[list[tuple[Any, ...]]]:
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
    single_factor: Spool = field(default_factory=Spool)  # people who are administrators, local
    factor_unknown: Spool = field(default_factory=Spool)  # the same
    factor_elsewhere: Spool = field(default_factory=Spool)  # the same, LDAP or federated
    exempt: Spool = field(default_factory=Spool)
    services: Spool = field(default_factory=Spool)
    expiry_exempt: Spool = field(default_factory=Spool)  # people with one factor
    numbers: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, selection: Selection) -> PrivilegedLists:
        """Read all of the lists as they are now."""
        lists = cls()
        ids = sorted({*selection.directory.kinds, *_exempt_ids(Q())})
        for start in range(0, len(ids), CHUNK):
            for account in selectors.get_many(ids[start : start + CHUNK], scope=selection.scope):
                factors = second_factor(account, selection.policy)
                lists._add(account, factors, selection.policy, selection.now)
                if AccountKind.ADMINISTRATOR in account.kinds:
                    lists._add_administrator(account, factors)
        return lists

    def _add(self, account: Account, factors: SecondFactor, policy: Policy, now: datetime) -> None:
        names = account_cells(account)
        password = password_cells(
            account.enabled, account.password_created_at, account.password_expires_at, now
        )
        is_machine = account.machine is not None
        usable = bool(account.enabled) and account.covered
        if account.exempt_from(options.IGNORE_USER_INACTIVITY):
            activity = activity_cells(account.last_active_at, account.created_at, policy, now)
            self.inactivity_exempt.append((*names, *activity))
        if account.exempt_from(options.IGNORE_CHANGE_PASSWORD):
            self.first_use_exempt.append((*names, *password))
        if account.exempt_from(options.IGNORE_LOCKOUT):
            self.numbers["lockout_exempt"] += usable
        if any(map(account.exempt_from, FIRST_USE_EXEMPTIONS)):
            kind = "services" if is_machine else "people"
            self.numbers[f"first_use_exempt_{kind}"] += usable
        if account.exempt_from(options.IGNORE_PASSWORD_EXPIRY) and usable and not is_machine:
            if factors.verdict not in lifetimes.ONE_FACTOR:
                self.numbers[lifetimes.counted_as(factors.verdict)] += 1
            elif account.password_created_at is not None:
                self.expiry_exempt.append((*names, *password, "exempt (ignore_password_expiry)"))
        exemptions = ", ".join(account.exemptions)
        row = (*names, *password, account.exempt_from(options.LOCK_PASSWORD), exemptions)
        if exemptions:
            self.exempt.append(row)
        if AccountKind.SERVICE in account.kinds:
            self.services.append(row)
            self.numbers["services_local"] += account.covered
            self.numbers["services_enabled"] += usable
            created_at = account.password_created_at
            self.numbers["services_old"] += bool(usable and created_at and now - created_at > YEAR)

    def _add_administrator(self, account: Account, factors: SecondFactor) -> None:
        names, enabled = account_cells(account), bool(account.enabled)
        row = (*names, enabled, factors.effective, factors.explanation)
        self.administrators.append(row)
        if account.machine is not None:
            self.numbers["administrators_services"] += 1
            return  # programs are judged by 8.6, and not by 8.4
        if not enabled:
            return
        self.numbers["administrators_local"] += account.covered
        self.numbers["administrators_elsewhere"] += not account.covered
        if factors.verdict in lifetimes.ONE_FACTOR:
            self.single_factor.append(row)
        elif factors.verdict is FactorVerdict.UNKNOWN:
            self.factor_unknown.append(row)
        elif factors.verdict is FactorVerdict.ELSEWHERE:
            self.factor_elsewhere.append(row)
