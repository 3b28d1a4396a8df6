"""Tests of the backend that connects to the first of several hosts, with hosts that are faked."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pymysql
import pytest
from django.db import DatabaseError, OperationalError, connections
from django.db.backends.mysql import base as django_backend
from pymysql.constants import FIELD_TYPE
from pymysql.converters import conversions
from pytest_django.plugin import DjangoDbBlocker

from pciops.keystone.mysql import base
from pciops.keystone.mysql.base import DatabaseWrapper

DATA = ("11.4.2-MariaDB", "STRICT_TRANS_TABLES", "InnoDB", 0, 0, 1)  # what Django reads first
QUERY = "SELECT name FROM project"
NOT_READY = (1047, "WSREP has not yet prepared node for application use")


@dataclass
class Host:
    """A database server: the errors of its next connections and of its next queries."""

    name: str
    refuses: tuple[Any, ...] = ()
    fails: list[tuple[Any, ...]] = field(default_factory=list)
    read_only: object = 0
    hangs_up: bool = False  # at the first statement of each connection
    connections: int = 0
    queries: int = 0


class Connection:
    """A connection of the driver, and its cursor."""

    encoders: dict[Any, Any] = {}
    rowcount = 1
    _result = None

    def __init__(self, host: Host) -> None:
        self.host = host
        self.sql = ""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None: ...

    def cursor(self) -> Connection:
        return self

    def autocommit(self, *_: object) -> None: ...
    def close(self) -> None: ...

    def execute(self, sql: str, _: object = None) -> int:
        self.sql = sql
        if self.host.hangs_up:
            raise pymysql.OperationalError(2006, "MySQL server has gone away")
        if sql == QUERY:
            self.host.queries += 1
            if self.host.fails:
                code, *text = self.host.fails.pop(0)
                errors = pymysql.InterfaceError, pymysql.OperationalError
                raise errors[bool(code)](code, *text)
        return 1

    def fetchone(self) -> tuple[object, ...]:
        return (self.host.read_only,) if self.sql == base.READ_ONLY else DATA

    def fetchall(self) -> list[tuple[str]]:
        return [(self.host.name,)]


class Cluster:
    """Hosts by name, and a connection to them as pciops configures it."""

    def __init__(self) -> None:
        self.hosts = {name: Host(name) for name in ("one", "two", "three")}

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def connect(self, params: dict[str, Any]) -> Connection:
        """Stand in for Django's `get_new_connection`."""
        host = self.hosts[params["host"]]
        host.connections += 1
        if host.refuses:
            raise pymysql.OperationalError(*host.refuses)
        return Connection(host)


Connect = Callable[..., DatabaseWrapper]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Hosts that all answer, and none of which has failed before."""
    cluster = Cluster()
    connect = lambda _, params: cluster.connect(params)  # noqa: E731 (a method needs `self`)
    monkeypatch.setattr(django_backend.DatabaseWrapper, "get_new_connection", connect)
    monkeypatch.setattr(base, "_avoided", {})
    return cluster


@pytest.fixture
def connection(cluster: Cluster, django_db_blocker: DjangoDbBlocker) -> Iterator[Connect]:
    """A function that returns a connection to some of the hosts."""

    def connect(*names: str, reads_only: bool = True, primary: bool = False) -> DatabaseWrapper:
        hosts = [(name, 3306) for name in names or cluster.hosts]
        settings: dict[str, Any] = {"HOST": hosts[0][0], "PORT": "", "HOSTS": hosts}
        settings |= {"READS_ONLY": reads_only, "PRIMARY": primary}
        return DatabaseWrapper({**connections["keystone"].settings_dict, **settings}, "keystone")

    with django_db_blocker.unblock():
        yield connect


def answering(connection: DatabaseWrapper) -> str:
    """Return the host that answers a query."""
    with connection.cursor() as cursor:
        cursor.execute(QUERY)
        [(name,)] = cursor.fetchall()
        return str(name)


# --- The first that answers ---------------------------------------------------------------------
def test_the_first_host_answers(cluster: Cluster, connection: Connect) -> None:
    assert answering(connection()) == "one"
    assert (cluster["two"].connections, cluster["three"].connections) == (0, 0)


@pytest.mark.parametrize(
    "error",
    [
        (2003, "Can't connect"),
        (1040, "Too many connections"),
        (1045, "Access denied for user"),
        NOT_READY,
    ],
)
def test_a_host_that_refuses_connections_is_left_out(
    cluster: Cluster, connection: Connect, error: tuple[Any, ...]
) -> None:
    cluster["one"].refuses = error

    assert answering(connection()) == "two"


def test_a_host_that_failed_comes_last_for_thirty_seconds(
    cluster: Cluster, connection: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("pciops.keystone.mysql.base.time.monotonic", lambda: now)
    cluster["one"].refuses = (2003, "Can't connect")
    answering(connection())
    cluster["one"].refuses = ()

    now += 29.9
    assert answering(connection()) == "two"
    assert answering(connection("one")) == "one"  # there is no other
    now += 0.2
    assert answering(connection()) == "one"


def test_error_names_every_host(cluster: Cluster, connection: Connect) -> None:
    for host in cluster.hosts.values():
        host.refuses = (2003, f"Can't connect to {host.name}")
    with pytest.raises(OperationalError) as raised:
        answering(connection())

    assert raised.value.args == (
        2003,
        "None of the hosts answers. one:3306: Can't connect to one; two:3306: Can't connect to "
        "two; three:3306: Can't connect to three",
    )


def test_error_of_a_single_host_is_the_drivers(cluster: Cluster, connection: Connect) -> None:
    cluster["one"].refuses = (1045, "Access denied for user")
    with pytest.raises(OperationalError) as raised:
        answering(connection("one"))

    assert raised.value.args == (1045, "Access denied for user")


def test_a_host_that_accepts_and_says_nothing_is_left_after_the_connect_timeout() -> None:
    begun = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = ("127.0.0.1", silent.getsockname()[1])
        wrapper = DatabaseWrapper({"HOST": host[0], "PORT": host[1]}, "keystone")
        with pytest.raises(pymysql.OperationalError, match="timed out"):
            wrapper.connect_to(host, {"connect_timeout": 0.05, "read_timeout": 20})

    assert time.monotonic() - begun < 10


# --- A host that goes away in the middle --------------------------------------------------------
@pytest.mark.parametrize(
    "error",
    [
        (0, ""),
        (1053, "Server shutdown in progress"),
        (1927, "Connection was killed"),
        (2006, "MySQL server has gone away"),
        (2013, "Lost connection to MySQL server during query (timed out)"),
        NOT_READY,
    ],
    ids=lambda error: str(error[0]),
)
def test_a_read_is_repeated_on_the_next_host(
    cluster: Cluster, connection: Connect, error: tuple[Any, ...]
) -> None:
    reading = connection()
    answering(reading)
    cluster["one"].fails = [error]

    assert answering(reading) == "two"
    assert answering(reading) == "two"
    assert answering(connection()) == "two"


def test_a_read_is_repeated_on_each_host_once(cluster: Cluster, connection: Connect) -> None:
    for host in cluster.hosts.values():
        host.fails = [(2013, "Lost connection")]
    reading = connection()
    with pytest.raises(OperationalError, match="Lost connection"):
        answering(reading)

    assert [host.queries for host in cluster.hosts.values()] == [1, 1, 1]


def test_a_single_host_is_asked_twice(cluster: Cluster, connection: Connect) -> None:
    cluster["one"].fails = [(2006, "MySQL server has gone away")]

    assert answering(connection("one")) == "one"
    assert (cluster["one"].connections, cluster["one"].queries) == (2, 2)


def test_hosts_that_hang_up_at_once_are_not_tried_for_ever(
    cluster: Cluster, connection: Connect
) -> None:
    reading = connection()
    answering(reading)
    for host in cluster.hosts.values():
        host.hangs_up = True
    with pytest.raises(OperationalError, match="one:3306 stopped answering during the request"):
        answering(reading)

    assert sum(host.connections for host in cluster.hosts.values()) == 2


def test_error_says_that_the_host_went_away_in_the_middle(
    cluster: Cluster, connection: Connect
) -> None:
    reading = connection("one", "two")
    answering(reading)
    cluster["one"].fails = [(2013, "Lost connection")]
    for name in ("one", "two"):
        cluster[name].refuses = (2003, "Can't connect")
    with pytest.raises(OperationalError) as raised:
        answering(reading)

    assert str(raised.value.args[1]).startswith(
        "one:3306 stopped answering during the request (Lost connection). "
        "None of the hosts answers. two:3306: "
    )


@pytest.mark.parametrize(
    "error",
    [(1142, "SELECT command denied"), (1969, "max_statement_time exceeded"), (1317, "interrupted")],
    ids=lambda error: str(error[0]),
)
def test_other_errors_are_not_repeated(
    cluster: Cluster, connection: Connect, error: tuple[Any, ...]
) -> None:
    cluster["one"].fails = [error]
    with pytest.raises(DatabaseError):
        answering(connection())

    assert (cluster["one"].queries, cluster["two"].queries) == (1, 0)


def test_a_read_within_a_transaction_is_not_repeated(cluster: Cluster, connection: Connect) -> None:
    reading = connection()
    cluster["one"].fails = [(2013, "Lost connection")]
    reading.ensure_connection()
    reading.in_atomic_block = True
    with pytest.raises(OperationalError):
        answering(reading)

    assert cluster["two"].queries == 0


# --- Writes -------------------------------------------------------------------------------------
def test_a_write_that_was_lost_is_not_repeated(cluster: Cluster, connection: Connect) -> None:
    cluster["one"].fails = [(2013, "Lost connection")]
    with pytest.raises(OperationalError):
        answering(connection(reads_only=False))

    assert cluster["two"].queries == 0


@pytest.mark.parametrize(
    "error", [NOT_READY, (1290, "running with the --read-only option")], ids=["wsrep", "read_only"]
)
def test_a_write_that_was_refused_goes_to_the_next_host(
    cluster: Cluster, connection: Connect, error: tuple[Any, ...]
) -> None:
    cluster["one"].fails = [error]

    assert answering(connection(reads_only=False)) == "two"


@pytest.mark.parametrize("read_only", [1, "ON", "NO_LOCK"])
def test_a_replica_is_left_out_where_a_primary_is_needed(
    cluster: Cluster, connection: Connect, read_only: object
) -> None:
    cluster["one"].read_only = read_only

    assert answering(connection(primary=True)) == "two"
    assert answering(connection()) == "one"


@pytest.mark.parametrize("read_only", [0, "OFF"])
def test_a_host_that_can_be_written_is_a_primary(
    cluster: Cluster, connection: Connect, read_only: object
) -> None:
    cluster["one"].read_only = read_only

    assert answering(connection(primary=True)) == "one"


def test_error_without_a_primary_says_what_to_do(cluster: Cluster, connection: Connect) -> None:
    cluster["one"].refuses = (2003, "Can't connect")
    cluster["two"].read_only = 1
    with pytest.raises(OperationalError) as raised:
        answering(connection("one", "two", primary=True))

    assert raised.value.args[1] == (
        "No host accepts writes. one:3306: Can't connect; two:3306: read_only, as a replica is."
        " Name the primary in PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL"
    )


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (FIELD_TYPE.DATETIME, "2026-11-30 12:00:00"),
        (FIELD_TYPE.DATETIME, "2026-11-30 12:00:00.250000"),
        (FIELD_TYPE.DATETIME, "9999-12-31 23:59:59.999999"),
        (FIELD_TYPE.DATETIME, "0000-00-00 00:00:00"),
        (FIELD_TYPE.DATETIME, "2026-02-31 00:00:00"),
        (FIELD_TYPE.TIMESTAMP, "1970-01-01 00:00:01"),
        (FIELD_TYPE.DATE, "2026-11-30"),
        (FIELD_TYPE.DATE, "0000-00-00"),
        (FIELD_TYPE.DATE, "2026-02-31"),
    ],
)
def test_times_are_converted_as_the_driver_does(field: int, text: str) -> None:
    assert base.CONVERSIONS[field](text) == conversions[field](text)
