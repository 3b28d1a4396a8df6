"""Programs that tests start: find them, choose a free port, wait until they are ready."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
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
