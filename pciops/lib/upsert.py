"""Inserts many rows; those that exist are kept, or updated by calculation.

Two processes may write the same row at once, so the database itself must add; Django's
`bulk_create` can only replace. It also takes three times the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.constants import OnConflict

# The new value of a column of an existing row, in SQL.
ADD: Final = "{old} + {new}"
LEAST: Final = "{least}({old}, {new})"
GREATEST: Final = "{greatest}({old}, {new})"
REPLACE: Final = "{new}"

ROWS: Final = 500  # in one statement


def upsert(
    model: type[models.Model],
    rows: Sequence[models.Model],
    *,
    unique: str,
    on_conflict: Mapping[str, str],
) -> None:
    """Insert the rows; if a row with this value of `unique` exists, update these columns.

    Args:
        rows: instances that differ in `unique`. They are sorted by it, so that two processes do
            not wait for each other's locks.
        on_conflict: a field → one of the expressions above.
    """
    connection = connections[router.db_for_write(model)]
    quote = connection.ops.quote_name
    columns = {field.name: quote(str(field.column)) for field in _fields(model)}
    update = _update(connection.vendor, quote(model._meta.db_table), columns, unique, on_conflict)
    ordered = sorted(rows, key=lambda row: str(getattr(row, unique)))
    _insert(connection, "INSERT INTO", ordered, update)


def insert_new(model: type[models.Model], rows: Sequence[models.Model]) -> None:
    """Insert the rows; those that break a unique constraint are left out.

    Args:
        rows: instances that have their primary keys.
    """
    connection, fields = connections[router.db_for_write(model)], _fields(model)
    insert = connection.ops.insert_statement(on_conflict=OnConflict.IGNORE)
    others = connection.ops.on_conflict_suffix_sql(fields, OnConflict.IGNORE, [], [])
    _insert(connection, insert, rows, others)


def _fields(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    return [
        field
        for field in model._meta.concrete_fields
        if not field.generated and not isinstance(field, models.AutoField)
    ]


def _insert(
    connection: BaseDatabaseWrapper, insert: str, rows: Sequence[models.Model], conflict: str
) -> None:
    """Insert the rows.

    Args:
        insert: the beginning of the statement.
        conflict: its end, what to do with rows that exist.
    """
    if not rows:
        return
    fields, quote = _fields(type(rows[0])), connection.ops.quote_name
    table = quote(rows[0]._meta.db_table)
    statement = f"{insert} {table} ({', '.join(quote(str(field.column)) for field in fields)})"
    placeholders = f"({', '.join(['%s'] * len(fields))})"
    values = list(zip(*(_prepared(field, rows, connection) for field in fields), strict=True))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # its driver would send one row after the other
            for start in range(0, len(values), ROWS):
                chunk = values[start : start + ROWS]
                places = ", ".join([placeholders] * len(chunk))
                cursor.execute(
                    f"{statement} VALUES {places} {conflict}", list(chain.from_iterable(chunk))
                )
        else:
            cursor.executemany(f"{statement} VALUES {placeholders} {conflict}", values)


def _prepared(
    field: models.Field[Any, Any], rows: Sequence[models.Model], connection: BaseDatabaseWrapper
) -> Iterator[Any]:
    """Yield the values of a column for the driver; most columns have one value in many rows."""
    last, prepared = object(), None
    for row in rows:
        value = getattr(row, field.attname)
        if value is not last:
            last, prepared = value, field.get_db_prep_save(value, connection)
        yield prepared


def _update(
    vendor: str,
    table: str,
    columns: Mapping[str, str],
    unique: str,
    on_conflict: Mapping[str, str],
) -> str:
    """Return the end of the statement, for rows that exist."""
    mysql, sqlite = vendor == "mysql", vendor == "sqlite"
    changes = []
    for field, expression in on_conflict.items():
        column = columns[field]
        value = expression.format(
            old=f"{table}.{column}",
            new=f"VALUES({column})" if mysql else f"EXCLUDED.{column}",
            least="MIN" if sqlite else "LEAST",
            greatest="MAX" if sqlite else "GREATEST",
        )
        changes.append(f"{column} = {value}")
    if mysql:
        return f"ON DUPLICATE KEY UPDATE {', '.join(changes)}"
    return f"ON CONFLICT ({columns[unique]}) DO UPDATE SET {', '.join(changes)}"
