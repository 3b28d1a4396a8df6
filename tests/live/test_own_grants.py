"""The run-time login of `grants --ours` does all work of pciops, and cannot change evidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest

from tests.support.cloud import Cloud, Person
from tests.support.mariadb import MariaDB
from tests.support.postgresql import PostgreSQL
from tests.support.site import Result, Site, manage
from tests.support.visitor import text_of

EVERY_JOB = """
from pciops.celery import app
app.loader.import_default_modules()
for entry in app.conf.beat_schedule.values():
    app.tasks[entry["task"]]()
"""
OLD_ROW = """
import time_machine
from datetime import datetime, timezone
from pciops.audit.models import Event
from pciops.audit.services import PCIOPS, record
now = datetime(2020, 1, 1, tzinfo=timezone.utc)
with time_machine.travel(now):
    record(Event.Action.START, Event.Outcome.SUCCESS, initiator=PCIOPS, resource="old", now=now)
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server with an empty database `least`, and a login that owns it and one that will not.

    Attributes:
        owner: The URL of the database for the login that runs migrate.
        run_time: The URL for the site and the worker.
        execute: Runs SQL in the database as the server's administrator, and returns the rows.
    """

    owner: str
    run_time: str
    execute: Callable[[str], list[tuple[object, ...]]]


@contextmanager
def on_mariadb(mariadb: MariaDB) -> Iterator[Server]:
    """Make the database and the logins on MariaDB."""
    owner = mariadb.create_database("least", password="migrates")
    mariadb.execute("CREATE USER 'least-runs'@'%' IDENTIFIED BY 'runs'")
    yield Server(
        owner=owner,
        run_time=mariadb.url("least", user="least-runs", password="runs"),
        execute=lambda sql: [tuple(row.values()) for row in mariadb.execute(sql, database="least")],
    )
    mariadb.execute("DROP USER 'least-runs'@'%'")


def on_postgresql(postgres: PostgreSQL) -> Server:
    """Make the database and the logins on PostgreSQL."""
    postgres.execute('CREATE ROLE least LOGIN; CREATE ROLE "least-runs" LOGIN;')
    postgres.execute("CREATE DATABASE least OWNER least")
    return Server(
        owner=postgres.url("least", user="least"),
        run_time=postgres.url("least", user="least-runs"),
        execute=partial(postgres.execute, database="least"),
    )


@pytest.fixture(scope="module", params=["mariadb", "postgresql"])
def server(request: pytest.FixtureRequest, mariadb: MariaDB) -> Iterator[Server]:
    """Each kind of server."""
    if request.param == "mariadb":
        with on_mariadb(mariadb) as server:
            yield server
    else:
        yield on_postgresql(request.getfixturevalue("postgres"))


@pytest.fixture(scope="module")
def least(site: Site, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Another dashboard, whose login has the rights that `grants --ours` gives."""
    least = Site(
        folder=tmp_path_factory.mktemp("least"),
        settings={**site.settings, "PCIOPS_DATABASE_URL": server.run_time},
        keystone_api=site.keystone_api,
        keystone_database=site.keystone_database,
    )
    migrates = {**least.environment, "PCIOPS_DATABASE_URL": server.owner}
    for command in (["migrate", "-v0"], ["shell", "-v0", "-c", OLD_ROW]):
        done = manage(migrates, *command)
        assert done.code == 0, done.stderr
    sql = manage(migrates, "grants", "--ours", "--database", "least", "--user", "least-runs")
    assert sql.code == 0, sql.stderr
    server.execute(sql.stdout)
    with least:
        yield least
    assert "Traceback" not in least.logs()


def verified(least: Site) -> Result:
    """Run the integrity check."""
    return least.manage("verify_audit")


def connection_to(url: str) -> Any:
    """Connect to one of our databases with the login of its URL."""
    parts = urlsplit(url)
    if parts.scheme == "postgresql":
        return psycopg.connect(url)
    return pymysql.connect(
        host=parts.hostname or "",
        port=parts.port or 0,
        user=parts.username,
        password=parts.password or "",
        database=parts.path[1:],
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET reason = 'x'",
        "UPDATE audit_event SET initiator_name = 'x'",
        "DELETE FROM audit_event",
        "DELETE FROM audit_chainhead",
        "DELETE FROM audit_check",
        "UPDATE audit_check SET problem = ''",
        "UPDATE audit_anchor SET hash = 'x'",
        "DELETE FROM audit_anchor",
        "UPDATE audit_stub SET count = 0",
        "DELETE FROM audit_timestamp",
        "UPDATE reports_storedreport SET week = 'x'",
        "DELETE FROM reports_storedreport",
        "DELETE FROM reports_signoff",
        "TRUNCATE TABLE audit_event",
        "DROP TABLE audit_event",
        "ALTER TABLE audit_event ADD COLUMN x int",
        "CREATE TABLE x (id int)",
        "DELETE FROM django_migrations",
    ],
)
def test_the_login_cannot_change_evidence(least: Site, server: Server, statement: str) -> None:
    connection = connection_to(server.run_time)
    errors = (pymysql.MySQLError, psycopg.Error)
    with closing(connection), connection.cursor() as cursor, pytest.raises(errors) as refused:
        cursor.execute(statement)

    assert re.search("denied|must be owner", str(refused.value))


def test_the_site_signs_in_and_unlocks_with_it(least: Site, cloud: Cloud, operator: Person) -> None:
    locked = cloud.create_locked()
    visitor = least.visitor()
    visitor.sign_in(operator)

    visitor.unlock(locked, reason="INC-1: a new phone")

    assert cloud.sign_in(locked)
    assert "INC-1" in text_of(visitor.get("/audit/"))
    assert verified(least).code == 0


def test_every_job_of_the_timetable_runs_with_it(least: Site, server: Server) -> None:
    done = least.manage("shell", "-v0", "-c", EVERY_JOB)

    assert done.code == 0, done.stderr
    errors = [line for line in done.stderr.splitlines() if " ERROR " in line]
    assert ["prune_evidence" in line for line in errors] == [True], done.stderr
    assert "does not answer" not in done.stderr
    assert server.execute("SELECT position FROM audit_anchor")
    assert verified(least).code == 0


def test_only_the_other_login_prunes(least: Site, server: Server) -> None:
    refused = least.manage("prune_evidence")
    pruned = least.manage("prune_evidence", PCIOPS_DATABASE_URL=server.owner)

    assert refused.code == 1
    assert "the login that runs migrate" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert pruned.code == 0, pruned.stderr
    assert "Pruned 1 row" in pruned.stdout
    assert verified(least).code == 0
