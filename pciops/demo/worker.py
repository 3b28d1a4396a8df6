"""What runs beside the dashboard of the demo: a worker with its timetable, and a consumer."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.conf import settings

from pciops.demo import process

PATIENCE = 1  # seconds; nothing that they do is lost for good


class Worker:
    """One of them.

    Attributes:
        process: the running worker.
    """

    def __init__(self, log: Path, env: Mapping[str, str], command: Sequence[object]) -> None:
        """Nothing is done before `start`."""
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.env = env
        self.command = command

    def start(self) -> None:
        """Start it; whoever watches sees whether it lives."""
        self.log.write_bytes(b"")
        self.process = process.start(self.command, env=self.env, log=self.log)

    def stop(self) -> None:
        """Stop it; one that is not running is fine."""
        if self.process is not None:
            process.stop(self.process, by=signal.SIGTERM, patience=PATIENCE)
            self.process = None


def tasks(data: Path, env: Mapping[str, str]) -> Worker:
    """Celery, with the files below the dashboard's folder as its broker."""
    command = [
        *(sys.executable, "-m", "celery", "-A", "pciops", "--workdir", settings.ROOT),
        *("--quiet", "worker", "--beat", "--pool", "solo"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    return Worker(data / "worker.log", env, command)


def consumer(data: Path, env: Mapping[str, str], notifications: Path) -> Worker:
    """What takes Keystone's notifications in, from this file."""
    command = [sys.executable, settings.ROOT / "manage.py", "demo_feed", notifications]
    return Worker(data / "consumer.log", env, command)
