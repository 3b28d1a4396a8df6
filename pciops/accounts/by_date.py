"""Lists by date, the next first: passwords that expire, accounts that become inactive.

Keystone has no index on these dates. A scan of one table finds the next of them, and the rule of
the state decides about each account.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce, TruncDate

from pciops.accounts import loading, machines, privileged
from pciops.accounts.account import Account
from pciops.accounts.loading import LAST
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind, AccountKinds
from pciops.accounts.search import Search
from pciops.accounts.states import EXPIRING, INACTIVE_SOON
from pciops.accounts.states.password import expires
from pciops.accounts.states.state import State
from pciops.keystone.fields import MICROSECOND, DateTimeInt
from pciops.keystone.models import LocalUser, Password, User
from pciops.lib.keyset import Column, MarkerError, Order

DATED: Final[tuple[State, ...]] = (EXPIRING, INACTIVE_SOON)
MAX_DAYS: Final = 366
FURTHER: Final = 8  # times as many rows with each scan that has not filled the page
MOST: Final = 20_000  # rows of one scan

BY_EXPIRY: Final = Order[Password](
    (Column(name="at", kind=datetime), Column(name="local_user_id", kind=int))
)
BY_ACTIVITY: Final = Order[User]((Column(name="at", kind=str), Column(name="id", kind=str)))


@dataclass(frozen=True, kw_only=True)
class Days:
    """UTC days of a list, both included."""

    first: date
    last: date


@dataclass(frozen=True, kw_only=True)
class _Dated:
    """A date of an account that is in the list."""

    at: Any  # a time, or a day
    key: Any  # of the row
    account: Account


def read(
    state: State,
    days: Days | None,
    *,
    domains: Collection[str],
    kind: AccountKind | None,
    machine: bool | None,
    search: Search | None,
    policy: Policy,
    now: datetime,
    after: str,
    limit: int,
    kinds: Mapping[str, AccountKinds] | None,
) -> tuple[list[Account], str]:
    """Return one page of the list, and the marker of the next; "" if there is none.

    Args:
        days: instead of those that the policy calls soon.
        domains: the account is in each of these.

    Raises:
        MarkerError
    """
    if days is not None:
        today = now.astimezone(UTC).date()
        if days.last < today or days.first > today + timedelta(days=MAX_DAYS):
            return [], ""
        policy = replace(policy, expiring_days=MAX_DAYS, inactive_soon_days=MAX_DAYS)
    rows, order, key = (
        _expiries(days, policy, now) if state is EXPIRING else _activity(days, policy, now)
    )
    rows = _narrowed(rows, state, domains=domains, kind=kind, search=search)
    if machine is not None:
        columns = machines.OF_PASSWORD if state is EXPIRING else machines.USER
        rows = machines.only(rows, columns, machines=machine)
    listed: list[_Dated] = []
    part = order.after(rows, _valid(after, order)) if after else rows
    size = 2 * limit + 2
    while True:
        batch = list(order.sort(part)[:size].values_list("at", key))
        for dated in _checked(batch, state, policy=policy, now=now, kinds=kinds):
            again = listed and listed[-1].account.id == dated.account.id
            if not again and (kind is None or kind in dated.account.kinds):
                listed.append(dated)
        if len(listed) > limit or len(batch) < size:
            break
        part = order.after(rows, order.marker_of(batch[-1]))
        size = min(size * FURTHER, MOST)
    page = listed[:limit]
    next_ = order.marker_of((page[-1].at, page[-1].key)) if len(listed) > limit else ""
    return [dated.account for dated in page], next_


def _expiries(
    days: Days | None, policy: Policy, now: datetime
) -> tuple[QuerySet[Any], Order[Any], str]:
    """Return the passwords that expire; a row with an expiry ahead is an account's newest one."""
    after, until = now, now + timedelta(days=policy.expiring_days)
    if days is not None:  # times are in whole microseconds
        after = max(now, _midnight(days.first) - MICROSECOND)
        until = _midnight(days.last + timedelta(days=1)) - MICROSECOND
    # A row with only the old column comes last: such a password was set before 2017.
    at = Coalesce("expires_at_int", Value(LAST, output_field=DateTimeInt()))
    rows = Password.objects.filter(expires(gt=after, lte=until)).annotate(at=at)
    return rows, BY_EXPIRY, "local_user_id"


def _activity(
    days: Days | None, policy: Policy, now: datetime
) -> tuple[QuerySet[Any], Order[Any], str]:
    """Return the users by the day from which their inactivity is counted."""
    active_on = Coalesce("last_active_at", TruncDate("created_at", tzinfo=UTC))
    rows = User.objects.filter(INACTIVE_SOON.row_condition(policy, now)).annotate(at=active_on)
    limit = policy.disable_user_account_days_inactive
    if days is not None and limit is not None:
        span = timedelta(days=limit)
        rows = rows.filter(at__gte=days.first - span, at__lte=days.last - span)
    return rows, BY_ACTIVITY, "id"


def _narrowed(
    rows: QuerySet[Any],
    state: State,
    *,
    domains: Collection[str],
    kind: AccountKind | None,
    search: Search | None,
) -> QuerySet[Any]:
    """Return the rows of these domains, of this kind, that match the search."""
    of_user, of_local = (
        ("local_user__user_id", "local_user_id") if state is EXPIRING else ("id", "local_user__pk")
    )
    domain = "local_user__domain_id" if state is EXPIRING else "domain_id"
    for domain_id in domains:
        rows = rows.filter(**{domain: domain_id})
    if kind is not None:
        users = [user for user, held in privileged.all_kinds().items() if kind in held]
        rows = rows.filter(**{f"{of_user}__in": users})
    if search:
        matching = search.local(LocalUser.objects.all()).order_by()
        few = search.ids()
        chosen = matching.values("pk") if few is None else few
        rows = rows.filter(**{f"{of_local}__in": chosen})
    return rows


def _checked(
    batch: list[tuple[Any, Any]],
    state: State,
    *,
    policy: Policy,
    now: datetime,
    kinds: Mapping[str, AccountKinds] | None,
) -> Iterator[_Dated]:
    """Yield the rows whose account is in the state by this date, in their order."""
    keys = {key for _, key in batch}
    by_key = {"local_user__pk__in" if state is EXPIRING else "pk__in": keys}
    rows = loading.user_rows(User.objects.filter(**by_key))
    accounts = loading.accounts(rows, kinds=kinds)
    of = {
        row.local_id if state is EXPIRING else row.facts.id: account
        for row, account in zip(rows, accounts, strict=True)
    }
    # A row with only the old column comes last, and its account may be in the list by another row.
    old = [key for at, key in batch if at == LAST]
    listed = set(
        Password.objects.filter(local_user_id__in=old).values_list(
            "local_user_id", "expires_at_int"
        )
        if old
        else ()
    )
    for at, key in batch:
        account = of.get(key)
        if account is None or not state.holds(account, policy, now):
            continue
        own = account.password_expires_at if state is EXPIRING else account.active_on
        if at == own or (at == LAST and (key, own) not in listed):
            yield _Dated(at=at, key=key, account=account)


def _valid(marker: str, order: Order[Any]) -> str:
    """Return the marker.

    Raises:
        MarkerError
    """
    at, _ = order.values(marker)
    try:
        if isinstance(at, str):
            date.fromisoformat(at)
    except ValueError:
        raise MarkerError from None
    return marker


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
