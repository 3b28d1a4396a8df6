"""Finds the few accounts of a list among a million without checking each one, which takes seconds.

A list is read in the order of an index, and each account is checked until the page is full: fast if
many match. If few match, a scan of one table finds candidates, and only they are checked.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeVar

from django.db.models import Model, QuerySet

from pciops.accounts import machines, privileged
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind
from pciops.accounts.search import Search, if_few
from pciops.accounts.states.state import State
from pciops.keystone import limits
from pciops.keystone.models import LocalUser
from pciops.lib.keyset import Order

M = TypeVar("M", bound=Model)

SAMPLE: Final = 4000  # accounts, in the order of the list, that show whether many match
MANY: Final = 10  # matches in the sample; a page then fills soon


def narrow(
    rows: QuerySet[LocalUser],
    order: Order[LocalUser],
    *,
    state: State | None,
    search: Search | None,
    policy: Policy,
    now: datetime,
) -> QuerySet[LocalUser]:
    """Return all rows that match the state and the search, and as few others as possible.

    Args:
        search: by any part of a text. One by the beginning of a name has narrowed the rows already.
    """
    candidates = state.candidates(policy, now) if state else None
    if candidates is None and (state or not search):
        return rows  # each row is checked by itself, or there is nothing to check
    end = _end_of_sample(rows, order)
    if end is None:
        return rows  # so few that all are checked soon
    ids = search.ids() if search else None
    if ids is None and state and candidates is not None:
        sample = order.until(rows, end)
        if not _has_many(state.filter(sample, policy, now)):
            with limits.sorting_groups():
                ids = if_few(candidates)
    return rows if ids is None else rows.filter(pk__in=ids)


def _end_of_sample(rows: QuerySet[LocalUser], order: Order[LocalUser]) -> LocalUser | None:
    """Return the last row of the sample, with the order's columns; None if there are fewer rows.

    The index that has these columns is all that is read.
    """
    columns = (column.name for column in order.columns)
    return order.sort(rows.only(*columns))[SAMPLE : SAMPLE + 1].first()


def _has_many(rows: QuerySet[LocalUser]) -> bool:
    return len(rows.values_list("pk")[:MANY]) == MANY


def within(rows: QuerySet[M], scope: str | None, domain_id: str) -> QuerySet[M]:
    """Return the rows of LocalUser or User in the operator's scope, and in the domain if given."""
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    return rows.filter(domain_id=domain_id) if domain_id else rows


def of_kind(
    rows: QuerySet[M],
    kind: AccountKind | None,
    machine: bool | None,
    columns: machines.Columns,
    *,
    few: bool,
) -> QuerySet[M]:
    """Return the rows of the kind if given, used by machines or people if given.

    Call it last: it costs the most for each row.

    Args:
        few: as of `privileged.filter_by_kind`.
    """
    if kind is not None:
        rows = privileged.filter_by_kind(rows, kind, few=few)
    if machine is not None:
        rows = machines.only(rows, columns, machines=machine)
    return rows
