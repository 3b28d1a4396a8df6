"""Programs that the demo starts: they end with it, and say what went wrong in their own words."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import requests

Report = Callable[[str], None]
"""Told what is being done; told the same words again and again while that takes its time."""

# Asks Linux to send SIGTERM when the parent ends, and becomes the program; prctl(2) keeps the wish
# through exec. Not a preexec_fn: that is unsafe where the parent has threads, as tests do.
_LAUNCH = """\
import ctypes, os, sys
PR_SET_PDEATHSIG, SIGTERM = 1, 15
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGTERM)
os.execv(sys.argv[1], sys.argv[1:])
"""
_TICK = 0.1  # seconds
# Of the demo's surroundings nothing that steers pciops, an OpenStack client, gunicorn or Python
# reaches the programs: what they are to know they are told.
_FOREIGN = ("PCIOPS_", "OS_", "DJANGO_", "GUNICORN_", "PYTHON")
_FOREIGN_NAMES = {"WEB_CONCURRENCY"}


class DemoError(Exception):
    """Why the demo cannot go on, in sentences for whoever started it."""


def environment(**variables: str) -> dict[str, str]:
    """The environment of a program: ours without what steers others, and these variables."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_FOREIGN) and name not in _FOREIGN_NAMES
    }
    # A proxy that leads out of the building must not be asked for this machine.
    unproxied = dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")
    return {**kept, **unproxied, "PYTHONUNBUFFERED": "1", **variables}


def listen(port: int | None) -> socket.socket:
    """A socket bound on loopback: to this port, or to a free one where it is taken or None.

    It is handed to the server, so nobody can take the port between choosing and serving.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port or 0))
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        listener.bind(("127.0.0.1", 0))
    return listener


# "Quick shutdown" of gunicorn: a demo has no requests that are worth waiting for.
QUICKLY = signal.SIGQUIT


def start(
    command: Sequence[object],
    *,
    env: Mapping[str, str],
    log: Path,
    listener: socket.socket | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program, named by its path, that appends what it says to the log.

    It leads a session of its own, so Ctrl-C reaches only the demo, which stops its programs in
    order; and where the demo is killed, Linux sends the program SIGTERM.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCH, *map(str, command)],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=() if listener is None else (listener.fileno(),),
            start_new_session=True,
        )


def stop(
    process: subprocess.Popen[bytes],
    *,
    by: signal.Signals = signal.SIGTERM,
    patience: float = 10,
) -> None:
    """End a program and all of its session: by this signal, after the patience by SIGKILL."""
    with suppress(ProcessLookupError):
        process.send_signal(by)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Also where it ended by itself: its own children may have outlived it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(
    name: str,
    command: Sequence[object],
    *,
    env: Mapping[str, str],
    log: Path,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Run a program, which has this name for people, to its end.

    Raises:
        DemoError: where it ends with anything but 0.
    """
    process = start(command, env=env, log=log)
    try:
        while process.poll() is None:
            tick()
            time.sleep(_TICK)
    finally:
        stop(process)
    if process.returncode:
        raise DemoError(f"{name} failed.{last_lines(log)}")


def wait_until_answers(
    url: str,
    process: subprocess.Popen[bytes],
    *,
    log: Path,
    seconds: float = 60,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Wait until the server answers this address with 200.

    Raises:
        DemoError: where it ends before that, or the seconds pass.
    """
    deadline = time.monotonic() + seconds
    answer = "nothing"
    with requests.Session() as session:
        session.trust_env = False  # no proxy
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise DemoError(f"The server ended by itself.{last_lines(log)}")
            with suppress(requests.RequestException):
                response = session.get(url, timeout=5)
                if response.status_code == requests.codes.ok:
                    return
                answer = str(response.status_code)
            tick()
            time.sleep(_TICK)
    raise DemoError(f"{url} answers {answer} after {seconds:.0f} s.{last_lines(log)}")


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log, as the rest of a sentence about what went wrong."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        lines = []
    if not lines:
        return f" It left no word in {log}."
    return "\n".join([f" The end of {log}:", *(f"    {line}" for line in lines)])
