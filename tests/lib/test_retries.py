"""Transactions that the database rolled back are done again, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg.errors
import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

from pciops.lib import retries
from pciops.lib.models import ExternalService

pytestmark = pytest.mark.usefixtures("unguarded")

DEADLOCK = OperationalError(1213, "Deadlock found when trying to get lock")
UNREAD_TRIGGER = ProgrammingError(
    1064, "Unknown trigger has an error in its body: 'You have an error in your SQL syntax'"
)
BROKEN = OperationalError(2013, "Lost connection to MySQL server during query")
REFUSED = OperationalError(2003, "Can't connect to MySQL server")


def of_postgresql(cause: type[psycopg.Error]) -> DatabaseError:
    error = OperationalError("as psycopg says it")
    error.__cause__ = cause()
    return error


def caused_by(cause: Exception) -> Exception:
    error = RuntimeError("pciops' own database does not answer")
    error.__cause__ = cause
    return error


def code(error: Exception) -> str:
    """Return what tells an error from the others of a table."""
    return f"{error!r} {error.__cause__!r}"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, without waiting."""
    made: list[float] = []
    monkeypatch.setattr("pciops.lib.retries.time.sleep", made.append)
    return made


class Work:
    """Work that stores a row, and fails with each of these errors before it succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.attempts = 0

    def __call__(self) -> str:
        self.attempts += 1
        ExternalService.objects.create(name=f"attempt {self.attempts}")
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def stored() -> list[str]:
    return list(ExternalService.objects.values_list("name", flat=True))


@pytest.fixture
def failing(transactional_db: None) -> Iterator[Callable[..., list[str]]]:
    """Let the next statements fail with these errors; returns the list of those executed."""
    executed: list[str] = []
    errors: list[Exception] = []

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        executed.append(sql)
        if errors:
            raise errors.pop(0)
        return execute(sql, params, many, context)

    def fail(*with_errors: Exception) -> list[str]:
        errors.extend(with_errors)
        executed.clear()
        return executed

    with connection.execute_wrapper(wrapper):
        yield fail


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(1020, "Record has changed since last read"),
        OperationalError(1047, "WSREP has not yet prepared node for application use"),
        OperationalError(1205, "Lock wait timeout exceeded"),
        DEADLOCK,
        of_postgresql(psycopg.errors.SerializationFailure),
        of_postgresql(psycopg.errors.DeadlockDetected),
        caused_by(DEADLOCK),
        UNREAD_TRIGGER,
    ],
    ids=code,
)
def test_a_conflict_is_repeated_and_leaves_nothing_of_the_first_attempt(
    error: Exception,
) -> None:
    work = Work(error)

    assert retries.run(work) == "done"
    assert stored() == ["attempt 2"]


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(1142, "UPDATE command denied"),
        OperationalError("database is locked"),
        IntegrityError(1062, "Duplicate entry"),
        ProgrammingError(1064, "You have an error in your SQL syntax"),
        of_postgresql(psycopg.errors.UniqueViolation),
        KeyError(1213),
        BROKEN,
        REFUSED,
    ],
    ids=code,
)
def test_other_errors_are_raised_at_once(error: Exception) -> None:
    work = Work(error)

    with pytest.raises(type(error)) as raised:
        retries.run(work)

    assert raised.value is error
    assert (work.attempts, stored()) == (1, [])


def test_pauses_are_random_and_grow_to_half_a_second(pauses: list[float]) -> None:
    work = Work(*[DEADLOCK] * 40)

    with pytest.raises(OperationalError) as raised:
        retries.run(work)

    assert raised.value is DEADLOCK
    assert work.attempts == retries.ATTEMPTS == len(pauses) + 1
    assert all(0 < pause <= retries.LONGEST_PAUSE for pause in pauses)
    assert sum(pauses[:2]) <= 0.15 < sum(pauses[-2:])


def test_each_repetition_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="pciops")

    retries.run(Work(DEADLOCK, DEADLOCK))

    assert caplog.messages == ["repeating a transaction after 1213"] * 2


def test_further_errors_are_repeated_on_request() -> None:
    assert retries.run(Work(IntegrityError()), again_after=(IntegrityError,)) == "done"


# --- After the connection broke -------------------------------------------------------------
def test_idempotent_work_is_repeated_until_there_is_a_connection() -> None:
    work = Work(BROKEN, REFUSED)

    assert retries.run(work, idempotent=True) == "done"
    assert work.attempts == 3


def test_work_that_was_done_is_found_and_not_repeated() -> None:
    work = Work(BROKEN)

    assert retries.run(work, find=lambda: "found") == "found"
    assert work.attempts == 1


def test_work_that_was_not_done_is_repeated() -> None:
    work = Work(BROKEN)

    assert retries.run(work, find=lambda: None) == "done"
    assert work.attempts == 2


def test_the_search_is_repeated_until_there_is_a_connection() -> None:
    errors: list[Exception] = [REFUSED, BROKEN]

    def find() -> str:
        if errors:
            raise errors.pop(0)
        return "found"

    assert retries.run(Work(BROKEN), find=find) == "found"


def test_a_conflict_after_it_needs_the_search_as_well() -> None:
    found: list[str | None] = [None, "found"]

    assert retries.run(Work(BROKEN, DEADLOCK), find=lambda: found.pop(0)) == "found"


def test_an_error_without_a_code_ends_the_attempts() -> None:
    work = Work(BROKEN, InterfaceError("closed"))

    with pytest.raises(InterfaceError):
        retries.run(work, idempotent=True)

    assert work.attempts == 2


# --- Decorator and nesting ------------------------------------------------------------------
def test_a_decorated_function_is_repeated_with_its_arguments() -> None:
    work = Work(DEADLOCK)

    @retries.repeated
    def decorated(number: int, *, word: str) -> tuple[str, int, str]:
        return work(), number, word

    assert decorated(7, word="w") == ("done", 7, "w")


def test_only_the_outermost_transaction_is_repeated() -> None:
    inner = Work(DEADLOCK)
    outer = 0

    def work() -> str:
        nonlocal outer
        outer += 1
        return retries.run(inner)

    assert retries.run(work) == "done"
    assert (outer, inner.attempts) == (2, 2)


# --- Single statements ----------------------------------------------------------------------
def test_a_single_statement_is_repeated(failing: Callable[..., list[str]]) -> None:
    ExternalService.objects.create(name="keystone")
    executed = failing(DEADLOCK)

    assert ExternalService.objects.update(failing_since=None) == 1
    assert len(executed) == 2


def test_a_statement_of_a_transaction_is_not(failing: Callable[..., list[str]]) -> None:
    with transaction.atomic():
        executed = failing(DEADLOCK)
        with pytest.raises(OperationalError):
            ExternalService.objects.update(failing_since=None)

    assert len(executed) == 1


def test_a_statement_whose_connection_broke_is_not(
    failing: Callable[..., list[str]],
) -> None:
    executed = failing(BROKEN)

    with pytest.raises(OperationalError):
        ExternalService.objects.update(failing_since=None)

    assert len(executed) == 1


def test_work_within_another_transaction_is_done_once() -> None:
    work = Work(DEADLOCK)

    with pytest.raises(OperationalError), transaction.atomic():
        retries.run(work)

    assert work.attempts == 1
