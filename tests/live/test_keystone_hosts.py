"""Keystone's database on two servers: pages come from the first that answers."""

from __future__ import annotations

import contextlib
import json
import re
import runpy
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import OperationalError, connections
from pytest_django.plugin import DjangoDbBlocker

from pciops.keystone.mysql import base
from pciops.keystone.mysql.base import DatabaseWrapper
from tests.support.cloud import Cloud, Person
from tests.support.mariadb import MariaDB
from tests.support.processes import ROOT, program
from tests.support.proxy import TcpProxy
from tests.support.site import READER, READERS_PASSWORD, Site
from tests.support.visitor import Visitor, text_of

LOCKED = "/accounts/?state=locked&q=of-hosts"
FRESH = {"Cache-Control": "no-cache"}  # not what another request has just read


@pytest.fixture(scope="module")
def accounts(cloud: Cloud) -> list[Person]:
    """Two locked accounts."""
    return [cloud.create_locked("of-hosts"), cloud.create_locked("of-hosts")]


@pytest.fixture(scope="module")
def copy(mariadb: MariaDB, site: Site, accounts: list[Person]) -> Iterator[MariaDB]:
    """A second server with Keystone's tables and our login: a replica that does not follow."""
    dump = program("mariadb-dump", package="mariadb-client")
    tables = [dump, f"--socket={mariadb.socket}", "--user=root", "--databases", "keystone"]
    with MariaDB() as server:
        sql = subprocess.run(tables, check=True, capture_output=True, text=True).stdout
        client = [program("mariadb", package="mariadb-client"), f"--socket={server.socket}"]
        subprocess.run([*client, "--user=root"], input=sql, check=True, text=True)
        site.grant(server)
        server.execute("SET GLOBAL read_only = 1")
        yield server


@dataclass(frozen=True)
class Hosts:
    """A site that knows both servers, through proxies that a test can take down."""

    site: Site
    first: TcpProxy
    second: TcpProxy
    visitor: Visitor

    def url(self, proxy: TcpProxy) -> str:
        """Return the URL of one host."""
        both = self.site.settings["PCIOPS_KEYSTONE_DATABASE_URL"]
        login, _, hosts = both.rpartition("@")
        return f"{login}@{self.name(proxy)}/{hosts.partition('/')[2]}"

    def name(self, proxy: TcpProxy) -> str:
        """Return a host as errors have it."""
        return f"127.0.0.1:{proxy.port}"


@pytest.fixture(scope="module")
def hosts(
    site: Site,
    mariadb: MariaDB,
    tables: bytes,
    copy: MariaDB,
    operator: Person,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Hosts]:
    with TcpProxy(mariadb.port) as first, TcpProxy(copy.port) as second:
        one = mariadb.url("keystone", user=READER, password=READERS_PASSWORD, port=first.port)
        both = one.replace(f":{first.port}/", f":{first.port},127.0.0.1:{second.port}/")
        ours = Site(
            folder=tmp_path_factory.mktemp("hosts"),
            settings={
                **site.settings,
                "PCIOPS_DATABASE_URL": mariadb.create_database(
                    "hosts", password="ours", tables=tables
                ),
                "PCIOPS_KEYSTONE_DATABASE_URL": both,
            },
            keystone_api=site.keystone_api,
            keystone_database=first,
        )
        with ours:
            visitor = ours.visitor()
            visitor.sign_in(operator)
            yield Hosts(ours, first, second, visitor)
        assert "Traceback" not in ours.logs()


# --- Pages and the API --------------------------------------------------------------------------
def test_the_next_page_comes_from_the_second_host_if_the_first_went_away(
    hosts: Hosts, cloud: Cloud, accounts: list[Person]
) -> None:
    headers = {**FRESH, "X-Auth-Token": cloud.token(cloud.create_operator())}
    first_page = hosts.visitor.get("/api/v1/accounts?q=of-hosts&sort=name&limit=1", **headers)
    with hosts.first.down():
        second_page = hosts.visitor.get(first_page.json()["links"]["next"], **headers)
        page = hosts.visitor.get(LOCKED, **FRESH)

    names = [answer.json()["accounts"][0]["name"] for answer in (first_page, second_page)]
    assert names == sorted(account.name for account in accounts)
    assert page.status_code == 200
    assert accounts[0].name in text_of(page)


def test_a_page_reports_the_outage_of_both_hosts_and_ends_with_it(hosts: Hosts) -> None:
    with hosts.first.down(), hosts.second.down():
        page = hosts.visitor.get(LOCKED, **FRESH)
    again = hosts.visitor.get(LOCKED, **FRESH)

    assert (page.status_code, again.status_code) == (503, 200)
    for proxy in (hosts.first, hosts.second):
        assert f"{hosts.name(proxy)}: Can't connect" in text_of(page)


# --- Acts ---------------------------------------------------------------------------------------
def test_an_unlock_is_decided_and_done_on_the_primary(hosts: Hosts, cloud: Cloud) -> None:
    locked = cloud.create_locked("of-hosts")  # the replica does not have it
    done = hosts.site.manage(
        *("unlock", locked.name, "--reason", "Called back"),
        PCIOPS_KEYSTONE_DATABASE_URL=hosts.url(hosts.second),
        PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL=hosts.url(hosts.first),
    )

    assert done.code == 0, done.stderr
    assert cloud.sign_in(locked)


def test_an_unlock_without_a_primary_is_refused_with_what_to_do(
    hosts: Hosts, cloud: Cloud, accounts: list[Person]
) -> None:
    page = hosts.visitor.get(f"/accounts/{accounts[0].id}/unlock/")
    form = hosts.visitor.form(page, "reason")
    with hosts.first.down():
        refused = hosts.visitor.send(form, reason="Called back", identity="callback")

    assert refused.status_code == 503
    assert f"{hosts.name(hosts.second)}: read_only" in text_of(refused)
    assert "Name the primary in PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL" in text_of(refused)
    assert not cloud.sign_in(accounts[0])


# --- The doctor ---------------------------------------------------------------------------------
def findings(hosts: Hosts) -> list[tuple[str, str]]:
    """Return level and sentence about each host."""
    done = hosts.site.manage("doctor", "--format", "json")
    return [
        (finding["level"], finding["finding"])
        for finding in json.loads(done.stdout)["findings"]
        if finding["check"] == "hosts of Keystone's database"
    ]


def test_the_doctor_tells_the_state_of_each_host(hosts: Hosts) -> None:
    first, second = findings(hosts)
    with hosts.first.down():
        away, answering = findings(hosts)

    name = re.escape(hosts.name(hosts.first))
    writable = rf"{name}: MariaDB [\d.]+, accepts writes\. Pages come from it\."
    assert first[0] == "ok"
    assert re.fullmatch(writable, first[1])
    for level, sentence in (second, answering):
        assert level == "warning"
        assert "read-only, its delay is unknown (Access denied" in sentence
    assert away[0] == "warning"
    assert away[1].startswith(f"{hosts.name(hosts.first)} does not answer: ")
    assert answering[1].endswith("Pages come from it.")


# --- In the middle of a page --------------------------------------------------------------------
@pytest.fixture
def reading(
    hosts: Hosts, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DatabaseWrapper]:
    """The connection of one page, which is not checked between two statements."""
    monkeypatch.setattr(base, "_avoided", {})
    monkeypatch.setenv(
        "PCIOPS_KEYSTONE_DATABASE_URL", hosts.site.settings["PCIOPS_KEYSTONE_DATABASE_URL"]
    )
    config = runpy.run_path(str(ROOT / "pciops" / "settings.py"))["DATABASES"]["keystone"]
    config["OPTIONS"]["connect_timeout"] = 1
    wrapper = DatabaseWrapper({**connections["keystone"].settings_dict, **config}, "keystone")
    with django_db_blocker.unblock(), contextlib.closing(wrapper):
        yield wrapper


def port_of(wrapper: DatabaseWrapper, sql: str = "SELECT @@port FROM project LIMIT 1") -> int:
    """Return the port of the server that answers."""
    with wrapper.cursor() as cursor:
        cursor.execute(sql)
        [(port,)] = cursor.fetchall()
        return int(port)


def test_the_rest_of_a_page_is_read_from_the_second_host(
    reading: DatabaseWrapper, hosts: Hosts, mariadb: MariaDB, copy: MariaDB
) -> None:
    assert port_of(reading) == mariadb.port
    with hosts.first.down():
        assert port_of(reading) == copy.port

    assert port_of(reading) == copy.port


def test_error_says_that_the_connection_was_lost_in_the_middle(
    reading: DatabaseWrapper, hosts: Hosts
) -> None:
    port_of(reading)
    with (
        hosts.first.down(),
        hosts.second.down(),
        pytest.raises(
            OperationalError,
            match=f"{hosts.name(hosts.first)} stopped answering during the request",
        ),
    ):
        port_of(reading)


def test_a_statement_may_take_longer_than_a_connection(
    reading: DatabaseWrapper, mariadb: MariaDB
) -> None:
    assert port_of(reading, "SELECT @@port + SLEEP(1.5)") == mariadb.port
