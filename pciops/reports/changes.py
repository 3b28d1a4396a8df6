"""What is different between two reports: each figure, and who is new in a list or has left it.

Both lists are read once and put in order on disk, so they need not fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, islice
from typing import Final, Literal

from pciops.lib.canonical import canonical
from pciops.lib.evidence import Cell, Column
from pciops.lib.spool import Spool
from pciops.reports.value import Figure, Report, Table
from pciops.reports.words import Rows

NAMED: Final = 100  # rows that are named, new and gone each; the others are counted
RUN: Final = 50_000  # rows that are put in order in memory

Row = tuple[Cell, ...]
Side = Literal["new", "gone"]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A figure in both reports; none where one of them does not have it."""

    figure: Figure
    before: int | None
    after: int | None


@dataclass(kw_only=True)
class Some:
    """So many rows, of which the first are named."""

    count: int
    rows: list[Row]


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A list in both reports; rows have the columns of the side that they are from."""

    table: Table
    gone_columns: tuple[Column, ...]
    new: Some
    gone: Some
    stayed: int


def figures(before: Report, after: Report) -> list[Moved]:
    """Each figure of the later report, as it was and is."""
    known = {figure.key: figure.number for figure in before.figures()}
    return [
        Moved(figure=figure, before=known.get(figure.key), after=figure.number)
        for figure in after.figures()
    ]


def lists(before: Report, rows_before: Rows, after: Report, rows_after: Rows) -> Iterator[Changed]:
    """Each list of accounts that both reports have."""
    known = {table.key: table for table in before.tables()}
    for table in after.tables():
        old = known.get(table.key)
        if old is not None and is_of_accounts(table) and old.identity == table.identity:
            yield _changed(old, rows_before(old.key), table, rows_after(table.key))


def is_of_accounts(table: Table) -> bool:
    """Whether an account stays in it: a list of what happened in a week is new each week."""
    kinds = {column.kind for column in table.columns if column.key in table.identity}
    return "user_id" in table.identity and "instant" not in kinds


def _changed(old: Table, was: Iterable[Row], table: Table, now: Iterable[Row]) -> Changed:
    new, gone = Some(count=0, rows=[]), Some(count=0, rows=[])
    stayed = 0
    for sides in _sides(_keyed(old, was), _keyed(table, now)):
        if len(sides) == 2:
            stayed += 1
            continue
        [(side, row)] = sides
        some = new if side == "new" else gone
        some.count += 1
        if len(some.rows) < NAMED:
            some.rows.append(row)
    return Changed(table=table, gone_columns=old.columns, new=new, gone=gone, stayed=stayed)


def _sides(
    was: Iterable[tuple[str, Row]], now: Iterable[tuple[str, Row]]
) -> Iterator[list[tuple[Side, Row]]]:
    """For each account: where it stands, once for each side."""
    both: Iterable[tuple[str, Side, Row]] = merge(
        ((key, "gone", row) for key, row in was),
        ((key, "new", row) for key, row in now),
        key=lambda one: one[0],
    )
    for _, group in groupby(both, key=lambda one: one[0]):
        yield list({side: (side, row) for _, side, row in group}.values())


def _keyed(table: Table, rows: Iterable[Row]) -> Iterator[tuple[str, Row]]:
    """The rows in the order of whom they are about."""
    key = _key(table)
    return ((key(row), row) for row in in_order(rows, key))


def _key(table: Table) -> Callable[[Row], str]:
    places = [index for index, column in enumerate(table.columns) if column.key in table.identity]
    return lambda row: canonical([row[place] for place in places])


def in_order(rows: Iterable[Row], key: Callable[[Row], str]) -> Iterator[Row]:
    """The rows in the order of their keys, in as little memory as RUN rows take."""
    source, runs = iter(rows), list[Spool]()
    while run := sorted(islice(source, RUN), key=key):
        runs.append(Spool.of(run))
    return merge(*(run.rows() for run in runs), key=key)
