"""Adds counts to rows that are there, or inserts them, in one statement each.

Two consumers may come upon the same row at once; so the database itself has to add, and Django's
own `bulk_create` can only replace.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any, Final

from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper

# What becomes of a column of a row that is there: its name in SQL, of the old and the new value.
ADDED: Final = "{old} + {new}"
LEAST: Final = "{least}({old}, {new})"
GREATEST: Final = "{greatest}({old}, {new})"
REPLACED: Final = "{new}"

ROWS: Final = 500  # of one statement


def upsert(
    model: type[models.Model],
    rows: Sequence[models.Model],
    *,
    unique: str,
    otherwise: dict[str, str],
) -> None:
    """Insert the rows; where `unique` is there already, change these columns instead.

    Args:
        rows: new instances, each with another value in `unique`. In the order of `unique` they
            lock what is there, so that two processes do not wait for each other.
        otherwise: a column → one of the words above.
    """
    if not rows:
        return
    connection = connections[router.db_for_write(model)]
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    fields = [field for field in fields if not isinstance(field, models.AutoField)]
    before, after = _sql(connection, model, [str(it.column) for it in fields], unique, otherwise)
    places = f"({', '.join(['%s'] * len(fields))})"
    values = [
        [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
        for row in sorted(rows, key=lambda row: str(getattr(row, unique)))
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # its driver would send row after row
            for start in range(0, len(values), ROWS):
                chunk = values[start : start + ROWS]
                sql = f"{before} {', '.join([places] * len(chunk))} {after}"
                cursor.execute(sql, list(chain.from_iterable(chunk)))
        else:
            cursor.executemany(f"{before} {places} {after}", values)


def _sql(
    connection: BaseDatabaseWrapper,
    model: type[models.Model],
    columns: Collection[str],
    unique: str,
    otherwise: dict[str, str],
) -> tuple[str, str]:
    """What comes before and after the values."""
    quoted = connection.ops.quote_name
    table = quoted(model._meta.db_table)
    mysql = connection.vendor == "mysql"
    scalar = ("MIN", "MAX") if connection.vendor == "sqlite" else ("LEAST", "GREATEST")

    def change(column: str, word: str) -> str:
        name = quoted(column)
        new = f"VALUES({name})" if mysql else f"EXCLUDED.{name}"
        parts: dict[str, Any] = {
            "old": f"{table}.{name}",
            "new": new,
            "least": scalar[0],
            "greatest": scalar[1],
        }
        return f"{name} = {word.format(**parts)}"

    changes = ", ".join(change(column, word) for column, word in otherwise.items())
    there = "ON DUPLICATE KEY UPDATE" if mysql else f"ON CONFLICT ({quoted(unique)}) DO UPDATE SET"
    names = ", ".join(map(quoted, columns))
    return f"INSERT INTO {table} ({names}) VALUES", f"{there} {changes}"
