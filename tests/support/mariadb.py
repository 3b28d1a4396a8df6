"""A private MariaDB with its own folder and port on loopback, removed afterwards."""

from __future__ import annotations

import getpass
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import dj_database_url
import pymysql
from django.db import connections
from pymysql.cursors import DictCursor
from pytest_django.plugin import DjangoDbBlocker

from tests.support.processes import ENDS_WITH_US, free_port, program, wait_until

Row = dict[str, Any]


class MariaDB:
    """One server. `root` connects through its socket, everyone else over TCP."""

    def __init__(self, *, buffer_pool: str = "64M", options: Sequence[str] = ()) -> None:
        # Not pytest's tmp_path: a socket's path may have 107 characters, and the server gives up
        # root for a user that must be able to get there.
        self.folder = Path(tempfile.mkdtemp(prefix="pciops-mariadb-"))
        self.socket = self.folder / "socket"
        self.log = self.folder / "log"
        self.port = free_port()
        self.buffer_pool = buffer_pool
        self.options = options  # more of them for the server
        self.user = server_user()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user)
        try:
            self._prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *options: str) -> None:
        """Serve, with options that are only of this start."""
        self._serve(*options)
        wait_until(self._answers, "MariaDB answers", self.process, self.log)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Stop it in good order, or by SIGKILL."""
        if self.process:
            self.process.send_signal(by)
            self.process.wait(timeout=60)

    @property
    def _common(self) -> list[str]:
        return ["--no-defaults", f"--datadir={self.folder / 'data'}"]

    @property
    def _as_user(self) -> list[str]:
        """Return options for setpriv. A server that drops root itself would lose its pdeathsig."""
        return [f"--reuid={self.user}", "--clear-groups"] if os.geteuid() == 0 else []

    @property
    def _environment(self) -> dict[str, str]:
        # A server that starts removes the temporary tables of others from the folder it shares.
        return {**os.environ, "TMPDIR": str(self.folder)}

    def _prepare(self) -> None:
        """Create the system tables."""
        install = program("mariadb-install-db", package="mariadb-server-core")
        options = [
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            f"--user={self.user}",
        ]
        done = subprocess.run(
            [install, *self._common, *options],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    def _serve(self, *options: str) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *ENDS_WITH_US,
                    *self._as_user,
                    program("mariadbd", package="mariadb-server-core"),
                    *self._common,
                    "--bind-address=127.0.0.1",
                    f"--port={self.port}",
                    f"--socket={self.socket}",
                    f"--pid-file={self.folder / 'pid'}",
                    "--character-set-server=utf8mb4",
                    "--collation-server=utf8mb4_unicode_ci",
                    "--skip-name-resolve",
                    f"--innodb-buffer-pool-size={self.buffer_pool}",
                    "--innodb-flush-log-at-trx-commit=0",  # nothing here must survive a power cut
                    *self.options,
                    *options,
                ],
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def execute(self, sql: str, *values: object, database: str | None = None) -> list[Row]:
        """Run a statement as root and return its rows.

        Several statements, separated by semicolons, are possible; the rows are the first's.
        """
        with (
            pymysql.connect(
                unix_socket=str(self.socket),
                user="root",
                database=database,
                charset="utf8mb4",
                autocommit=True,
                cursorclass=DictCursor,
                client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql, values or None)
            rows: Sequence[Row] = cursor.fetchall()
            while cursor.nextset():
                pass
            return list(rows)

    def create_database(self, name: str, *, password: str, tables: bytes = b"") -> str:
        """Create a database and a user of this name with all rights in it; return its URL.

        Modules that share a fixture each get their own: what an earlier one left is dropped.

        Args:
            tables: What `dump` has returned of another database; without it, this one is empty.
        """
        self.execute(
            f"DROP DATABASE IF EXISTS `{name}`;"
            f"DROP USER IF EXISTS '{name}'@'%%';"
            f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4;"
            f"CREATE USER '{name}'@'%%' IDENTIFIED BY %s;"
            f"GRANT ALL ON `{name}`.* TO '{name}'@'%%'",
            password,
        )
        if tables:
            client = program("mariadb", package="mariadb-client")
            subprocess.run([client, *self._as_root, name], input=tables, check=True)
        return self.url(name, user=name, password=password)

    def dump(self, name: str) -> bytes:
        """Return a database as SQL, whose triggers belong to whoever runs it."""
        command = [program("mariadb-dump", package="mariadb-client"), *self._as_root, name]
        dumped = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        return re.sub(rb"DEFINER=\S+", b"", dumped)

    @property
    def _as_root(self) -> list[str]:
        return ["--no-defaults", f"--socket={self.socket}", "--user=root"]

    def url(self, database: str, *, user: str, password: str, port: int | None = None) -> str:
        """Return the URL of a database, directly or through the port of a proxy."""
        return f"mysql://{user}:{password}@127.0.0.1:{port or self.port}/{database}"

    def _answers(self) -> bool:
        return "ready for connections" in self.log.read_text(errors="replace")


def server_user() -> str:
    """Return the user that the server runs as: it refuses to be root."""
    if os.geteuid() != 0:
        return getpass.getuser()
    users = {entry.pw_name for entry in pwd.getpwall()}
    return "mysql" if "mysql" in users else "nobody"


def _make_records() -> None:
    """Create our table that says which accounts are machines, if there is no test database."""
    from pciops.accounts.models import MachineRecord

    ours = connections["default"]
    if MachineRecord._meta.db_table not in ours.introspection.table_names():
        with ours.schema_editor() as editor:
            editor.create_model(MachineRecord)


@contextmanager
def keystone_at(url: str, blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let the alias `keystone` be the database at this URL, readable and writable."""
    # Imported late: the benches start servers before Django is configured.
    from django.db.backends.mysql.base import DatabaseWrapper

    usual = connections["keystone"]
    settings = {**usual.settings_dict, **dj_database_url.parse(url), "OPTIONS": {}}
    connections["keystone"] = DatabaseWrapper(settings, alias="keystone")
    try:
        with blocker.unblock():
            _make_records()
            yield
            connections["keystone"].close()
    finally:
        connections["keystone"] = usual
