"""Waiting for a condition, and finding a port to wait at."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 60  # seconds after which something that has not happened will not


def wait_until(
    condition: Callable[[], bool],
    what: str,
    process: subprocess.Popen[bytes] | None = None,
    log: Path | None = None,
) -> None:
    """Return as soon as the condition holds; give up early where the process has ended.

    Raises:
        TimeoutError: it never did. The end of the log is in the message.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-3000:] if log else ""
            raise TimeoutError(f"waited in vain until {what}\n{tail}")
        time.sleep(0.05)


def free_port() -> int:
    """A port of loopback that nobody listens on now.

    It is below those that the kernel gives to connections (Linux: from 32768 on), so that none of
    them takes it before the server does.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
