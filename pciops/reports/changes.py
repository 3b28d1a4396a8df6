"""The differences between two reports: each figure, and the accounts new in or gone from a list.

The lists need not fit into memory: SQLite compares them in temporary files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from pciops.lib.canonical import canonical
from pciops.reports.render.text import RowReader
from pciops.reports.value import Column, Figure, Report, Row, Table, difference

NAMED: Final = 100  # rows that are named, new and gone each; the others are counted

RowKey = Callable[[Row], str]


@dataclass(frozen=True, kw_only=True)
class FigureChange:
    """A figure of the later report, with its number in both."""

    figure: Figure
    before: int | None  # None: the earlier report does not have it
    after: int | None

    @property
    def difference(self) -> int | None:
        """Return the change of the number; None if one of them is not known."""
        return difference(self.before, self.after)


@dataclass(frozen=True, kw_only=True)
class NamedRows:
    """The number of some rows, and the first of them."""

    count: int
    rows: list[Row]


@dataclass(frozen=True, kw_only=True)
class ListChange:
    """A list of both reports; rows have the columns of the report that they are from."""

    table: Table
    gone_columns: tuple[Column, ...]
    new: NamedRows
    gone: NamedRows
    stayed: int

    @property
    def is_same(self) -> bool:
        """Return whether no account is new or gone."""
        return not (self.new.count or self.gone.count)


def figure_changes(before: Report, after: Report) -> list[FigureChange]:
    """Return each figure of the later report, with its number in both."""
    numbers = {figure.key: figure.number for figure in before.figures()}
    return [
        FigureChange(figure=figure, before=numbers.get(figure.key), after=figure.number)
        for figure in after.figures()
    ]


def list_changes(
    before: Report, rows_before: RowReader, after: Report, rows_after: RowReader
) -> Iterator[ListChange]:
    """Yield each list of accounts that both reports have."""
    tables = {table.key: table for table in before.tables()}
    for table in after.tables():
        old = tables.get(table.key)
        if old is not None and lists_accounts(table) and old.identity == table.identity:
            yield _list_change(old, rows_before, table, rows_after)


def lists_accounts(table: Table) -> bool:
    """Return whether accounts stay in a table: what happened in a week is new each week."""
    kinds = {column.kind for column in table.columns if column.key in table.identity}
    return "user_id" in table.identity and "instant" not in kinds


def _list_change(
    old: Table, rows_before: RowReader, table: Table, rows_after: RowReader
) -> ListChange:
    key_before, key_after = _row_key(old), _row_key(table)
    with closing(sqlite3.connect("")) as database:  # "": a temporary file
        _load(database, "before", map(key_before, rows_before(old.key)))
        _load(database, "after", map(key_after, rows_after(table.key)))
        new = _keys_only_in(database, "after", "before")
        gone = _keys_only_in(database, "before", "after")
        [[stayed]] = database.execute("SELECT count(*) FROM after JOIN before USING (key)")
        [[new_count], [gone_count]] = (
            database.execute(f"SELECT count(*) - ? FROM {name}", [stayed]).fetchone()  # noqa: S608 our own names
            for name in ("after", "before")
        )
    return ListChange(
        table=table,
        gone_columns=old.columns,
        new=NamedRows(count=new_count, rows=_rows(rows_after(table.key), key_after, new)),
        gone=NamedRows(count=gone_count, rows=_rows(rows_before(old.key), key_before, gone)),
        stayed=stayed,
    )


def _load(database: sqlite3.Connection, name: str, keys: Iterable[str]) -> None:
    database.execute(f"CREATE TABLE {name} (key TEXT PRIMARY KEY) WITHOUT ROWID")
    database.executemany(
        f"INSERT OR IGNORE INTO {name} VALUES (?)",  # noqa: S608 our own names
        ([key] for key in keys),
    )


def _keys_only_in(database: sqlite3.Connection, name: str, other: str) -> set[str]:
    """Return the first keys that are in one table and not in the other."""
    statement = f"SELECT key FROM {name} EXCEPT SELECT key FROM {other} ORDER BY key LIMIT {NAMED}"  # noqa: S608 our own names
    return {key for (key,) in database.execute(statement)}


def _rows(rows: Iterable[Row], row_key: RowKey, keys: set[str]) -> list[Row]:
    """Return the first row with each of these keys, in the order of the list."""
    found: dict[str, Row] = {}
    for row in rows:
        if len(found) == len(keys):
            break
        if (key := row_key(row)) in keys:
            found.setdefault(key, row)
    return list(found.values())


def _row_key(table: Table) -> RowKey:
    """Return a function for the identity of a row, as text."""
    places = [index for index, column in enumerate(table.columns) if column.key in table.identity]
    return lambda row: canonical([row[place] for place in places])
