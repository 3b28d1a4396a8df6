"""Takes the notifications of the demo's Keystone in from a file: the demo has no RabbitMQ.

From there on everything is as with one: `services.take_in`, and what a consumer writes down about
itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from django.db import DatabaseError

from pciops.events.intake import record
from pciops.events.intake.sessions import ENDED, Run
from pciops.events.names import Names

BATCH: Final = 256 * 1024  # bytes
TICK: Final = 0.3  # seconds
BEAT: Final = 10.0

log = logging.getLogger(__name__)


def feed(path: Path, *, stop: threading.Event, clock: Callable[[], datetime]) -> None:
    """Keep what the lines of this file say, and those that come, until `stop`.

    It begins at the beginning each time: what has been taken in before is left out.
    """
    names, run, place, beat = Names(), Run(clock()), 0, 0.0
    run.connect(clock())
    while not stop.is_set():
        try:
            found, bodies = _read(path, place)
            if bodies:
                record.take_in(bodies, names=names, now=clock())
                place = found
                run.took(len(bodies), clock())
            if bodies or time.monotonic() >= beat:
                run.beat(clock())
                beat = time.monotonic() + BEAT
        except DatabaseError as error:  # somebody else writes: it is SQLite
            log.warning("not taken in yet: %s", error)
            bodies = []
        if not bodies:
            stop.wait(TICK)
    run.end(ENDED, clock())


def _read(path: Path, place: int) -> tuple[int, list[str]]:
    """The whole lines behind this place, and where they end."""
    try:
        with path.open("rb") as file:
            file.seek(place)
            block = file.read(BATCH)
    except FileNotFoundError:
        return place, []
    whole = block[: block.rfind(b"\n") + 1]
    return place + len(whole), whole.decode("utf-8", "replace").splitlines()
