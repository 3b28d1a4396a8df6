"""Programs that tests start: find them, choose a free port, wait until they are ready."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT = 60  # seconds that a condition may take to become true
# The start of a command: Linux ends it when the process that started it is gone, even by SIGKILL.
ENDS_WITH_US = ("setpriv", "--pdeathsig=TERM")


def program(name: str, *, package: str) -> str:
    """Return the path of a program. A test that needs a missing program fails, never skips."""
    # Debian keeps servers out of a user's PATH.
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        pytest.fail(f"{name} is missing: run script/test, or apt-get install {package}.", False)
    return path


@dataclass
class Program:
    """A program that runs in the background and writes to a log."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for_output(self, text: str, times: int = 1) -> None:
        """Return once the program has written this text so often."""
        wait_until(
            lambda: self.output.count(text) >= times,
            f"the program writes {text!r}",
            self.process,
            self.log,
        )

    def kill(self) -> None:
        """Kill it at once."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=TIMEOUT)


@contextmanager
def running(
    command: Sequence[object], *, env: Mapping[str, str], log: Path, cwd: Path = ROOT
) -> Iterator[Program]:
    """Run a program inside this block, and kill it at the end if it still runs."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*ENDS_WITH_US, *map(str, command)], cwd=cwd, env=env, stdout=output, stderr=output
        )
    program = Program(process, log)
    try:
        yield program
    finally:
        program.kill()


def wait_until(
    condition: Callable[[], bool],
    description: str,
    process: subprocess.Popen[bytes] | None = None,
    log: Path | None = None,
) -> None:
    """Return as soon as the condition holds; give up early if the process has ended.

    Raises:
        TimeoutError: The condition never held. The end of the log is in the message.
    """
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-3000:] if log else ""
            raise TimeoutError(f"waited in vain until {description}\n{tail}")
        time.sleep(0.05)


def free_port() -> int:
    """Return a port of loopback on which no program listens now.

    It is below those that the kernel gives to connections (Linux: from 32768 on), so that none of
    them takes it before the server does.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
