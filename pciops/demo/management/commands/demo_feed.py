"""Runs the demo's consumer, which reads notifications from a file instead of RabbitMQ.

They are recorded as the consumer records them, and so is the consumer's session.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from pciops.events.intake import record
from pciops.events.intake.consumer import ENDED, SessionRecorder
from pciops.events.intake.names import NameResolver

BATCH: Final = 256 * 1024  # bytes
TICK: Final = 0.3  # seconds
BEAT: Final = 10.0

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Read the notifications of the demo's Keystone from a file, until SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="in which each line is a notification")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        feed(options["file"], stop=stop, clock=timezone.now)


def feed(path: Path, *, stop: threading.Event, clock: Callable[[], datetime]) -> None:
    """Record the notifications in the file, and later ones, until `stop`.

    Each start reads the file from its beginning; notifications that were recorded before are
    ignored.
    """
    resolver, session, offset, beat = NameResolver(), SessionRecorder(), 0, 0.0
    session.connect(clock())
    while not stop.is_set():
        try:
            end, bodies = _read(path, offset)
            if bodies:
                record.record_messages(bodies, resolver=resolver, now=clock())
                offset = end
                session.count(len(bodies), clock())
            if bodies or time.monotonic() >= beat:
                session.beat(clock())
                beat = time.monotonic() + BEAT
        except DatabaseError as error:  # SQLite, and another process writes
            log.warning("not processed yet: %s", error)
            bodies = []
        if not bodies:
            stop.wait(TICK)
    session.end(ENDED, clock())


def _read(path: Path, offset: int) -> tuple[int, list[str]]:
    """Return the whole lines from this offset on, and the offset of their end."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            block = file.read(BATCH)
    except FileNotFoundError:
        return offset, []
    whole = block[: block.rfind(b"\n") + 1]
    return offset + len(whole), whole.decode("utf-8", "replace").splitlines()
