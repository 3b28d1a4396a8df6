"""The worker of the demo: does what is due by itself, with its timetable in the same process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

from pciops.demo import process

PATIENCE = 1  # seconds; nothing that it does is lost for good


class Worker:
    """Celery beside the dashboard, with the files below the dashboard's folder as its broker.

    Attributes:
        process: the running worker.
    """

    def __init__(self, data: Path, env: Mapping[str, str]) -> None:
        """Nothing is done before `start`."""
        self.log = data / "worker.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.env = env

    def start(self) -> None:
        """Start it; whoever watches sees whether it lives."""
        self.log.write_bytes(b"")
        self.process = process.start(
            [
                *(sys.executable, "-m", "celery", "-A", "pciops", "--workdir", settings.ROOT),
                *("--quiet", "worker", "--beat", "--pool", "solo"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ],
            env=self.env,
            log=self.log,
        )

    def stop(self) -> None:
        """Stop it; one that is not running is fine."""
        if self.process is not None:
            process.stop(self.process, by=signal.SIGTERM, patience=PATIENCE)
            self.process = None
