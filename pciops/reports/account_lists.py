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
from typing import Any, Final, TypeVar

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

from pciops.accounts import loading, privileged, selectors
from pciops.accounts.account import Account
from pciops.accounts.machines import MachineReason
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind, AccountKinds
from pciops.accounts.second_factor import FactorVerdict, SecondFactor, second_factor
from pciops.accounts.states import (
    ATTACKED_EXEMPT,
    EXEMPTIONS,
    INACTIVE,
    INACTIVE_SOON,
    LOCKED,
)
from pciops.accounts.states.state import State
from pciops.keystone import database, options
from pciops.keystone.models import LocalUser, User
from pciops.lib import keyset
from pciops.reports import lifetimes
from pciops.reports.columns import account_cells, activity_cells, password_cells
from pciops.reports.spool import Spool
from pciops.reports.value import Cell

M = TypeVar("M", bound=Model)

CHUNK: Final = 5000  # whole accounts in memory at a time
STRETCH: Final = 25_000  # rows of a table that one statement looks at
INACTIVE_DAYS: Final = 7  # within which accounts that become inactive are listed

YEAR: Final = timedelta(days=365)
# Keystone never forces the first change of an account whose password does not expire.
FIRST_USE_EXEMPTIONS: Final = frozenset(
    {options.IGNORE_CHANGE_PASSWORD, options.IGNORE_PASSWORD_EXPIRY}
)

BY_ACTIVITY: Final = (INACTIVE, INACTIVE_SOON)


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

    def of_domain(self, rows: QuerySet[M, Any]) -> QuerySet[M, Any]:
        """Return the rows of the domain; all for the whole cloud."""
        return rows if self.scope is None else rows.filter(domain_id=self.scope)


# --- Lists that may hold every account -----------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class UserLists:
    """The accounts in states of the row of `user`, which may hold many, in the order of ids."""

    states: Mapping[State, Spool]
    not_covered: Spool = field(default_factory=Spool)
    machines_elsewhere: Spool = field(default_factory=Spool)  # no service accounts
    unused: Spool = field(default_factory=Spool)  # for 90 days, and Keystone lets them in

    @classmethod
    def read(cls, selection: Selection) -> UserLists:
        """Read all of the lists as they are now."""
        lists = cls(states={state: Spool() for state in BY_ACTIVITY})
        policy = replace(selection.policy, inactive_soon_days=INACTIVE_DAYS)
        _read_activity(lists, replace(selection, policy=policy))
        _read_not_covered(lists, selection)
        return lists


def _read_activity(lists: UserLists, selection: Selection) -> None:
    policy, now = selection.policy, selection.now
    rules = [state.user_condition(policy, now) for state in BY_ACTIVITY]
    unused = INACTIVE.row_condition(replace(policy, disable_user_account_days_inactive=90), now)
    rows = User.objects.filter(reduce(or_, rules, unused)).annotate(
        rule=_first_rule(rules), unused=_first_rule([unused])
    )
    columns = (
        *("pk", *loading.NAMES, "domain_id"),
        *("rule", "unused", "last_active_at", "created_at"),
    )
    exempt = exempt_ids(Q(option_id=options.IGNORE_USER_INACTIVITY))
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


def _read_not_covered(lists: UserLists, selection: Selection) -> None:
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


@database.reading()
def exempt_ids(condition: Q) -> set[str]:
    """Return the ids of users with an exemption that meets the condition."""
    return set(EXEMPTIONS.filter(condition).values_list("user_id", flat=True))


def stretches(rows: QuerySet[Any], columns: tuple[str, ...]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows by primary key, the first of the columns, in chunks.

    Each statement looks at a fixed number of rows of the table, however few of them meet the
    conditions: `keyset.chunks` would look at the whole table for the last chunk.
    """
    for stretch in ranges(rows.model._default_manager.all(), "pk", STRETCH):
        with database.reading():
            chunk = list(rows.filter(stretch).order_by("pk").values_list(*columns))
        if chunk:
            yield chunk


def ranges(rows: QuerySet[Any], column: str, size: int) -> Iterator[Q]:
    """Yield conditions on an indexed column, each of which `size` rows meet, or a few more."""
    keys = rows.order_by(column).values_list(column, flat=True)
    begin = Q()
    while True:
        with database.reading():
            end = keys.filter(begin)[size - 1 : size].first()
        if end is None:
            yield begin
            return
        yield begin & Q(**{f"{column}__lte": end})
        begin = Q(**{f"{column}__gt": end})


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
        ids = sorted({*selection.directory.kinds, *exempt_ids(Q())})
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
