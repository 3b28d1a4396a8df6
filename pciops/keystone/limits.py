"""The limits of statements to Keystone's database: time, and memory of the server for sorting.

Statements of a request end after the time in the settings, so that no page holds the database for
longer. A job that scans whole tables would then fail whenever others keep the database busy, so its
statements get more. A limit is set for single statements, and ends with each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
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
    memory: Mapping[str, int] = field(default_factory=dict)  # variable of the server → bytes

    def reaches(self, sql: str) -> bool:
        """Return whether there are limits for the statement."""
        return bool(self.seconds or self.memory) and sql.startswith(_SELECTS)

    def applied(self, sql: str, *, is_mariadb: bool) -> str:
        """Return a SELECT with these limits."""
        variables = dict(self.memory)
        if is_mariadb:
            if self.seconds is not None:
                variables["max_statement_time"] = self.seconds
            settings = ", ".join(f"{name} = {value}" for name, value in variables.items())
            return f"SET STATEMENT {settings} FOR {sql}"
        if self.seconds is not None:
            variables["max_execution_time"] = self.seconds * 1000
        hints = " ".join(f"SET_VAR({name} = {value})" for name, value in variables.items())
        return sql.replace("SELECT", f"SELECT /*+ {hints} */", 1)


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
def with_memory(memory: Mapping[str, int]) -> Iterator[None]:
    """Set these variables of the server, in bytes, for each statement."""
    with _changed(replace(current(), memory=memory)):
        yield


@contextmanager
def _changed(limits: Limits) -> Iterator[None]:
    token = _limits.set(limits)
    try:
        yield
    finally:
        _limits.reset(token)
