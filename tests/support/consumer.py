"""A consumer of notifications that runs, and messages for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kombu import Connection, Exchange

from tests.support.processes import ENDS_WITH_US, ROOT, wait_until

EXCHANGE = Exchange("keystone", "topic", durable=False)  # as Keystone makes it


@dataclass
class Consumer:
    """`manage.py consume_events`, and what it has said."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_until_it_says(self, words: str, times: int = 1) -> None:
        """Return once it has written this so often."""
        wait_until(
            lambda: self.said.count(words) >= times,
            f"the consumer says {words!r}",
            self.process,
            self.log,
        )

    def kill(self) -> None:
        """Without a chance to end in order."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@contextmanager
def consuming(environment: dict[str, str], log: Path) -> Iterator[Consumer]:
    """A consumer inside this block, which is killed at its end if it still runs."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*ENDS_WITH_US, sys.executable, "manage.py", "consume_events"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    consumer = Consumer(process, log)
    try:
        yield consumer
    finally:
        consumer.kill()
    assert "Traceback" not in consumer.said


def publish(url: str, bodies: Iterable[str | bytes]) -> None:
    """Send these as Keystone does; each is in its queues when this returns."""
    with Connection(url, transport_options={"confirm_publish": True}) as link:
        channel = link.default_channel
        EXCHANGE(channel).declare()
        producer = link.Producer(channel, exchange=EXCHANGE, auto_declare=False)
        for body in bodies:
            producer.publish(body, "notifications.info", content_type="application/json")


def environment_of(folder: Path, **settings: str) -> dict[str, str]:
    """Of a pciops with these settings, and files in this folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PCIOPS_", "OS_", "DJANGO_"))
    }
    return {
        **kept,
        "PCIOPS_HTTPS": "no",
        "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS": "3",
        "PCIOPS_SECRET_KEY": "of the live tests, and as long as the real ones have to be",
        "PCIOPS_VAR": str(folder),
        **settings,
    }


def manage(environment: dict[str, str], *words: str, check: bool = True) -> str:
    """Run manage.py; what it has written."""
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout
