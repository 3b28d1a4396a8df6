"""pciops on a real Galera cluster: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.galera import GaleraNode, galera
from tests.support.processes import ROOT, wait_until
from tests.support.proxy import TcpProxy
from tests.support.site import environment, manage

PROCESSES, ROWS = 6, 200


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

    assert [process.returncode for process in writers] == [0] * PROCESSES, errors
    sys.stdout.write(f"rows: {written()}; repeated: {[int(output) for output, _ in ends]}\n")
    assert [(row["number"], row["remarks"]) for row in rows] == [(ROWS, ROWS)] * PROCESSES
    assert verified.code == 0, verified.stdout + verified.stderr
