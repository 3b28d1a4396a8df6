"""The bare SQL of a page: the statements that read what it shows, sent by PyMySQL alone.

They are recorded while the page's own code runs once, without those of the prefilter, which only
choose between two ways and are part of our cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pymysql
from django.db import connections

from pciops.accounts import prefilter

Statement = tuple[str, Any]


class StatementRecorder:
    """Records the statements to Keystone's database, except those of excluded functions."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self._excluded = 0

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if not self._excluded:
            self.statements.append((sql, params))
        return execute(sql, params, many, context)

    def excluding(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that its statements are not recorded."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self._excluded += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._excluded -= 1

        return wrapped


@contextmanager
def recorded() -> Iterator[list[Statement]]:
    """Record the statements of the block."""
    recorder = StatementRecorder()
    with (
        mock.patch.object(
            prefilter, "_end_of_sample", recorder.excluding(prefilter._end_of_sample)
        ),
        mock.patch.object(prefilter, "_has_many", recorder.excluding(prefilter._has_many)),
        connections["keystone"].execute_wrapper(recorder),
    ):
        connections["keystone"].ensure_connection()
        recorder.statements.clear()
        yield recorder.statements


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
