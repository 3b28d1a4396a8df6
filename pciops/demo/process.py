"""Runs the demo's programs: they end with the demo, and their logs explain a failure."""

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
from typing import TextIO

import requests

ReportStep = Callable[[str], None]
"""Called with the words of the current step, again and again while it takes its time."""

# Asks Linux to send SIGTERM when the parent ends, then becomes the program; prctl(2) keeps that
# through exec. Not a preexec_fn, which is unsafe if the parent has threads, as tests do.
_LAUNCH = """\
import ctypes, os, sys
PR_SET_PDEATHSIG, SIGTERM = 1, 15
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGTERM)
os.execv(sys.argv[1], sys.argv[1:])
"""
_TICK = 0.1  # seconds
# The programs get their own settings, not those that configure pciops, an OpenStack client,
# gunicorn or Python in the environment of the demo.
_FOREIGN = ("PCIOPS_", "OS_", "DJANGO_", "GUNICORN_", "PYTHON")
_FOREIGN_NAMES = {"WEB_CONCURRENCY"}

# gunicorn's "quick shutdown": the demo has no requests that are worth waiting for.
QUICKLY = signal.SIGQUIT


class DemoError(Exception):
    """The reason why the demo cannot continue, in sentences for the person who started it."""


class Progress:
    """One line for each step: `Installing keystone==30.0.0 from PyPI… 12.3 s`.

    A call with the words of a new step ends the previous step; a call with the same words shows the
    time that has passed, if the stream is a terminal.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.words = ""
        self.begun = 0.0
        self.shown = 0

    def __call__(self, words: str) -> None:
        if words != self.words:
            self.done()
            self.words, self.begun, self.shown = words, time.monotonic(), 0
            self._write(f"{words}…")
        elif self.stream.isatty() and int(time.monotonic() - self.begun) > self.shown:
            self.shown = int(time.monotonic() - self.begun)
            self._write(f"\r{words}… {self.shown} s")

    def done(self) -> None:
        """End the step with its time."""
        if self.words:
            start = f"\r{self.words}…" if self.stream.isatty() else ""
            self._write(f"{start} {time.monotonic() - self.begun:.1f} s\n")
            self.words = ""

    def interrupt(self) -> None:
        """End the line of a step that did not finish."""
        if self.words:
            self._write("\n")
            self.words = ""

    def say(self, text: str) -> None:
        """Write lines that are not a step."""
        self.done()
        self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError:
            pass  # the terminal was closed; the running programs must still be stopped in order


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a program: the demo's without foreign settings, plus these."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_FOREIGN) and name not in _FOREIGN_NAMES
    }
    unproxied = dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")
    return {**kept, **unproxied, "PYTHONUNBUFFERED": "1", **variables}


def listen(port: int | None) -> socket.socket:
    """Return a socket bound on loopback to this port, or to a free one if it is taken or None.

    The server inherits the socket, so no other program can take the port in between.
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


def start(
    command: Sequence[object],
    *,
    env: Mapping[str, str],
    log: Path,
    listener: socket.socket | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program, named by its path, with its output appended to the log.

    It leads a session of its own, so Ctrl-C reaches only the demo, which stops its programs in
    order. If the demo is killed, Linux sends the program SIGTERM.
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
    """End a program and its whole session by this signal; by SIGKILL after the patience."""
    with suppress(ProcessLookupError):
        process.send_signal(by)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Also if it ended by itself: its children may still run.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(
    name: str,
    command: Sequence[object],
    *,
    env: Mapping[str, str],
    log: Path,
    report: ReportStep = lambda words: None,
) -> None:
    """Run a program to its end; meanwhile its name is reported as the current step.

    Raises:
        DemoError: its exit status is not 0; the message begins with the name.
    """
    process = start(command, env=env, log=log)
    try:
        while process.poll() is None:
            report(name)
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
    """Wait until the server answers this address with 200; `tick` is called meanwhile.

    The server is stopped if it does not.

    Raises:
        DemoError: the server ended, or the seconds have passed.
    """
    deadline = time.monotonic() + seconds
    answer = "nothing"
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy
            while time.monotonic() < deadline:
                if process.poll() is not None:
                    raise DemoError(f"The server stopped.{last_lines(log)}")
                with suppress(requests.RequestException):
                    response = session.get(url, timeout=5)
                    if response.status_code == requests.codes.ok:
                        return
                    answer = str(response.status_code)
                tick()
                time.sleep(_TICK)
        raise DemoError(f"{url} answers {answer} after {seconds:.0f} s.{last_lines(log)}")
    except BaseException:
        stop(process, by=QUICKLY)
        raise


def last_lines(log: Path, count: int = 12) -> str:
    """Return the end of a log, to append to a sentence about a failure."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        lines = []
    if not lines:
        return f" Its log {log} is empty or missing."
    return "\n".join([f" The end of {log}:", *(f"    {line}" for line in lines)])
