"""Tests of the facts about each host of Keystone's database, with answers that are faked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pymysql
import pytest

from pciops.keystone import doctor, hosts
from pciops.keystone.hosts import HostFacts
from pciops.keystone.mysql import base
from pciops.keystone.mysql.base import DatabaseWrapper

HOST = ("db1", 3306)
DENIED = pymysql.OperationalError(1227, "you need the SLAVE MONITOR privilege")
UNKNOWN = pymysql.OperationalError(1193, "Unknown system variable")
NO_SYNTAX = pymysql.ProgrammingError(1064, "You have an error in your SQL syntax")
WSREP = "SHOW GLOBAL STATUS LIKE 'wsrep_%'"
GALERA = {
    "wsrep_cluster_size": "3",
    "wsrep_cluster_status": "Primary",
    "wsrep_local_recv_queue": "0",
    "wsrep_local_state_comment": "Synced",
    "wsrep_provider_name": "Galera",
    "wsrep_ready": "ON",
}
ALONE = {"wsrep_provider_name": "", "wsrep_ready": "OFF"}  # any MariaDB without a cluster


def status(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"Variable_name": name, "Value": value} for name, value in values.items()]


class Connection:
    """A connection of the driver, and its cursor, with an answer or an error for each statement."""

    def __init__(self, version: str, answers: dict[str, Any]) -> None:
        self.version = version
        self.answers = {
            base.READ_ONLY: [(0,)],
            WSREP: status(ALONE),
            "SHOW REPLICA STATUS": DENIED,
            **answers,
        }
        self.rows: list[Any] = []

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None: ...
    def close(self) -> None: ...

    def cursor(self, *_: object) -> Connection:
        return self

    def get_server_info(self) -> str:
        return self.version

    def execute(self, sql: str) -> None:
        answer = self.answers[sql]
        if isinstance(answer, Exception):
            raise answer
        self.rows = answer

    def fetchone(self) -> Any:
        return self.rows[0]

    def fetchall(self) -> list[Any]:
        return self.rows


class Wrapper(DatabaseWrapper):
    """A connection of ours whose host is faked."""

    def __init__(self, host: Connection | Exception) -> None:
        super().__init__({"HOST": "db1", "PORT": "", "OPTIONS": {}}, "keystone")
        self.answer = host

    def get_connection_params(self) -> dict[str, Any]:
        return {}

    def connect_to(self, host: base.Host, conn_params: dict[str, Any]) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def facts(answers: dict[str, Any], version: str = "11.4.2-MariaDB-deb12") -> HostFacts:
    return hosts.look_at(Wrapper(Connection(version, answers)), HOST)


REPLICA = {base.READ_ONLY: [(1,)]}


@pytest.mark.parametrize(
    ("version", "answers", "expected"),
    [
        ("11.4.2-MariaDB-deb12", {}, "MariaDB 11.4.2, accepts writes"),
        ("5.5.5-10.5.29-MariaDB", {}, "MariaDB 10.5.29, accepts writes"),
        ("8.0.41", {WSREP: []}, "MySQL 8.0.41, accepts writes"),
        (
            "10.11.6-MariaDB",
            {WSREP: status(GALERA)},
            "MariaDB 10.11.6, accepts writes, Galera: Synced in a Primary cluster of 3, 0 write"
            " sets to apply",
        ),
        (
            "10.11.6-MariaDB",
            {base.READ_ONLY: UNKNOWN, WSREP: UNKNOWN},
            "MariaDB 10.11.6, read_only unknown, state in a Galera cluster unknown",
        ),
        (
            "10.11.6-MariaDB",
            REPLICA,
            "MariaDB 10.11.6, read-only, its delay is unknown (you need the SLAVE"
            " MONITOR privilege)",
        ),
        (
            "10.11.6-MariaDB",
            {**REPLICA, "SHOW REPLICA STATUS": [{"Seconds_Behind_Master": 7}]},
            "MariaDB 10.11.6, read-only, 7 s behind its primary",
        ),
        (
            "8.0.41",
            {**REPLICA, WSREP: [], "SHOW REPLICA STATUS": [{"Seconds_Behind_Source": 0}]},
            "MySQL 8.0.41, read-only, 0 s behind its primary",
        ),
        (
            "10.4.34-MariaDB",
            {
                **REPLICA,
                "SHOW REPLICA STATUS": NO_SYNTAX,
                "SHOW SLAVE STATUS": [{"Seconds_Behind_Master": 7}],
            },
            "MariaDB 10.4.34, read-only, 7 s behind its primary",
        ),
        (
            "10.11.6-MariaDB",
            {**REPLICA, "SHOW REPLICA STATUS": [{"Seconds_Behind_Master": None}]},
            "MariaDB 10.11.6, read-only, its delay is unknown (its replication is stopped)",
        ),
        (
            "10.11.6-MariaDB",
            {**REPLICA, "SHOW REPLICA STATUS": []},
            "MariaDB 10.11.6, read-only, its delay is unknown (it replicates from no primary)",
        ),
    ],
)
def test_facts_are_what_the_login_may_see(
    version: str, answers: dict[str, Any], expected: str
) -> None:
    assert str(facts(answers, version)) == expected


@pytest.mark.parametrize(
    ("answers", "level", "term"),
    [
        ({}, "ok", "accepts writes"),
        ({WSREP: status(GALERA)}, "ok", "Synced"),
        ({WSREP: status({**GALERA, "wsrep_ready": "OFF"})}, "warning", "Galera"),
        (REPLICA, "warning", "unknown"),
        ({**REPLICA, "SHOW REPLICA STATUS": [{"Seconds_Behind_Master": 60}]}, "ok", "60 s"),
        ({**REPLICA, "SHOW REPLICA STATUS": [{"Seconds_Behind_Master": 61}]}, "warning", "61 s"),
    ],
)
def test_finding_about_a_host(answers: dict[str, Any], level: str, term: str) -> None:
    finding = doctor.of_host(facts(answers), answers=True)

    assert finding.level == level
    assert finding.sentence.startswith("db1:3306: ")
    assert term in finding.sentence
    assert finding.sentence.endswith("Pages come from it.")
    assert bool(finding.remedy) is (level == "warning")


def test_host_that_does_not_answer_is_a_warning() -> None:
    down = hosts.look_at(Wrapper(pymysql.OperationalError(2003, "Can't connect")), HOST)
    finding = doctor.of_host(down, answers=False)

    assert (finding.level, finding.sentence) == (
        "warning",
        "db1:3306 does not answer: Can't connect.",
    )


def test_lag_is_never_zero_where_it_is_unknown() -> None:
    assert facts(REPLICA).lag is None
    assert facts({**REPLICA, "SHOW REPLICA STATUS": [{"Seconds_Behind_Master": 0}]}).lag == (
        timedelta(0)
    )
