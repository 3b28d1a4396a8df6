"""What is different between two reports: each figure, and who is new in a list or has left it.

Only whom the rows are about is put in order, on disk where it is much: a list need not fit into
memory. It is read once for that, and once more for the rows that are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from heapq import merge
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Final, TypeAlias

from pciops.lib.canonical import canonical
from pciops.lib.evidence import Cell, Column
from pciops.reports.render.words import Rows
from pciops.reports.value import Figure, Report, Table

NAMED: Final = 100  # rows that are named, new and gone each; the others are counted
RUN: Final = 200_000  # keys that are put in order in memory

Row: TypeAlias = tuple[Cell, ...]
Key: TypeAlias = Callable[[Row], str]


class Side(Enum):
    """Where somebody stands: in the later list alone, in the earlier alone, or in both."""

    NEW = 1
    GONE = 2
    BOTH = 3


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A figure in both reports; none where one of them does not have it."""

    figure: Figure
    before: int | None
    after: int | None


@dataclass(frozen=True, kw_only=True)
class Some:
    """So many rows, of which some are named."""

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
            yield _changed(old, rows_before, table, rows_after)


def is_of_accounts(table: Table) -> bool:
    """Whether an account stays in it: a list of what happened in a week is new each week."""
    kinds = {column.kind for column in table.columns if column.key in table.identity}
    return "user_id" in table.identity and "instant" not in kinds


def _changed(old: Table, rows_before: Rows, table: Table, rows_after: Rows) -> Changed:
    was, now = _key(old), _key(table)
    found = {side: _Found() for side in Side}
    before = in_order(map(was, rows_before(old.key)))
    after = in_order(map(now, rows_after(table.key)))
    for key, side in sides(before, after):
        found[side].take(key)
    return Changed(
        table=table,
        gone_columns=old.columns,
        new=found[Side.NEW].rows(rows_after(table.key), now),
        gone=found[Side.GONE].rows(rows_before(old.key), was),
        stayed=found[Side.BOTH].count,
    )


@dataclass
class _Found:
    """Keys on one side: how many, and the first of them."""

    count: int = 0
    keys: set[str] = field(default_factory=set)

    def take(self, key: str) -> None:
        self.count += 1
        if len(self.keys) < NAMED:
            self.keys.add(key)

    def rows(self, rows: Iterable[Row], key: Key) -> Some:
        """Those of the first keys, in the order of the list."""
        named = (row for row in rows if key(row) in self.keys)
        return Some(count=self.count, rows=list(islice(named, len(self.keys))))


def _key(table: Table) -> Key:
    """Whom a row is about, as one line of text."""
    places = [index for index, column in enumerate(table.columns) if column.key in table.identity]
    return lambda row: canonical([row[place] for place in places])


def sides(before: Iterable[str], after: Iterable[str]) -> Iterator[tuple[str, Side]]:
    """Each key once, with where it stands; both have to be in order."""
    was, now = _once(before), _once(after)
    old, new = next(was, None), next(now, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old < new):
            yield str(old), Side.GONE
            old = next(was, None)
        elif old is None or new < old:
            yield new, Side.NEW
            new = next(now, None)
        else:
            yield new, Side.BOTH
            old, new = next(was, None), next(now, None)


def _once(keys: Iterable[str]) -> Iterator[str]:
    last = None
    for key in keys:
        if key != last:
            yield key
        last = key


def in_order(keys: Iterable[str]) -> Iterator[str]:
    """The keys in order, in as little memory as RUN of them take."""
    source, runs = iter(keys), list[Iterable[str]]()
    while run := sorted(islice(source, RUN)):
        runs.append(run if len(run) < RUN else _on_disk(run))
    return merge(*runs)


def _on_disk(keys: list[str]) -> Iterator[str]:
    """The same keys, read from a temporary file; keys are lines."""
    file = TemporaryFile("w+", encoding="utf-8", errors="surrogatepass", newline="\n")  # noqa: SIM115 closed at the end
    file.writelines(f"{key}\n" for key in keys)
    file.seek(0)
    return _lines(file)


def _lines(file: IO[str]) -> Iterator[str]:
    with file:
        for line in file:
            yield line[:-1]
