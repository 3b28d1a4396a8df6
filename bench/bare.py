"""Statements sent by PyMySQL alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pymysql

Statement = tuple[str, Any]


class BareConnection:
    """A connection of PyMySQL."""

    def __init__(self, *, port: int, user: str, password: str) -> None:
        self.connection = pymysql.connect(
            host="127.0.0.1",
            port=port,
            user=user,
            password=password,
            database="keystone",
            charset="utf8mb4",
            autocommit=True,
            init_command="SET time_zone = '+00:00'",
        )

    def rows(self, sql: str, parameters: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def run(self, statements: Sequence[Statement]) -> int:
        """Send the statements one by one, fetch all rows and return their number."""
        rows = 0
        with self.connection.cursor() as cursor:
            for sql, params in statements:
                cursor.execute(sql, params)
                rows += len(cursor.fetchall())
        return rows

    def stream(self, sql: str) -> int:
        """Stream the rows of a statement and return their number."""
        with self.connection.cursor(pymysql.cursors.SSCursor) as cursor:
            cursor.execute(sql)
            return sum(1 for _ in cursor)
