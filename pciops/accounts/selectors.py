"""Reads accounts from Keystone's rows; every list and page starts here.

Every function takes the operator's scope: the id of the one domain that they see, or None for the
whole cloud. Every function raises KeystoneDatabaseDownError if Keystone's database does not answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any, Final, TypeVar

from django.db.models import Count, Min, Model, Q, QuerySet

from pciops.accounts import (
    by_date,
    failing,
    loading,
    machines,
    prefilter,
    privileged,
    rare,
    without_local,
)
from pciops.accounts.account import Account
from pciops.accounts.failing import FailingAccount
from pciops.accounts.policy.policy import Policy
from pciops.accounts.prefilter import of_kind, within
from pciops.accounts.privileged import AccountKinds
from pciops.accounts.query import BY_NAME, PRIVILEGED_FIRST, SORT_DATE, AccountQuery
from pciops.accounts.states import LOCKED, NOT_COVERED
from pciops.accounts.views import NeedsAttention
from pciops.keystone import database
from pciops.keystone.models import LocalUser, Project, User
from pciops.lib.keyset import MarkerError, Order
from pciops.lib.shared import Codec, Shared, shared

M = TypeVar("M", bound=Model)

# In the marker of a page that begins among the users without a local row.
WITHOUT_LOCAL: Final = "user."


@dataclass(frozen=True, kw_only=True)
class AccountPage:
    """One page of a list, and the marker of the next page; "" if there is none."""

    accounts: list[Account]
    next: str
    read_at: datetime  # before which no change is missing
    # Changes since by other SQL than Keystone's may be missing; None: none is. See `rare`.
    scanned_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A domain of Keystone."""

    id: str
    name: str


@database.reading()
def page(
    query: AccountQuery,
    *,
    scope: str | None,
    policy: Policy,
    now: datetime,
    marker: str,
    limit: int,
    kinds: Mapping[str, AccountKinds] | None = None,
    fresh: bool = True,
) -> AccountPage:
    """Return one page of accounts, in the same number of queries for any number of accounts.

    Args:
        fresh: False if a lock or an unlock of the last seconds may be missing, or in rare states
            what other SQL than Keystone's changed in the last hours.
        kinds: the kinds of all privileged accounts, if they have been read already.

    Raises:
        MarkerError: if the marker belongs to another list.
    """
    after = marker.removeprefix(query.marker_prefix)
    if marker and after in {"", marker}:
        raise MarkerError
    if query.sorted_by == SORT_DATE and query.state is not None:
        accounts, next_ = by_date.read(
            query.state,
            query.days(now),
            domains=[domain for domain in (scope, query.domain_id) if domain],
            kind=query.kind,
            machine=query.machine,
            search=query.search,
            policy=policy,
            now=now,
            after=after,
            limit=limit,
            kinds=kinds,
        )
        return _page(query, accounts, next_, now)
    if query.state is LOCKED:
        seen = failing.read(scope=scope, policy=policy, now=now, fresh=fresh)
        if seen.value.complete:
            rows, next_ = _locked_rows(query, seen.value, policy, now, after, limit)
            accounts = loading.accounts(rows[:limit], kinds=kinds or seen.value.kinds)
            return _page(query, accounts, next_, seen.read_at)
    few = None if fresh else rare.find(query.state, now)
    among = few.ids if few else None
    rows, next_ = _rows(query, scope, policy, now, after, limit, among=among)
    page_ = _page(query, loading.accounts(rows[:limit], kinds=kinds), next_, now)
    return replace(page_, scanned_at=few.scanned_at) if few else page_


def _rows(
    query: AccountQuery,
    scope: str | None,
    policy: Policy,
    now: datetime,
    after: str,
    limit: int,
    *,
    among: Collection[int] | None,
) -> tuple[list[loading.AccountRow], str]:
    """Return at least the rows of a page, local ones first, and the marker of the next one.

    Args:
        among: as of `_local_rows`.
    """
    rows: list[loading.AccountRow] = []
    next_ = ""
    if query.state is not NOT_COVERED and not after.startswith(WITHOUT_LOCAL):
        rows, next_ = _local_rows(query, scope, policy, now, after, limit, among=among)
        after = ""
    if not next_ and without_local.reached(query):
        others, marker = without_local.page_rows(
            query,
            scope=scope,
            policy=policy,
            now=now,
            after=after.removeprefix(WITHOUT_LOCAL),
            limit=limit - len(rows),
        )
        rows += others
        next_ = "" if marker is None else WITHOUT_LOCAL + marker
    return rows, next_


def _page(
    query: AccountQuery, accounts: list[Account], next_: str, read_at: datetime
) -> AccountPage:
    marker = f"{query.marker_prefix}{next_}" if next_ else ""
    return AccountPage(accounts=accounts, next=marker, read_at=read_at)


def _locked_rows(
    query: AccountQuery,
    seen: failing.Failing,
    policy: Policy,
    now: datetime,
    after: str,
    limit: int,
) -> tuple[list[loading.AccountRow], str]:
    """Return the rows of a page of locked accounts, and the marker of the next; "" if none."""
    locked = seen.locked(policy, now, domain_id=query.domain_id, kind=query.kind)
    if query.text or query.machine is not None or query.order is BY_NAME:
        among = [account.local_id for account in locked]
        return _local_rows(query, None, policy, now, after, limit, among=among)
    order = query.order
    listed = [
        (order.key(values), values)
        for account in locked
        for values in [_order_values(account, seen.kinds, order)]
    ]
    if after:
        last = order.key(order.values(after))
        listed = [item for item in listed if item[0] > last]
    listed.sort(key=itemgetter(0))
    chosen = [values for _, values in listed[: limit + 1]]
    still = _matching(LocalUser.objects.all(), query, policy=policy, now=now)
    rows = loading.rows_in_order(still, [values[-1] for values in chosen[:limit]])
    return rows, order.marker_of(chosen[limit - 1]) if len(chosen) > limit else ""


def _order_values(
    account: FailingAccount, kinds: Mapping[str, AccountKinds], order: Order[LocalUser]
) -> list[Any]:
    """Return the account's values in the columns of the order."""
    values = [account.failed_auth_at, account.local_id]
    return [int(not kinds.get(account.user_id)), *values] if order is PRIVILEGED_FIRST else values


def _local_rows(
    query: AccountQuery,
    scope: str | None,
    policy: Policy,
    now: datetime,
    after: str,
    limit: int,
    *,
    among: Collection[int] | None = None,
) -> tuple[list[loading.AccountRow], str]:
    """Return the rows of a page, and the marker of the next page; "" if none.

    Args:
        among: the ids of `local_user` that may match, if they are known and few.
    """
    local, order = within(LocalUser.objects.all(), scope, query.domain_id), query.order
    if order is PRIVILEGED_FIRST:
        local = local.annotate(rank=privileged.privileged_rank())
    if after:
        local = order.after(local, after)
    search = query.search
    if search and search.begins:
        local, query = search.local(local), replace(query, text="")
    if among is None and isinstance(query.state, NeedsAttention):
        among = [pk for pk in query.state.candidates(policy, now) if pk is not None]
    parts: Iterable[QuerySet[LocalUser]] = [local]
    if among is not None:
        parts = prefilter.among(local, order, among, limit=limit)
    elif query.kind is None:  # privileged accounts are few
        parts = [
            prefilter.narrow(
                local, order, state=query.state, search=query.search, policy=policy, now=now
            )
        ]
    columns = [column.name for column in order.columns]
    chosen: list[tuple[Any, ...]] = []
    for part in parts:
        # Ids first: for all that a page shows, MariaDB may join and sort many rows instead of few.
        listed = order.sort(_matching(part, query, policy=policy, now=now))
        chosen = list(listed.values_list("pk", *columns)[: limit + 1])
        if len(chosen) > limit:
            break
    rows = loading.rows_in_order(LocalUser.objects.all(), [pk for pk, *_ in chosen[:limit]])
    return rows, order.marker_of(chosen[limit - 1][1:]) if len(chosen) > limit else ""


def count(
    query: AccountQuery, *, scope: str | None, policy: Policy, now: datetime, fresh: bool = True
) -> Shared[int]:
    """Count the accounts without the census; for states whose scan is short.

    Args:
        fresh: False if what happened in the last seconds may be missing.
    """
    if query.state is LOCKED and not query.text and query.machine is None:
        seen = failing.read(scope=scope, policy=policy, now=now, fresh=fresh)
        if seen.value.complete:
            locked = seen.value.locked(policy, now, domain_id=query.domain_id, kind=query.kind)
            return Shared(value=len(locked), read_at=seen.read_at)
    key = ("count", query, scope, policy.lockout_failure_attempts, policy.lockout_duration)
    number = partial(_count, query, scope=scope, policy=policy, now=now)
    return shared(key, number, now=now, fresh=fresh)


@database.reading()
def _count(query: AccountQuery, *, scope: str | None, policy: Policy, now: datetime) -> int:
    number = 0
    if without_local.reached(query):
        number = without_local.users(query, scope=scope, policy=policy, now=now).count()
    if query.state is NOT_COVERED:
        return number
    rows = within(LocalUser.objects.all(), scope, query.domain_id)
    return number + _matching(rows, query, policy=policy, now=now).count()


@database.reading()
def locks(*, policy: Policy, now: datetime) -> tuple[int, datetime | None]:
    """Return the number of locked accounts in the whole cloud, and the time of the oldest lock."""
    rows = LOCKED.filter(LocalUser.objects.all(), policy, now)
    numbers = rows.aggregate(number=Count("pk"), oldest=Min("failed_auth_at"))
    return numbers["number"], numbers["oldest"]


@database.reading()
def exact(
    query: AccountQuery, *, scope: str | None, policy: Policy, now: datetime, limit: int
) -> list[Account]:
    """Return the local accounts of a search whose name or id is exactly the text, at most `limit`.

    In the list, those whose names only begin with it may come before them.
    """
    if query.search is None or query.state is NOT_COVERED:
        return []
    rows = query.search.exact(within(LocalUser.objects.all(), scope, query.domain_id))
    rows = _matching(rows, replace(query, text=""), policy=policy, now=now)
    return loading.accounts(loading.local_user_rows(BY_NAME.sort(rows)[:limit]))


@database.reading()
def finds_any(query: AccountQuery, *, scope: str | None) -> bool:
    """Return whether the search finds a local account of any state, kind, or date."""
    if query.search is None:
        return False
    return query.search.local(within(LocalUser.objects.all(), scope, query.domain_id)).exists()


def get(user_id: str, *, scope: str | None) -> Account | None:
    """Return the account of any kind of user with this id; None if there is none in scope."""
    accounts = get_many([user_id], scope=scope)
    return accounts[0] if accounts else None


@database.reading()
def get_many(user_ids: Collection[str], *, scope: str | None) -> list[Account]:
    """Return the accounts in scope with these ids, of any kind of user, in the ids' order."""
    users = User.objects.filter(id__in=user_ids)
    if scope is not None:
        users = users.filter(domain_id=scope)
    by_id = {account.id: account for account in loading.accounts(loading.user_rows(users))}
    return [by_id[user_id] for user_id in user_ids if user_id in by_id]


@database.reading()
def get_by_name(name: str, *, domain: str) -> list[Account]:
    """Return the local accounts with exactly this name, in a domain (name or id) or in any."""
    local = LocalUser.objects.filter(name=name)
    if domain:
        local = local.filter(Q(domain_id=domain) | Q(user__domain__name=domain))
    return loading.accounts(loading.local_user_rows(local.order_by("domain_id")))


@database.reading()
def domains(*, scope: str | None) -> list[Domain]:
    """Return the domains in scope by name, without Keystone's hidden root."""
    rows = Project.objects.filter(is_domain=True).exclude(id=Project.ROOT)
    if scope is not None:
        rows = rows.filter(id=scope)
    return [Domain(id=row.id, name=row.name) for row in rows.order_by("name")]


def shared_domains(*, scope: str | None, now: datetime, fresh: bool) -> list[Domain]:
    """Return the domains in scope by name, as they were in the last seconds unless `fresh`."""
    codec = Codec(
        encode=lambda domains: [[domain.id, domain.name] for domain in domains],
        decode=lambda content: [Domain(id=id_, name=name) for id_, name in content],
    )
    read = partial(domains, scope=scope)
    return shared(("domains", scope), read, codec=codec, now=now, fresh=fresh).value


def _matching(
    rows: QuerySet[LocalUser], query: AccountQuery, *, policy: Policy, now: datetime
) -> QuerySet[LocalUser]:
    """Return the rows with the state, text and kind of the query."""
    if query.state is not None:
        rows = query.state.filter(rows, policy, now)
    if query.search:
        rows = query.search.local(rows)
    return of_kind(rows, query.kind, query.machine, machines.LOCAL, few=query.by_failures)
