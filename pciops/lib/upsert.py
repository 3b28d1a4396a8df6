"""Inserts rows, or updates the existing ones by calculation, in one statement each.

Two processes may write the same row at once, so the database itself must add; Django's
`bulk_create` can only replace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from django.db import connections, models, router

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
    if not rows:
        return
    connection = connections[router.db_for_write(model)]
    fields = [
        field
        for field in model._meta.concrete_fields
        if not field.generated and not isinstance(field, models.AutoField)
    ]
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    columns = {field.name: quote(str(field.column)) for field in fields}
    insert = f"INSERT INTO {table} ({', '.join(columns.values())}) VALUES"
    update = _update(connection.vendor, table, columns, unique, on_conflict)
    placeholders = f"({', '.join(['%s'] * len(fields))})"
    values = [
        [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
        for row in sorted(rows, key=lambda row: str(getattr(row, unique)))
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # its driver would send one row after the other
            for start in range(0, len(values), ROWS):
                chunk = values[start : start + ROWS]
                sql = f"{insert} {', '.join([placeholders] * len(chunk))} {update}"
                cursor.execute(sql, list(chain.from_iterable(chunk)))
        else:
            cursor.executemany(f"{insert} {placeholders} {update}", values)


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
