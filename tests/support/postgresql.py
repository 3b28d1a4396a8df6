"""A private PostgreSQL with its own folder and port on loopback, removed afterwards."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tests.support.processes import free_port, running, wait_until

DEBIAN = Path("/usr/lib/postgresql")  # keeps one folder for each version, outside of the PATH


@dataclass(frozen=True)
class PostgreSQL:
    """A server on this port. `root` is its superuser, and no login needs a password."""

    port: int

    def execute(self, sql: str, *, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run statements, separated by semicolons, as superuser; return the rows of the last."""
        with psycopg.connect(
            self.url(database, user="root"), autocommit=True, client_encoding="utf8"
        ) as connection:
            cursor = connection.execute(sql.encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def url(self, database: str, *, user: str) -> str:
        """Return the URL of a database for a login."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Run a server inside this block."""
    root = os.geteuid() == 0
    with TemporaryDirectory(prefix="pciops-postgresql-", ignore_cleanup_errors=True) as name:
        folder, data = Path(name), f"{name}/data"
        user = "postgres" if root else getpass.getuser()  # the server refuses to be root
        if root:
            shutil.chown(folder, user)
        as_user = ["setpriv", f"--reuid={user}", "--clear-groups"] if root else []
        create = ["--pgdata", data, "--username=root", "--auth=trust", "--encoding=UTF8"]
        subprocess.run(
            [*as_user, _program("initdb"), *create, "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )
        server = PostgreSQL(free_port())
        options = [
            *("-c", "listen_addresses=127.0.0.1", "-c", f"port={server.port}"),
            *("-c", f"unix_socket_directories={folder}"),
            *("-c", "fsync=off"),  # nothing here must survive a power cut
        ]
        command = [*as_user, _program("postgres"), "-D", data, *options]
        with running(command, env=os.environ, log=folder / "log", cwd=folder) as program:
            program.wait_for_output("ready to accept connections")
            yield server
            program.process.send_signal(signal.SIGINT)  # disconnects clients
            wait_until(lambda: program.process.poll() is not None, "PostgreSQL has ended")


def _program(name: str) -> str:
    """Return the path of a program of the newest version that Debian has installed."""
    paths = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if not paths:
        pytest.fail(f"{name} is missing: run script/test, or apt-get install postgresql.", False)
    return str(paths[-1])
