"""LDAP and federated users: those without a row in `local_user`, at the end of some lists."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from pciops.accounts import loading, machines, prefilter
from pciops.accounts.loading import AccountRow
from pciops.accounts.policy.policy import Policy
from pciops.accounts.prefilter import of_kind, within
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import NOT_COVERED
from pciops.accounts.states.inactivity import UserState
from pciops.keystone.models import LocalUser, User
from pciops.lib.keyset import Column, Order

BY_ID: Final = Order[User]((Column(name="id", kind=str),))


def reached(query: AccountQuery) -> bool:
    """Return whether LDAP and federated users may be in the state."""
    return query.state is NOT_COVERED or isinstance(query.state, UserState)


def users(
    query: AccountQuery, *, scope: str | None, policy: Policy, now: datetime
) -> QuerySet[User]:
    """Return the LDAP and federated users of the query."""
    rows = within(User.objects.filter(local_user=None), scope, query.domain_id)
    if isinstance(query.state, UserState):
        rows = rows.filter(query.state.user_condition(policy, now))
    if query.search:
        rows = query.search.without_local(rows)
    return of_kind(rows, query.kind, query.machine, machines.USER, few=query.by_failures)


def page_rows(
    query: AccountQuery,
    *,
    scope: str | None,
    policy: Policy,
    now: datetime,
    after: str,
    limit: int,
) -> tuple[list[AccountRow], str | None]:
    """Return the rows of a page in the order of their ids, and the marker of the next page.

    Returns:
        None as marker if there is no next page; "" if the next page is the first one.

    Raises:
        MarkerError
    """
    if _none_exists(query):
        return [], None
    rows = users(query, scope=scope, policy=policy, now=now)
    if after:
        rows = BY_ID.after(rows, after)
    # Their ids by the indexes alone, then only the rows of the page.
    ids = list(BY_ID.sort(rows).values_list("pk", flat=True)[: limit + 1])
    page = loading.user_rows(BY_ID.sort(User.objects.filter(pk__in=ids[:limit])))
    if len(ids) <= limit:
        return page, None
    return page, BY_ID.marker_of((ids[limit - 1],)) if limit else ""


def _none_exists(query: AccountQuery) -> bool:
    """Return whether it is certain that no user lacks a row in `local_user`.

    Then the list would look for them among all users. `local_user` has at most one row for each
    user and none without a user, so equal numbers are proof. Counting both tables takes a fifth of
    a second for a million; where such users are many, the first users show one soon.
    """
    if query.text or query.domain_id:
        return False
    sample = User.objects.order_by("pk").values_list("local_user__pk", flat=True)
    if None in sample[: prefilter.SAMPLE]:
        return False
    return User.objects.count() == LocalUser.objects.count()
