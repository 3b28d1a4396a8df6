"""The one place that turns Keystone's rows into accounts; every list and page starts here.

What an operator may see is an argument of all of it: `scope` is the id of the one domain that
they see, or None for the whole cloud.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet

from pciops.accounts import prefilter, privileged, reading
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.prefilter import Email
from pciops.accounts.privileged import Kind, Kinds
from pciops.accounts.reading import Row
from pciops.accounts.states import ATTACKED_EXEMPT, LOCK_LAPSED, LOCKED, NEAR_LOCKOUT, NOT_COVERED
from pciops.accounts.states.state import State, option_is_true
from pciops.keystone import database, options
from pciops.keystone.models import FederatedUser, LocalUser, Project, User
from pciops.lib.keyset import Column, MarkerError, Order

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

# The orders as URLs, API and commands name them.
SORT_FAILED: Final = "failed"
SORT_NAME: Final = "name"
SORT_ID: Final = "id"


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which accounts: those that fit all of it."""

    state: State | None = None
    kind: Kind | None = None
    domain_id: str = ""
    text: str = ""  # part of a name or of an e-mail address, or an id
    sort: str = ""  # one of `sorts`; "": the first of them

    @property
    def by_failures(self) -> bool:
        """Whether failures make the list; such lists are short."""
        return self.state in {LOCKED, LOCK_LAPSED, NEAR_LOCKOUT, ATTACKED_EXEMPT}

    @property
    def sorts(self) -> tuple[str, ...]:
        """What the list can be sorted by; users without a local row have no name to sort by."""
        if self.state is NOT_COVERED:
            return (SORT_ID,)
        return (SORT_FAILED, SORT_NAME) if self.by_failures else (SORT_NAME,)

    @property
    def sorted_by(self) -> str:
        """What it is sorted by."""
        return self.sort or self.sorts[0]

    @property
    def order(self) -> Order[LocalUser]:
        """What failures make by the newest of them, everything else by name.

        Of the locked ones those come first for whom something stands still.
        """
        if self.sorted_by != SORT_FAILED:
            return BY_NAME
        return MATTERING_FIRST if self.state is LOCKED else NEWEST_FAILURE

    @property
    def mark(self) -> str:
        """What its markers begin with: one of another list or sort names no place in this one."""
        return f"{self.state.name if self.state else 'all'}.{self.sorted_by}."


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
    query: Query,
    *,
    scope: str | None,
    policy: Policy,
    now: datetime,
    marker: str,
    limit: int,
    known: Mapping[str, Kinds] | None = None,
) -> Page:
    """One page of accounts, in as many queries however many there are.

    Args:
        known: the kinds of everyone who is of any, where they have been read.

    Raises:
        MarkerError: where the marker is of another list.
        KeystoneDatabaseDownError
    """
    after = marker.removeprefix(query.mark)
    if marker and after in {"", marker}:
        raise MarkerError
    if query.state is NOT_COVERED:
        users = _not_covered(query, scope=scope)
        if after:
            users = BY_ID.after(users, after)
        found = reading.of_users(BY_ID.sort(users)[: limit + 1])
        last = (found[limit - 1].facts.id,) if len(found) > limit else None
        return _page(found[:limit], query, BY_ID.marker_of(last) if last else "", known)
    local, order = _within(LocalUser.objects.all(), query, scope=scope), query.order
    if order is MATTERING_FIRST:
        local = local.annotate(rank=privileged.rank())
    if after:
        local = order.after(local, after)
    if query.kind is None:  # those of a kind are few
        local = prefilter.narrowed(
            local, order, state=query.state, text=query.text, policy=policy, now=now
        )
    local = order.sort(_fitting(local, query, policy=policy, now=now))
    found = reading.of_local_users(local[: limit + 1], *(column.name for column in order.columns))
    last = found[limit - 1].rest if len(found) > limit else None
    return _page(found[:limit], query, order.marker_of(last) if last else "", known)


def _page(found: list[Row], query: Query, place: str, known: Mapping[str, Kinds] | None) -> Page:
    """Args: place: the marker within the order; "" where there are no more."""
    return Page(
        accounts=reading.accounts(found, known=known), next=f"{query.mark}{place}" if place else ""
    )


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
    found = these([user_id], scope=scope)
    return found[0] if found else None


@database.reading()
def these(user_ids: Collection[str], *, scope: str | None) -> list[Account]:
    """The accounts of these ids that are in scope, of any kind of user, in the ids' order.

    Raises:
        KeystoneDatabaseDownError
    """
    users = User.objects.filter(id__in=user_ids)
    if scope is not None:
        users = users.filter(domain_id=scope)
    found = {account.id: account for account in reading.accounts(reading.of_users(users))}
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
    local = LocalUser.objects.filter(name=name)
    if domain:
        local = local.filter(Q(domain_id=domain) | Q(user__domain__name=domain))
    return reading.accounts(reading.of_local_users(local.order_by("domain_id")))


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
        rows = prefilter.with_text(rows, query.text)
    return _of_kind(rows, query)


def _of_kind(rows: QuerySet[M], query: Query) -> QuerySet[M]:
    """The rows of the kind that was asked for: the last filter, for it costs the most of a row."""
    if query.kind is None:
        return rows
    return privileged.among(rows, query.kind, few=query.by_failures)


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
