"""An installation of pciops: its environment, its commands, and the dashboard under gunicorn."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import requests

from tests.support.mariadb import MariaDB
from tests.support.processes import ROOT, Program, free_port, running, wait_until
from tests.support.proxy import TcpProxy
from tests.support.visitor import Visitor

SETTINGS = {  # of every pciops that a test starts
    "PCIOPS_ENV_FILE": os.devnull,
    "PCIOPS_HTTPS": "no",
    "PCIOPS_SECRET_KEY": "of the live tests, and as long as the real ones have to be",
}
READER = "pciops-reads"  # the login in Keystone's database, with the rights of `manage.py grants`
READERS_PASSWORD = "only-what-it-needs"
_collected: list[Path] = []  # the static files of the first site, which are those of all


@dataclass(frozen=True, kw_only=True)
class Result:
    """The exit code and the output of a command."""

    code: int
    stdout: str
    stderr: str


def environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a pciops with these settings and no others, and its folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PCIOPS_", "OS_", "DJANGO_"))
    }
    return {**kept, **SETTINGS, "PCIOPS_VAR": str(folder), **settings}


def manage(env: Mapping[str, str], *arguments: str) -> Result:
    """Run manage.py in this environment."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Result(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


@contextmanager
def consuming(env: Mapping[str, str], log: Path) -> Iterator[Program]:
    """Run the consumer of notifications inside this block."""
    command = [sys.executable, "manage.py", "consume_events"]
    with running(command, env=env, log=log) as consumer:
        yield consumer
    assert "Traceback" not in consumer.output


@dataclass
class Site:
    """The dashboard as in production. Its ways to Keystone are proxies that a test can take down.

    Attributes:
        settings: PCIOPS_* and OS_*; nothing else of this kind reaches the site.
        workers: processes of gunicorn.
    """

    folder: Path
    settings: dict[str, str]
    keystone_api: TcpProxy
    keystone_database: TcpProxy
    workers: int = 1
    port: int = field(default_factory=free_port)
    server: Program = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False)

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.folder, self.settings)

    def __enter__(self) -> Self:
        self._prepare("migrate")
        static = self.folder / "static"
        if _collected:
            static.symlink_to(_collected[0])
        else:
            self._prepare("collectstatic", "--noinput")
            _collected.append(static)
        self.server = self._stack.enter_context(
            running(
                [
                    *(sys.executable, "-m", "gunicorn", "pciops.wsgi:application"),
                    *("--bind", f"127.0.0.1:{self.port}", "--threads", "4"),
                    *("--workers", str(self.workers)),
                    *("--access-logfile", "-", "--graceful-timeout", "5", "--no-control-socket"),
                    *("--logger-class", "pciops.lib.gunicorn.Logger"),
                ],
                env=self.environment,
                log=self.folder / "log",
            )
        )
        self._stack.callback(self.server.stop)
        try:
            wait_until(self._answers, "the site answers", self.server.process, self.server.log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _prepare(self, *words: str) -> None:
        result = self.manage(*words)
        assert result.code == 0, result.stdout + result.stderr

    def grant(self, mariadb: MariaDB) -> None:
        """Create the login in Keystone's database with the rights that `manage.py grants` gives."""
        mariadb.execute(f"CREATE USER '{READER}'@'%%' IDENTIFIED BY %s", READERS_PASSWORD)
        grants = self.manage("grants", "--user", READER)
        assert grants.code == 0, grants.stderr
        mariadb.execute(grants.stdout)

    def manage(self, *arguments: str, **settings: str) -> Result:
        """Run manage.py in the site's environment, with these settings on top of it."""
        return manage({**self.environment, **settings}, *arguments)

    def visitor(self) -> Visitor:
        """Return a browser of its own that has no session yet."""
        return Visitor(self.url)

    def logs(self) -> str:
        """Return all that the site's processes have written since they were started."""
        return self.server.output

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except requests.RequestException:
            return False
