"""The one place that turns Keystone's rows into accounts; every list and page starts here.

What an operator may see is an argument of all of it: `scope` is the id of the one domain that
they see, or None for the whole cloud.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet

from pciops.accounts import kinds, narrowing
from pciops.accounts.account import Account, from_rows
from pciops.accounts.kinds import Kind
from pciops.accounts.narrowing import Email
from pciops.accounts.policy import Policy
from pciops.accounts.state import State, option_is_true
from pciops.accounts.states import ATTACKED_EXEMPT, LOCK_LAPSED, LOCKED, NEAR_LOCKOUT, NOT_COVERED
from pciops.keystone import database, options
from pciops.keystone.models import FederatedUser, LocalUser, Project, User
from pciops.lib.keyset import Column, Order

M = TypeVar("M", bound=Model)

NEWEST_FAILURE: Order[LocalUser] = Order(
    (
        Column(name="failed_auth_at", kind=datetime, falling=True),
        Column(name="id", kind=int, falling=True),
    )
)
# Administrators and service accounts before all others; see `kinds.rank`.
MATTERING_FIRST: Order[LocalUser] = Order((Column(name="rank", kind=int), *NEWEST_FAILURE.columns))
# Domain by domain: the one unique index that has the names.
BY_NAME: Order[LocalUser] = Order(
    (Column(name="domain_id", kind=str), Column(name="name", kind=str))
)
BY_ID: Order[User] = Order((Column(name="id", kind=str),))


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which accounts: those that fit all of it."""

    state: State | None = None
    kind: Kind | None = None
    domain_id: str = ""
    text: str = ""  # part of a name or of an e-mail address, or an id

    @property
    def order(self) -> Order[LocalUser]:
        """What failures make by the newest of them, everything else by name.

        Of the locked ones those come first for whom something stands still.
        """
        if self.state is LOCKED:
            return MATTERING_FIRST
        by_failure = self.state in {LOCK_LAPSED, NEAR_LOCKOUT, ATTACKED_EXEMPT}
        return NEWEST_FAILURE if by_failure else BY_NAME


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some accounts, and the marker of the next page; "" where this is the last."""

    accounts: list[Account]
    next: str


@dataclass(frozen=True, kw_only=True)
class Failing:
    """An account at the threshold of failures: locked, or exempt and under attack."""

    user_id: str
    exempt: bool


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A domain of Keystone."""

    id: str
    name: str


@database.reading()
def page(
    query: Query, *, scope: str | None, policy: Policy, now: datetime, marker: str, limit: int
) -> Page:
    """One page of accounts, in seven queries however many there are.

    Raises:
        MarkerError: where the marker is of another list.
        KeystoneDatabaseDownError
    """
    if query.state is NOT_COVERED:
        users = _users_with_facts(_not_covered(query, scope=scope))
        users = users.prefetch_related("federated_users")
        if marker:
            users = BY_ID.after(users, marker)
        return _cut(users, BY_ID, limit=limit, account=_account_of_user)
    rows, order = _within(LocalUser.objects.all(), query, scope=scope), query.order
    if order is MATTERING_FIRST:
        rows = rows.annotate(rank=kinds.rank())
    if marker:
        rows = order.after(rows, marker)
    if query.kind is None:  # those of a kind are few
        rows = narrowing.narrowed(
            rows, order, state=query.state, text=query.text, policy=policy, now=now
        )
    rows = _with_facts(_fitting(rows, query, policy=policy, now=now))
    return _cut(rows, order, limit=limit, account=_account)


def _cut(
    rows: QuerySet[M], order: Order[M], *, limit: int, account: Callable[[M], Account]
) -> Page:
    rows = order.sort(rows)
    found = list(rows[: limit + 1])
    more = order.marker(found[limit - 1]) if len(found) > limit else ""
    return Page(accounts=_with_kinds([account(row) for row in found[:limit]]), next=more)


def _with_kinds(accounts: list[Account]) -> list[Account]:
    """The accounts with why they matter: the one place where they are told."""
    found = kinds.of([account.id for account in accounts])
    return [replace(account, kinds=found.get(account.id, ())) for account in accounts]


@database.reading()
def count(query: Query, *, scope: str | None, policy: Policy, now: datetime) -> int:
    """How many fit, counted now: for `locked`, whose scan is short.

    Raises:
        KeystoneDatabaseDownError
    """
    if query.state is NOT_COVERED:
        return _not_covered(query, scope=scope).count()
    rows = _within(LocalUser.objects.all(), query, scope=scope)
    return _fitting(rows, query, policy=policy, now=now).count()


@database.reading()
def get(user_id: str, *, scope: str | None) -> Account | None:
    """The account of this id, of any kind of user; None where there is none in scope.

    Raises:
        KeystoneDatabaseDownError
    """
    user = _users_with_facts(User.objects.filter(id=user_id)).first()
    if user is None or (scope is not None and user.domain_id != scope):
        return None
    return _with_kinds([_account_of_user(user)])[0]


@database.reading()
def these(user_ids: Collection[str], *, scope: str | None) -> list[Account]:
    """The accounts of these ids that are in scope, of any kind of user, in the ids' order.

    Raises:
        KeystoneDatabaseDownError
    """
    users = User.objects.filter(id__in=user_ids)
    if scope is not None:
        users = users.filter(domain_id=scope)
    users = _users_with_facts(users).prefetch_related("federated_users")
    accounts = _with_kinds([_account_of_user(user) for user in users])
    found = {account.id: account for account in accounts}
    return [found[user_id] for user_id in user_ids if user_id in found]


@database.reading()
def failing(*, scope: str | None, policy: Policy, now: datetime, limit: int) -> list[Failing]:
    """Locked accounts, and exempt ones that would be, in one scan; the newest failure first.

    Raises:
        KeystoneDatabaseDownError
    """
    rows = _within(LocalUser.objects.all(), Query(), scope=scope)
    either = LOCKED.among(rows, policy, now) | ATTACKED_EXEMPT.among(rows, policy, now)
    exempt = option_is_true(options.IGNORE_LOCKOUT)
    found = NEWEST_FAILURE.sort(either).values_list("user_id", exempt)
    return [Failing(user_id=user_id, exempt=is_exempt) for user_id, is_exempt in found[:limit]]


@database.reading()
def named(name: str, *, domain: str) -> list[Account]:
    """Local accounts of exactly this name, in the domain of this name or id, or in any for "".

    Raises:
        KeystoneDatabaseDownError
    """
    rows = LocalUser.objects.filter(name=name)
    if domain:
        rows = rows.filter(Q(domain_id=domain) | Q(user__domain__name=domain))
    return _with_kinds([_account(row) for row in _with_facts(rows.order_by("domain_id"))])


@database.reading()
def domains(*, scope: str | None) -> list[Domain]:
    """The domains in scope, by name. Keystone's hidden root is none.

    Raises:
        KeystoneDatabaseDownError
    """
    rows = Project.objects.filter(is_domain=True).exclude(id="<<keystone.domain.root>>")
    if scope is not None:
        rows = rows.filter(id=scope)
    return [Domain(id=row.id, name=row.name) for row in rows.order_by("name")]


def _within(rows: QuerySet[M], query: Query, *, scope: str | None) -> QuerySet[M]:
    """The rows of what the operator may see, and of the domain that they asked for."""
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    return rows.filter(domain_id=query.domain_id) if query.domain_id else rows


def _fitting(
    rows: QuerySet[LocalUser], query: Query, *, policy: Policy, now: datetime
) -> QuerySet[LocalUser]:
    """The rows that are in the state, have the text and are of the kind that were asked for."""
    if query.state is not None:
        rows = query.state.among(rows, policy, now)
    if query.text:
        rows = narrowing.with_text(rows, query.text)
    return _of_kind(rows, query)


def _of_kind(rows: QuerySet[M], query: Query) -> QuerySet[M]:
    """The rows of the kind that was asked for: the last filter, for it costs the most of a row."""
    if query.kind is None:
        return rows
    return kinds.among(rows, query.kind, few=query.order is not BY_NAME)


def _with_facts(rows: QuerySet[LocalUser]) -> QuerySet[LocalUser]:
    return rows.select_related("user", "user__domain").prefetch_related(
        "user__options", "passwords"
    )


def _account(row: LocalUser) -> Account:
    return from_rows(row.user, row, row.name)


def _not_covered(query: Query, *, scope: str | None) -> QuerySet[User]:
    """Users without a row in `local_user`: LDAP and federated ones."""
    users = _within(User.objects.filter(local_user=None), query, scope=scope)
    if query.text:
        federated = FederatedUser.objects.filter(
            user=OuterRef("pk"), display_name__icontains=query.text
        )
        users = users.alias(email=Email(F("extra"))).filter(
            Q(nonlocal_user__name__icontains=query.text)
            | Exists(federated)
            | Q(id=query.text)
            | Q(email__contains=query.text.lower())
        )
    return _of_kind(users, query)


def _users_with_facts(users: QuerySet[User]) -> QuerySet[User]:
    return users.select_related("domain", "local_user", "nonlocal_user").prefetch_related(
        "options", "local_user__passwords"
    )


def _account_of_user(user: User) -> Account:
    local: LocalUser | None = getattr(user, "local_user", None)
    return from_rows(user, local, local.name if local else _foreign_name(user))


def _foreign_name(user: User) -> str:
    """As User.name in Keystone's sql_model: nonlocal, else federated, else nothing but the id."""
    if hasattr(user, "nonlocal_user"):
        return user.nonlocal_user.name
    names: Iterable[str | None] = (row.display_name for row in user.federated_users.all())
    return next((name for name in names if name), user.id)
