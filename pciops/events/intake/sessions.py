"""What a consumer writes down about itself: since when it is connected, or why it is not."""

from __future__ import annotations

import os
import socket
from datetime import datetime
from typing import Final

from pciops.events.models import NAME, WORDS, ConsumerSession

ENDED: Final = "ended"  # in good order


class Run:
    """The stretches of one consumer; see `ConsumerSession`."""

    def __init__(self, now: datetime) -> None:
        self.messages = 0
        self._consumer = f"{socket.gethostname()}:{os.getpid()}"[:NAME]
        self._row: ConsumerSession | None = None
        self._last_message_at: datetime | None = None

    def connect(self, now: datetime) -> None:
        """From now on it is connected."""
        self._begin(connected=True, error="", now=now)

    def lose(self, error: str, now: datetime) -> None:
        """It is not connected; called with each try that fails."""
        row = self._row
        if row is None or row.connected:
            self._begin(connected=False, error=error, now=now)
            return
        row.error = error[:WORDS]
        self.beat(now)

    def took(self, messages: int, now: datetime) -> None:
        """Some notifications were taken in; the next beat writes it down."""
        self.messages += messages
        self._last_message_at = now

    def beat(self, now: datetime) -> None:
        """A sign of life."""
        row = self._row
        if row is not None:
            row.until, row.messages, row.last_message_at = now, self.messages, self._last_message_at
            row.save(update_fields=["until", "messages", "last_message_at", "error"])

    def end(self, error: str, now: datetime) -> None:
        """The stretch is over."""
        row = self._row
        if row is not None:
            row.error = row.error or error[:WORDS]
            self.beat(now)

    def _begin(self, *, connected: bool, error: str, now: datetime) -> None:
        """End the stretch before, for a connected one with the reason, and begin the next."""
        if self._row is not None and self._row.connected:
            self.end(error or "connected anew", now)
        self._row = ConsumerSession.objects.create(
            consumer=self._consumer,
            connected=connected,
            since=now,
            until=now,
            last_message_at=self._last_message_at,
            messages=self.messages,
            error=error[:WORDS],
        )
