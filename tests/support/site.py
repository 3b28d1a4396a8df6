"""The dashboard as an operator has it: gunicorn's processes, their own database and logins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import requests

from tests.support.processes import ENDS_WITH_US, ROOT, free_port, wait_until
from tests.support.proxy import Door
from tests.support.visitor import Visitor


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a command ended and what it said."""

    code: int
    stdout: str
    stderr: str


@dataclass
class Site:
    """pciops in production's shape. Its Keystone is behind two doors that a test can shut."""

    folder: Path
    settings: dict[str, str]  # PCIOPS_* and OS_*; nothing else of this kind reaches it
    keystone_api: Door
    keystone_database: Door
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """That of the tests, without what was set for other sites and for unit tests."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PCIOPS_", "OS_", "DJANGO_"))
        }
        return {**kept, "PCIOPS_VAR": str(self.folder), **self.settings}

    def __enter__(self) -> Self:
        for command in (["migrate"], ["collectstatic", "--noinput"]):
            result = self.manage(*command)
            assert result.code == 0, result.stdout + result.stderr
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *ENDS_WITH_US,
                    *(sys.executable, "-m", "gunicorn", "pciops.wsgi:application"),
                    *("--bind", f"127.0.0.1:{self.port}", "--workers", "2", "--threads", "4"),
                    *("--access-logfile", "-", "--graceful-timeout", "5", "--no-control-socket"),
                ],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(self._answers, "the site answers", self.process, self._log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)

    def manage(self, *words: str, **settings: str) -> Result:
        """Run manage.py with the site's environment, and these settings on top of it."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env={**self.environment, **settings},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Result(code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def visitor(self) -> Visitor:
        """Somebody with a browser of their own and no session yet."""
        return Visitor(self.url)

    def logs(self) -> str:
        """All that the site's processes have written since they were started."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False
