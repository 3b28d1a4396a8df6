"""A private Galera cluster: three nodes of MariaDB on loopback, removed afterwards."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.mariadb import MariaDB
from tests.support.processes import free_port, program, wait_until

PROVIDER: Final = Path("/usr/lib/galera/libgalera_smm.so")


class GaleraNode(MariaDB):
    """One node. Its databases and logins are those of the cluster."""

    def __init__(self, name: str, port: int, cluster: str, *, first: bool) -> None:
        """Start nothing yet.

        Args:
            port: for the other nodes.
            cluster: host and port of every node, separated by commas.
            first: it makes the cluster; the others copy its data.
        """
        provider = {
            "base_host": "127.0.0.1",
            "base_port": port,
            "gmcast.listen_addr": f"tcp://127.0.0.1:{port}",
            "ist.recv_addr": f"127.0.0.1:{free_port()}",
            "gcache.size": "16M",
        }
        options = {
            "wsrep-on": "ON",
            "wsrep-provider": PROVIDER,
            "wsrep-provider-options": ";".join(f"{key}={value}" for key, value in provider.items()),
            "wsrep-cluster-address": f"gcomm://{cluster}",
            "wsrep-node-name": name,
            "wsrep-node-address": "127.0.0.1",
            "wsrep-sst-method": "rsync",
            "wsrep-sst-receive-address": f"127.0.0.1:{free_port()}",
            "binlog-format": "ROW",
            "log-bin-trust-function-creators": "ON",  # for our triggers: see docs/audit.md
            "innodb-autoinc-lock-mode": 2,
            "innodb-log-file-size": "8M",  # a node that joins copies all of it
        }
        super().__init__(
            buffer_pool="16M", options=[f"--{key}={value}" for key, value in options.items()]
        )
        self.name = name
        self.first = first

    def start(self, *options: str) -> None:
        """Make the cluster or join it, and return when this node has all data."""
        super().start(*options, *(["--wsrep-new-cluster"] if self.first else []))
        self.first = False
        wait_until(self._is_synced, f"{self.name} is synced", self.process, self.log)

    def kill(self) -> None:
        """Kill it at once; `start` lets it join again."""
        self.stop(signal.SIGKILL)

    def status(self, name: str) -> str:
        """Return a status variable, such as `wsrep_cluster_size`."""
        [row] = self.execute(f"SHOW STATUS LIKE '{name}'")
        return str(row["Value"])

    def _prepare(self) -> None:
        if self.first:
            super()._prepare()
            return
        data = self.folder / "data"
        data.mkdir()
        shutil.chown(data, self.user)

    def _is_synced(self) -> bool:
        return self.status("wsrep_local_state_comment") == "Synced"


@contextmanager
def galera(number: int = 3) -> Iterator[list[GaleraNode]]:
    """Run a cluster of so many nodes inside this block."""
    program("rsync", package="rsync")
    if not PROVIDER.exists():
        pytest.fail(f"{PROVIDER} is missing: run script/test, or apt-get install galera-4.", False)
    ports = [free_port() for _ in range(number)]
    cluster = ",".join(f"127.0.0.1:{port}" for port in ports)
    with ExitStack() as stack:
        nodes = []
        for place, port in enumerate(ports):
            node = GaleraNode(f"node-{place + 1}", port, cluster, first=place == 0)
            nodes.append(stack.enter_context(node))
        yield nodes
