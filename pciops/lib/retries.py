"""Repeats transactions that the database rolled back because of others.

On a Galera cluster, a transaction that conflicts with one of another node fails at its COMMIT with
the error of a deadlock. It has changed nothing, so it is done again after a short random pause.

Whole transactions go through `run` or `repeated`. Each connection repeats single statements outside
of a transaction by itself, see `install`.
"""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, ParamSpec, TypeVar

from django.db import DatabaseError, Error, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pciops.lib import triggers

# Six processes that append to the audit log on three nodes at once have needed more than ten. All
# pauses together take eight seconds on average.
ATTEMPTS: Final = 30
FIRST_PAUSE: Final = 0.05  # seconds at most; each further pause is up to twice as long
LONGEST_PAUSE: Final = 0.5

Codes = frozenset[int | str]  # numbers of MySQL, SQLSTATEs of PostgreSQL, and one of our own

# The transaction was rolled back, or did not begin.
CONFLICTS: Final[Codes] = frozenset(
    {
        1020,  # the record has changed since it was read
        1047,  # WSREP has not yet prepared node for application use
        1205,  # lock wait timeout
        1213,  # deadlock, or a conflict with another node
        "unread trigger",  # see _UNREAD_TRIGGER
        "40001",  # serialization failure
        "40P01",  # deadlock
    }
)
# The connection broke: it is not known whether a COMMIT was done.
LOST: Final[Codes] = frozenset(
    {
        1053,  # the server is shutting down
        1180,  # a COMMIT while the primary component of a Galera cluster changes
        1927,  # the connection was killed (MariaDB)
        2006,  # the server has gone away
        2013,  # the connection was lost, also after `read_timeout`
        2055,  # the same, with the system's error
        4031,  # the connection was idle for too long (MySQL)
        "08003",
        "08006",
        "57P01",
    }
)
# MariaDB's error 1064 has these words if it was stopped while it parsed the triggers of the table:
# see triggers.read_again. The statement was not executed.
_UNREAD_TRIGGER: Final = "has an error in its body"
_NO_CONNECTION: Final[Codes] = frozenset({2002, 2003})  # while another node takes over
_AFTER_LOSS: Final = CONFLICTS | LOST | _NO_CONNECTION

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


def run(
    work: Callable[[], T],
    *,
    find: Callable[[], T | None] | None = None,
    idempotent: bool = False,
    again_after: tuple[type[DatabaseError], ...] = (),
) -> T:
    """Do the work in one transaction of our database, again if it was rolled back.

    Within another transaction it is done once: only the outermost one can be repeated.

    Args:
        work: changes only the database.
        find: returns what the work wrote, or None; called after the connection broke.
        idempotent: the work can be repeated after the connection broke.
        again_after: further errors after which another attempt may succeed.

    Raises:
        Exception: of the last attempt.
    """
    connection = transaction.get_connection()
    outermost, lost = not connection.in_atomic_block, False
    for pause in _pauses():
        try:
            if lost and find is not None and (found := find()) is not None:
                return found
            with transaction.atomic():
                return work()
        except Exception as error:
            codes = codes_of(error)
            if codes & LOST:
                lost = True
                if outermost:
                    connection.close()  # the next statement connects again
            known = codes & (_AFTER_LOSS if lost else CONFLICTS)
            safe = not lost or idempotent or find is not None
            repeatable = safe and (known or isinstance(error, again_after))
            if pause is None or not outermost or not repeatable:
                raise
            _wait(pause, error, connection)
    raise AssertionError("the last attempt returns or raises")


def repeated(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that is one transaction with `run`."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(functools.partial(function, *args, **kwargs))

    return wrapper


def codes_of(error: BaseException | None) -> Codes:
    """Return the codes of the database in an error and in the errors that caused it."""
    codes = set[int | str]()
    while error is not None:
        if isinstance(error, Error) and error.args and isinstance(error.args[0], int):
            codes.add(error.args[0])
            if _UNREAD_TRIGGER in str(error.args[1:]):
                codes.add("unread trigger")
        codes.add(getattr(error, "sqlstate", None) or "")
        error = error.__cause__ or error.__context__
    return frozenset(codes - {""})


def install(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Let a new connection repeat statements that are transactions of their own."""
    if repeat_statement not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, repeat_statement)  # Django removes the last one


def repeat_statement(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Execute a statement, again if it was rolled back and no transaction is open."""
    if many or context["connection"].in_atomic_block:
        return execute(sql, params, many, context)
    for pause in _pauses():
        try:
            return execute(sql, params, many, context)
        except Error as error:
            if pause is None or not codes_of(error) & CONFLICTS:
                raise
            _wait(pause, error, context["connection"])
    raise AssertionError("the last attempt returns or raises")


def _pauses() -> Iterator[float | None]:
    """Yield the seconds to wait after each attempt that fails; None: it is the last one."""
    for attempt in range(ATTEMPTS - 1):
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
        yield random.uniform(longest / 5, longest)  # noqa: S311 (no secret)
    yield None


def _wait(pause: float, error: Exception, connection: BaseDatabaseWrapper) -> None:
    codes = codes_of(error)
    words = ", ".join(sorted(map(str, codes))) or type(error).__name__
    log.info("repeating a transaction after %s", words)
    if "unread trigger" in codes:
        triggers.read_again(connection)
    time.sleep(pause)
