"""A whole list, account by account, for exports.

A page tries one account after the other until it is full. For a list that a tenth of a million
accounts are in, that tries the other nine tenths too; a scan of `user` finds them at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from pciops.accounts import loading, privileged, selectors
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.prefilter import within
from pciops.accounts.privileged import AccountKinds
from pciops.accounts.query import SORT_NAME, AccountQuery
from pciops.accounts.states.inactivity import UserState
from pciops.accounts.states.state import Ids
from pciops.keystone import database
from pciops.keystone.models import LocalUser, User
from pciops.lib import threads
from pciops.lib.keyset import batched

MOST: Final = 200_000  # ids that are kept in memory, with about 100 bytes each


def chunks(
    query: AccountQuery, *, scope: str | None, policy: Policy, now: datetime, size: int
) -> Iterator[list[Account]]:
    """Yield all accounts of the list in its order, in chunks that are read one by one.

    Raises:
        KeystoneDatabaseDownError: possibly after the first chunks.
    """
    marker, kinds = "", None
    if state := _user_state(query):
        read_ids = partial(_ids_in_order, state, query, scope=scope, policy=policy, now=now)
        ids, kinds = threads.at_once(read_ids, privileged.all_kinds)
        for chunk in batched(ids, size):
            yield _still_listed(chunk, state, policy=policy, now=now, kinds=kinds)
        if ids:
            marker = f"{query.marker_prefix}{selectors.WITHOUT_LOCAL}"
    while True:
        page = selectors.page(
            query, scope=scope, policy=policy, now=now, marker=marker, limit=size, kinds=kinds
        )
        yield page.accounts
        marker = page.next
        if not marker:
            return
        if kinds is None:  # of a long list: read all kinds once instead of with each page
            kinds = privileged.all_kinds()


def _user_state(query: AccountQuery) -> UserState | None:
    """Return the state if a scan of `user` is the way to the list, or None if its pages are."""
    if not isinstance(query.state, UserState) or query.sorted_by != SORT_NAME:
        return None
    if query.text or query.kind is not None or query.machine is not None:
        return None
    return query.state


@database.reading()
def _ids_in_order(
    state: UserState, query: AccountQuery, *, scope: str | None, policy: Policy, now: datetime
) -> list[int]:
    """Return the ids of `local_user` in the order of the list; none if they are too many."""
    users = within(User.objects.all(), scope, query.domain_id)
    users = users.filter(state.user_condition(policy, now))
    names = users.order_by("local_user__domain_id", "local_user__name")
    # Users without a local row come first. To leave them out, MariaDB would begin with local_user.
    every: Ids = names.values_list("local_user__pk", flat=True)
    ids = list(every[: MOST + 1])
    return [] if len(ids) > MOST else [pk for pk in ids if pk is not None]


@database.reading()
def _still_listed(
    ids: list[int],
    state: UserState,
    *,
    policy: Policy,
    now: datetime,
    kinds: Mapping[str, AccountKinds],
) -> list[Account]:
    """Return the accounts of these rows of `local_user` that are in the state, in this order."""
    rows = state.filter(LocalUser.objects.filter(pk__in=ids), policy, now)
    found, newest = loading.rows_with_passwords(rows)
    return loading.accounts([found[pk] for pk in ids if pk in found], kinds=kinds, newest=newest)
