"""Reading ahead and at once, in threads that leave no connection open."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

import pytest

from pciops.lib import threads
from pciops.lib.threads import at_once, read_ahead

limit: ContextVar[str] = ContextVar("limit")


@dataclass
class Server:
    """A database, with or without an open transaction."""

    vendor: str = "mysql"
    in_atomic_block: bool = False


class Servers:
    """Databases, and the names of the threads whose connections were closed."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self.found = [Server("sqlite"), Server()]

    def all(self) -> list[Server]:
        return self.found

    def close_all(self) -> None:
        self.closed.append(threading.current_thread().name)


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    servers = Servers()
    monkeypatch.setattr(threads, "connections", servers)
    return servers


class Source:
    """Numbers, and the names of the threads that made them."""

    def __init__(self, last: int = 5) -> None:
        self.last = last
        self.made: list[str] = []

    def __iter__(self) -> Iterator[int]:
        for number in range(self.last):
            self.made.append(threading.current_thread().name)
            yield number


def test_one_other_thread_makes_all_items_and_closes_its_connections(servers: Servers) -> None:
    source = Source()

    assert list(read_ahead(iter(source))) == [0, 1, 2, 3, 4]
    assert set(source.made) == set(servers.closed) != {threading.current_thread().name}
    assert len(servers.closed) == 1


def test_who_wants_no_more_waits_for_one_item_at_most(servers: Servers) -> None:
    source = Source()
    items = read_ahead(iter(source))

    assert next(items) == 0
    items.close()
    assert len(source.made) == 2
    assert len(servers.closed) == 1


def test_a_failure_reaches_the_reader_after_the_items_before_it(servers: Servers) -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    items = read_ahead(failing())

    assert next(items) == 1
    with pytest.raises(OSError, match="gone"):
        next(items)
    assert len(servers.closed) == 1


def test_the_thread_has_the_context_of_its_caller(servers: Servers) -> None:
    limit.set("of a job")

    assert list(read_ahead(limit.get() for _ in "ab")) == ["of a job"] * 2


ONE_CONNECTION = [
    pytest.param([Server("sqlite"), Server("sqlite")], id="no server"),
    pytest.param([Server("sqlite", in_atomic_block=True), Server()], id="in a transaction"),
    pytest.param([Server(), Server(in_atomic_block=True)], id="in a transaction of a server"),
]


@pytest.mark.parametrize("found", ONE_CONNECTION)
def test_nothing_is_read_ahead_where_one_connection_sees_all(
    servers: Servers, found: list[Server]
) -> None:
    servers.found = found
    source = Source()

    assert list(read_ahead(iter(source))) == [0, 1, 2, 3, 4]
    assert set(source.made) == {threading.current_thread().name}


def test_jobs_are_done_at_the_same_time_in_threads_that_close_their_connections(
    servers: Servers,
) -> None:
    all_here = threading.Barrier(3, timeout=20)
    at_once(all_here.wait, all_here.wait, all_here.wait)

    assert len(servers.closed) == 3
    assert threading.current_thread().name not in servers.closed


def test_each_job_has_the_context_of_its_caller(servers: Servers) -> None:
    limit.set("of a job")

    assert at_once(limit.get, limit.get) == ["of a job"] * 2


def test_the_first_failure_is_raised_once_all_jobs_have_ended(servers: Servers) -> None:
    ended: list[str] = []

    def fail() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        at_once(fail, lambda: ended.append("second"))
    assert ended == ["second"]
    assert len(servers.closed) == 2


@pytest.mark.parametrize("found", ONE_CONNECTION)
def test_jobs_are_done_one_after_the_other_where_one_connection_sees_all(
    servers: Servers, found: list[Server]
) -> None:
    servers.found = found

    assert at_once(*[lambda: threading.current_thread().name] * 2) == (
        [threading.current_thread().name] * 2
    )
