"""A private PostgreSQL with its own folder and port on loopback, removed afterwards."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psycopg
import pytest

from tests.support.processes import ENDS_WITH_US, free_port, wait_until

DEBIAN = Path("/usr/lib/postgresql")  # keeps one folder for each version, outside of the PATH


class PostgreSQL:
    """One server. `root` is its superuser; all logins of this machine are trusted."""

    def __init__(self) -> None:
        # The server refuses to be root, and its user must be able to get there.
        self.folder = Path(tempfile.mkdtemp(prefix="pciops-postgresql-"))
        self.port = free_port()
        self.user = "postgres" if os.geteuid() == 0 else getpass.getuser()
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user)
        try:
            self._serve()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process:
            self.process.send_signal(signal.SIGINT)  # disconnects clients
            self.process.wait(timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)

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
        """Return the URL of a database for a login, which needs no password."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def _serve(self) -> None:
        data = str(self.folder / "data")
        initialize = [_program("initdb"), "--pgdata", data, "--username", "root"]
        subprocess.run(
            [*self._as_user, *initialize, "--auth=trust", "--encoding=UTF8", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
        )
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",  # nothing here must survive a power cut
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(*ENDS_WITH_US, *self._as_user[1:], _program("postgres"), "-D", data),
                    *(
                        word
                        for name, value in options.items()
                        for word in ("-c", f"{name}={value}")
                    ),
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        wait_until(self._answers, "PostgreSQL answers", self.process, self.log)

    @property
    def _as_user(self) -> list[str]:
        root = os.geteuid() == 0
        return ["setpriv", *((f"--reuid={self.user}", "--clear-groups") if root else ())]

    def _answers(self) -> bool:
        return "ready to accept connections" in self.log.read_text(errors="replace")


def _program(name: str) -> str:
    """Return the path of a program of the newest version that Debian has installed."""
    paths = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if not paths:
        pytest.fail(f"{name} is missing: run script/test, or apt-get install postgresql.", False)
    return str(paths[-1])
