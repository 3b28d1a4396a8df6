"""How statements to Keystone's database run: their time, and how the server groups.

Statements of a request end after the time in the settings, so that no page holds the database for
longer. A job that scans whole tables would then fail whenever others keep the database busy, so its
statements get more. All this is set for single statements, and ends with each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final

JOB_SECONDS: Final = 60  # less than the lease of any job
# MariaDB and MySQL end a statement themselves. The driver, which can only drop the connection,
# waits a little longer.
DRIVER_SECONDS: Final = 5

_SELECTS: Final = ("SELECT", "(SELECT")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a statement; those of the session where it has none."""

    seconds: int | None = None
    sorts_groups: bool = False  # see `sorting_groups`

    def reaches(self, sql: str) -> bool:
        """Return whether there are limits for the statement."""
        return self != _USUAL and sql.startswith(_SELECTS)

    def applied(self, sql: str, *, is_mariadb: bool) -> str:
        """Return a SELECT with these limits."""
        if self.sorts_groups:
            sql = sql.replace("SELECT", "SELECT SQL_BIG_RESULT", 1)
        if self.seconds is None:
            return sql
        if is_mariadb:
            return f"SET STATEMENT max_statement_time = {self.seconds} FOR {sql}"
        hint = f"/*+ SET_VAR(max_execution_time = {self.seconds * 1000}) */"
        return sql.replace("SELECT", f"SELECT {hint}", 1)


_USUAL: Final = Limits()  # those of the session
_limits: Final = ContextVar("limits", default=_USUAL)


def current() -> Limits:
    """Return the limits of the job that this is inside of."""
    return _limits.get()


@contextmanager
def of_job() -> Iterator[None]:
    """Give each statement the time of a job; also a decorator.

    A thread that the job starts has to run in a copy of its context.
    """
    with _changed(replace(current(), seconds=JOB_SECONDS)):
        yield


@contextmanager
def sorting_groups() -> Iterator[None]:
    """Let the server sort a table to group its rows, instead of reading it by an index.

    For three million rows of `password` by user, that takes a fifth of the time.
    """
    with _changed(replace(current(), sorts_groups=True)):
        yield


@contextmanager
def _changed(limits: Limits) -> Iterator[None]:
    token = _limits.set(limits)
    try:
        yield
    finally:
        _limits.reset(token)
