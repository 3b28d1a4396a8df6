"""pciops on a real Galera cluster: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import dj_database_url
import pymysql
import pytest
import requests
from django.db import connections
from django.db.backends.mysql.base import DatabaseWrapper
from pytest_django.plugin import DjangoDbBlocker

from pciops.demo.keystone import Keystone
from pciops.keystone import hosts
from pciops.keystone.mysql.base import DatabaseWrapper as SeveralHosts
from pciops.lib.galera import wait_for_writes
from tests.support.cloud import ATTEMPTS, Cloud, keystone_on
from tests.support.galera import GaleraNode, galera
from tests.support.processes import ROOT, wait_until
from tests.support.proxy import TcpProxy
from tests.support.site import READER, READERS_PASSWORD, Site, environment, manage

PROCESSES, ROWS = 6, 100
CROWD = 50


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[GaleraNode]]:
    """A cluster of three nodes."""
    with galera() as nodes:
        yield nodes


def url(database: str, port: int) -> str:
    """Return the URL of one of our databases at a node or a proxy."""
    return f"mysql://{database}:ours@127.0.0.1:{port}/{database}"


def environment_of(folder: Path, port: int) -> dict[str, str]:
    """Return the environment of a pciops that only writes its audit log."""
    settings = {
        "DJANGO_SETTINGS_MODULE": "pciops.settings",
        "OS_AUTH_URL": "http://127.0.0.1:9/v3",
        "PCIOPS_DATABASE_URL": url("galera", port),
        "PCIOPS_KEYSTONE_DATABASE_URL": f"sqlite:///{folder / 'none'}",
        "PCIOPS_LOG_LEVEL": "WARNING",
        "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS": "6",
    }
    return environment(folder, settings)


def writer(name: str, env: dict[str, str]) -> subprocess.Popen[str]:
    """Start a process that writes rows of the audit log."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.audit_writer", name, str(ROWS)],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_all_rows_of_six_processes_on_three_nodes_are_written_though_one_node_is_killed(
    nodes: list[GaleraNode], tmp_path: Path
) -> None:
    """The two processes on the node that is killed go on through another, as behind HAProxy."""
    nodes[0].create_database("galera", password="ours")
    env = environment_of(tmp_path, nodes[0].port)
    migrated = manage(env, "migrate", "-v0")
    assert migrated.code == 0, migrated.stderr

    def written() -> int:
        [row] = nodes[0].execute("SELECT COUNT(*) AS number FROM audit_event", database="galera")
        return int(row["number"])

    with TcpProxy(nodes[2].port) as proxy:
        ports = (nodes[0].port, nodes[1].port, proxy.port)
        writers = [
            writer(f"w{number}", environment_of(tmp_path, ports[number % 3]))
            for number in range(PROCESSES)
        ]
        wait_until(lambda: written() > PROCESSES * ROWS // 4, "a quarter is written")
        nodes[2].kill()
        proxy.target = nodes[1].port
        nodes[2].start()
        ends = [process.communicate(timeout=240) for process in writers]
    errors = [error for _, error in ends]
    rows = nodes[2].execute(
        "SELECT resource, COUNT(*) AS number, COUNT(DISTINCT remark) AS remarks FROM audit_event"
        " WHERE action = 'start/process' GROUP BY resource",
        database="galera",
    )
    verified = manage(env, "verify_audit")

    assert [process.returncode for process in writers] == [0] * PROCESSES, "\n".join(errors)
    sys.stdout.write(f"rows: {written()}; repeated: {[int(output) for output, _ in ends]}\n")
    assert [(row["number"], row["remarks"]) for row in rows] == [(ROWS, ROWS)] * PROCESSES
    assert verified.code == 0, verified.stdout + verified.stderr


@pytest.fixture(scope="module")
def own_keystone(
    nodes: list[GaleraNode], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Keystone]:
    """A Keystone whose database is on the cluster."""
    policy = {"lockout_failure_attempts": ATTEMPTS, "lockout_duration": 1800}
    folder = tmp_path_factory.mktemp("keystone")
    with keystone_on(nodes[0], "keystone", folder, security_compliance=policy) as keystone:
        yield keystone


@pytest.fixture(scope="module")
def sites(
    nodes: list[GaleraNode], own_keystone: Keystone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Site]]:
    """Two dashboards of one cloud, each with both databases on a node of its own."""
    nodes[0].create_database("sites", password="ours")
    key = tmp_path_factory.mktemp("evidence") / "evidence_key"
    with ExitStack() as stack:
        sites: list[Site] = []
        for node in nodes[:2]:
            site = Site(
                folder=tmp_path_factory.mktemp("site"),
                settings={
                    "OS_AUTH_URL": own_keystone.url,
                    "PCIOPS_DATABASE_URL": url("sites", node.port),
                    "PCIOPS_EVIDENCE_KEY_FILE": str(key),
                    "PCIOPS_KEYSTONE_CONF": str(own_keystone.conf),
                    "PCIOPS_KEYSTONE_DATABASE_URL": node.url(
                        "keystone", user=READER, password=READERS_PASSWORD
                    ),
                    "PCIOPS_OPERATOR_UNLOCKS_PER_HOUR": "100000",
                },
                keystone_api=TcpProxy(0),  # neither is started
                keystone_database=TcpProxy(0),
            )
            if not sites:
                site.grant(node)
            sites.append(stack.enter_context(site))
        yield sites
    for site in sites:
        assert "Traceback" not in site.logs()


def test_of_fifty_unlocks_at_once_on_two_nodes_one_succeeds_and_each_is_in_the_audit_log(
    sites: list[Site], own_keystone: Keystone, nodes: list[GaleraNode]
) -> None:
    cloud = Cloud(own_keystone, nodes[0])
    locked = cloud.create_locked()
    headers = {"X-Auth-Token": cloud.token(cloud.create_operator())}

    def unlock(number: int) -> int:
        body = {"reason": f"Caller {number}", "identity": "callback"}
        site = sites[number % 2]
        path = f"{site.url}/api/v1/accounts/{locked.id}/unlock"
        return requests.post(path, headers=headers, json=body, timeout=120).status_code

    with ThreadPoolExecutor(CROWD) as crowd:
        codes = Counter(crowd.map(unlock, range(CROWD)))
    query = {"account": locked.id, "limit": "1000"}
    page = requests.get(f"{sites[1].url}/api/v1/audit", query, headers=headers, timeout=60)

    assert codes == {200: 1, 409: CROWD - 1}
    rows = page.json()["events"]
    assert Counter(row["outcome"] for row in rows) == {"success": 1, "failure": CROWD - 1}
    assert {row["reason"] for row in rows} == {f"Caller {n}" for n in range(CROWD)}
    repeated = [site.logs().count("repeating a transaction") for site in sites]
    sys.stdout.write(f"unlocks: {dict(codes)}; repeated: {repeated}\n")
    assert sites[0].manage("verify_audit").code == 0
    assert cloud.sign_in(locked)


def test_a_read_waits_for_what_was_written_on_another_node(
    nodes: list[GaleraNode], django_db_blocker: DjangoDbBlocker
) -> None:
    nodes[0].create_database("waits", password="ours")
    nodes[0].execute("CREATE TABLE acts (id INT PRIMARY KEY)", database="waits")
    settings = {**dj_database_url.parse(url("waits", nodes[1].port)), "OPTIONS": {}}
    connection = DatabaseWrapper({**connections["default"].settings_dict, **settings})
    held = pymysql.connect(unix_socket=str(nodes[1].socket), user="root")

    def rows() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM acts")
            return int(cursor.fetchone()[0])

    with django_db_blocker.unblock(), held, held.cursor() as cursor, closing(connection):
        cursor.execute("FLUSH TABLES WITH READ LOCK")  # node 2 applies nothing
        nodes[0].execute("INSERT INTO acts VALUES (1)", database="waits")
        before = rows()
        release = threading.Timer(1, cursor.execute, ["UNLOCK TABLES"])
        release.start()
        wait_for_writes(connection)
        after = rows()
        release.join()

    assert (before, after) == (0, 1)


def test_the_doctor_names_the_node_and_the_size_of_its_cluster(sites: list[Site]) -> None:
    found = sites[1].manage("doctor").stdout

    assert "node-2 is Synced and sees 3 nodes" in found


def test_a_node_outside_of_its_cluster_counts_as_not_answering(
    nodes: list[GaleraNode], django_db_blocker: DjangoDbBlocker
) -> None:
    one, two, _ = nodes
    one.create_database("ready", password="ours")
    one.execute("CREATE TABLE project AS SELECT 1 AS id", database="ready")
    settings = {
        **connections["default"].settings_dict,
        **dj_database_url.parse(url("ready", two.port)),
        "OPTIONS": {},
        "READS_ONLY": True,
        "HOSTS": [("127.0.0.1", two.port), ("127.0.0.1", one.port)],
    }
    reading, later = SeveralHosts(settings, "keystone"), SeveralHosts(settings, "keystone")

    def port(wrapper: SeveralHosts) -> int:
        with wrapper.cursor() as cursor:
            cursor.execute("SELECT @@port FROM project")
            return int(cursor.fetchone()[0])

    with django_db_blocker.unblock(), closing(reading), closing(later):
        assert port(reading) == two.port
        two.execute("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'")
        try:
            wait_until(lambda: two.status("wsrep_ready") == "OFF", "node 2 is alone")
            ports = [port(reading), port(later)]
            facts = hosts.look_at(reading, ("127.0.0.1", two.port))
        finally:
            two.execute("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'")
        wait_until(lambda: two.status("wsrep_ready") == "ON", "node 2 is back")

    assert ports == [one.port, one.port]
    assert not facts.ready
    assert "non-Primary cluster of 1" in str(facts)
