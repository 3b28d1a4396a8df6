"""A whole list, account by account, for exports.

A page tries one account after the other until it is full. For a list that a tenth of a million
accounts are in, that tries the other nine tenths too; a scan of `user` finds them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from django.db.models import Case, QuerySet, When

from pciops.accounts import loading, privileged, selectors, without_local
from pciops.accounts.account import Account
from pciops.accounts.loading import Options
from pciops.accounts.policy.policy import Policy
from pciops.accounts.prefilter import within
from pciops.accounts.privileged import AccountKinds
from pciops.accounts.query import SORT_NAME, AccountQuery
from pciops.accounts.states.inactivity import UserState
from pciops.accounts.states.state import Rows
from pciops.keystone import database
from pciops.keystone.models import LocalUser, User
from pciops.lib import threads
from pciops.lib.keyset import batched

Load = Callable[..., list[Account]]  # loading.accounts with kinds and options

MOST: Final = 200_000  # ids that are kept in memory, with about 100 bytes each


def chunks(
    query: AccountQuery, *, scope: str | None, policy: Policy, now: datetime, size: int
) -> Iterator[list[Account]]:
    """Yield all accounts of the list in its order, in chunks that are read one by one.

    Raises:
        KeystoneDatabaseDownError: possibly after the first chunks.
    """
    kinds: Mapping[str, AccountKinds] | None = None
    if state := _user_state(query):
        read_ids = partial(_ids_in_order, state, query, scope=scope, policy=policy, now=now)
        found, (kinds, options) = threads.at_once(read_ids, _kinds_and_options)
        if len(found) <= MOST:
            load = partial(loading.accounts, kinds=kinds, options=options)
            for ids in batched([local_id for local_id, _ in found if local_id is not None], size):
                rows = state.filter(LocalUser.objects.filter(pk__in=ids), policy, now)
                yield _local_users(rows, ids, load)
            for others in batched([user_id for _, user_id in found if user_id is not None], size):
                users = without_local.users(query, scope=scope, policy=policy, now=now)
                yield _others(users.filter(pk__in=others), load)
            return
    marker = ""
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
) -> list[tuple[int | None, str | None]]:
    """Return the accounts in the order of the list, at most one more than `MOST`.

    Of a local user it is the id of `local_user`, of any other user that of `user`.
    """
    users = within(User.objects.all(), scope, query.domain_id)
    users = users.filter(state.user_condition(policy, now))
    names = users.order_by("local_user__domain_id", "local_user__name", "pk")
    # Users without a local row are read as well: without them, MariaDB would begin with local_user.
    other_id = Case(When(local_user=None, then="pk"))
    return list(names.values_list("local_user__pk", other_id)[: MOST + 1])


@database.reading()
def _kinds_and_options() -> tuple[Mapping[str, AccountKinds], Options | None]:
    return privileged.all_kinds(), loading.all_options()


@database.reading()
def _local_users(rows: Rows, ids: list[int], load: Load) -> list[Account]:
    """Return the accounts of these rows in the order of the ids."""
    found, newest = loading.rows_with_passwords(rows)
    return load([found[pk] for pk in ids if pk in found], newest=newest)


@database.reading()
def _others(rows: QuerySet[User], load: Load) -> list[Account]:
    """Return the accounts of these users without a local row, by id."""
    return load(loading.user_rows(rows.order_by("pk")))
