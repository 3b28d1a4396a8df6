"""The bare SQL of a page: the statements that fetch what it shows, sent with PyMySQL alone.

They are taken down while the page's own code runs once, without those that only choose the way
(how many of a stretch of accounts fit): these are ours to answer for.
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


class Taker:
    """Takes down the statements that go to Keystone's database, but for those of an aside."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self._aside = 0

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if not self._aside:
            self.statements.append((sql, params))
        return execute(sql, params, many, context)

    def beside(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its statements left out."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self._aside += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._aside -= 1

        return wrapped


@contextmanager
def taken() -> Iterator[list[Statement]]:
    """The statements of what is done inside."""
    taker = Taker()
    with (
        mock.patch.object(prefilter, "_end_of_sample", taker.beside(prefilter._end_of_sample)),
        mock.patch.object(prefilter, "_has_many", taker.beside(prefilter._has_many)),
        connections["keystone"].execute_wrapper(taker),
    ):
        connections["keystone"].ensure_connection()
        taker.statements.clear()
        yield taker.statements


class Bare:
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
        """Send them one after the other and fetch all rows; how many there were."""
        rows = 0
        with self.connection.cursor() as cursor:
            for sql, params in statements:
                cursor.execute(sql, params)
                rows += len(cursor.fetchall())
        return rows

    def stream(self, sql: str) -> int:
        """The rows of one statement as they come, none of them kept; how many there were."""
        with self.connection.cursor(pymysql.cursors.SSCursor) as cursor:
            cursor.execute(sql)
            return sum(1 for _ in cursor)
