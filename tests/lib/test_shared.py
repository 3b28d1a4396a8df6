"""Tests of values that requests share for a moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import RequestFactory

from pciops.lib.shared import Shared, bypassed, shared
from tests.factories import NOW

KEY = ("locked", "default")
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _for_three_seconds(settings: LazySettings) -> None:
    settings.SHARED_SECONDS = 3


def reader(*values: str) -> Callable[[], str]:
    """Return a reading that returns these values in turn, and fails after the last."""
    rest = list(values)
    return lambda: rest.pop(0)


@pytest.mark.parametrize(
    ("later", "fresh", "expected"),
    [
        (2 * SECOND, False, Shared(value="first", read_at=NOW)),
        (-1 * SECOND, False, Shared(value="first", read_at=NOW)),
        (3 * SECOND, False, Shared(value="second", read_at=NOW + 3 * SECOND)),
        (1 * SECOND, True, Shared(value="second", read_at=NOW + SECOND)),
    ],
    ids=["within the time", "of a request that began before", "after it", "asked to be fresh"],
)
def test_value_is_read_again_when_it_is_old_or_must_be_fresh(
    later: timedelta, fresh: bool, expected: Shared[str]
) -> None:
    read = reader("first", "second")
    shared(KEY, read, now=NOW)

    assert shared(KEY, read, now=NOW + later, fresh=fresh) == expected


def test_fresh_value_is_shared_with_others() -> None:
    read = reader("first", "second")
    shared(KEY, read, now=NOW)
    shared(KEY, read, now=NOW, fresh=True)

    assert shared(KEY, read, now=NOW).value == "second"


def test_another_key_has_another_value() -> None:
    shared(("locked", None), reader("cloud"), now=NOW)

    assert shared(("locked", "None"), reader("domain"), now=NOW).value == "domain"


def test_twenty_requests_at_once_read_once() -> None:
    readings, started, answered = [], threading.Event(), threading.Event()

    def read() -> str:
        readings.append(1)
        started.set()
        answered.wait(10)
        return "value"

    with ThreadPoolExecutor(20) as threads:
        results = [threads.submit(shared, KEY, read, now=NOW) for _ in range(20)]
        started.wait(10)
        answered.set()

    assert {result.result().value for result in results} == {"value"}
    assert len(readings) == 1


def test_old_value_serves_while_another_request_reads() -> None:
    shared(KEY, reader("old"), now=NOW)
    started, answered = threading.Event(), threading.Event()

    def read() -> str:
        started.set()
        answered.wait(10)
        return "new"

    later = NOW + 10 * SECOND
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(shared, KEY, read, now=later)
        started.wait(10)
        meanwhile = shared(KEY, reader(), now=later)
        answered.set()

    assert meanwhile == Shared(value="old", read_at=NOW)
    assert reading.result().value == "new"


def test_failed_reading_is_not_shared() -> None:
    with pytest.raises(IndexError):
        shared(KEY, reader(), now=NOW)

    assert shared(KEY, reader("value"), now=NOW).value == "value"


def test_who_waits_for_a_failed_reading_reads_for_itself() -> None:
    started, fails = threading.Event(), threading.Event()

    def read() -> str:
        started.set()
        fails.wait(10)
        raise OSError

    with ThreadPoolExecutor(2) as threads:
        failed = threads.submit(shared, KEY, read, now=NOW)
        started.wait(10)
        waits = threads.submit(shared, KEY, reader("value"), now=NOW)
        fails.set()

    assert isinstance(failed.exception(), OSError)
    assert waits.result().value == "value"


@pytest.mark.parametrize(
    ("header", "expected"),
    [("no-cache", True), ("max-age=0, No-Cache", True), ("max-age=0", False), ("", False)],
)
def test_client_asks_for_what_is_true_now(header: str, expected: bool) -> None:
    assert bypassed(RequestFactory().get("/", headers={"Cache-Control": header})) is expected
