"""Finds the few accounts of a list among a million without checking each one, which takes seconds.

A list is read in the order of an index, and each account is checked until the page is full: fast if
many match. If few match, a scan of one table finds candidates, and only they are checked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Final, TypeVar

from django.db.models import BooleanField, F, Func, Model, QuerySet

from pciops.accounts import machines, privileged
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind
from pciops.accounts.query import BY_NAME
from pciops.accounts.search import Search, if_few
from pciops.accounts.states.state import State
from pciops.keystone import limits
from pciops.keystone.models import LocalUser
from pciops.lib.keyset import Order

M = TypeVar("M", bound=Model)

SAMPLE: Final = 4000  # accounts, in the order of the list, that show whether many match
MANY: Final = 10  # matches in the sample; a page then fills soon
AT_ONCE: Final = 1000  # ids; up to so many, each is looked up
SPARE: Final = 4  # times as many of them as a page has; most of them match


class _Among(Func):
    """Whether the row has one of these ids, in terms that no index of ids serves.

    With such an index, MariaDB would look up each of the rows, and sort them. As parameters,
    thousands of ids would take longer than all else.
    """

    output_field = BooleanField()

    def __init__(self, ids: Iterable[int]) -> None:
        numbers = ", ".join(str(int(pk)) for pk in ids)
        super().__init__(F("pk"), template=f"%(expressions)s + 0 IN ({numbers})")


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
    candidates = state.candidates(policy, now) if state and not state.of_options else None
    if candidates is None and (state or not search):
        return rows  # the database finds them, or checks each row by itself
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


def among(
    rows: QuerySet[LocalUser], order: Order[LocalUser], ids: Collection[int], *, limit: int
) -> Iterator[QuerySet[LocalUser]]:
    """Yield the rows with these ids; if they are many, before that the first in the order.

    They are found in the index of the order, without a look at the rows. A page takes the next
    part if the one before does not fill it.
    """
    if len(ids) > AT_ONCE and order is BY_NAME:
        nearest = order.sort(rows.filter(_Among(ids)))
        first = list(nearest.values_list("pk", flat=True)[: SPARE * (limit + 1)])
        yield rows.filter(pk__in=first)
        if len(first) < SPARE * (limit + 1):
            return
    yield rows.filter(pk__in=ids)


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
