"""The resident process that receives notifications: read, record, acknowledge, in that order.

Messages are acknowledged after the transaction that records them. After a crash of this process or
of RabbitMQ some are delivered again, which `record.record_messages` ignores.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError, InterfaceError, close_old_connections
from kombu import Connection, Consumer, Message, Queue

from pciops.events.intake import broker, record
from pciops.events.intake.broker import BrokerError, NoExchangeError, Topology
from pciops.events.intake.names import NameResolver
from pciops.events.liveness import heartbeat
from pciops.events.models import MAX_NAME, MAX_TEXT, ConsumerSession
from pciops.keystone.database import reason

BATCH: Final = 1000  # messages in one transaction
BATCH_AGE: Final = 0.5  # seconds that the first message of a batch waits for others
PREFETCH: Final = 2 * BATCH  # messages that RabbitMQ sends ahead, which limits the memory
TICK: Final = 0.25  # seconds between two looks at the clock
HEARTBEAT: Final = timedelta(seconds=10)
# Seconds before the first and each later reconnection. It must be short: without our queue,
# Keystone's notifications may be lost.
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 2.0
ENDED: Final = "ended"  # the error of a session that was stopped

_CONNECTION_PROBLEMS: Final = ("new", "broker", "exchange", "fault")  # over when connected

log = logging.getLogger(__name__)


class SessionRecorder:
    """Records the sessions of one consumer; see `ConsumerSession`."""

    def __init__(self) -> None:
        self.messages = 0
        self._consumer = f"{socket.gethostname()}:{os.getpid()}"[:MAX_NAME]
        self._row: ConsumerSession | None = None
        self._last_message_at: datetime | None = None
        self._lag: timedelta | None = None

    def connect(self, now: datetime) -> None:
        """Begin a connected session."""
        self._begin(connected=True, error="", now=now)

    def disconnect(self, error: str, now: datetime) -> None:
        """Begin a session without connection, or update its error after another attempt."""
        if self._row is None or self._row.connected:
            self._begin(connected=False, error=error, now=now)
            return
        self._row.error = error[:MAX_TEXT]
        self.beat(now)

    def count(self, messages: int, now: datetime, *, sent_at: datetime | None = None) -> None:
        """Count recorded notifications; the next heartbeat saves the number.

        Args:
            sent_at: when Keystone sent the oldest of them, if known.
        """
        self.messages += messages
        self._last_message_at = now
        if sent_at is not None:
            self._lag = max(now - sent_at, timedelta(0))  # its clock may be ahead of ours

    def beat(self, now: datetime) -> None:
        """Save a heartbeat."""
        row = self._row
        if row is not None:
            row.until, row.messages, row.last_message_at = now, self.messages, self._last_message_at
            row.lag_seconds = self._lag.total_seconds() if self._lag is not None else None
            row.save(update_fields=["until", "messages", "last_message_at", "lag_seconds", "error"])
            heartbeat.send_robust(sender=SessionRecorder)

    def end(self, error: str, now: datetime) -> None:
        """End the session."""
        if self._row is not None:
            self._row.error = self._row.error or error[:MAX_TEXT]
            self.beat(now)

    def _begin(self, *, connected: bool, error: str, now: datetime) -> None:
        """Begin a session, and end a connected one before it with the reason."""
        if self._row is not None and self._row.connected:
            self.end(error or "reconnected", now)
        self._row = ConsumerSession.objects.create(
            consumer=self._consumer,
            connected=connected,
            since=now,
            until=now,
            last_message_at=self._last_message_at,
            messages=self.messages,
            error=error[:MAX_TEXT],
        )


class NotificationConsumer:
    """A consumer; `run` returns after `stop`, which a signal or another thread calls."""

    def __init__(self, urls: Sequence[str], *, clock: Callable[[], datetime]) -> None:
        self._urls = list(urls)
        self._clock = clock
        self._resolver = NameResolver()
        self._topology = Topology()
        self._session = SessionRecorder()
        self._stop = threading.Event()
        self._problems = {"new"}  # present and logged
        self._pause = FIRST_PAUSE
        self._batch: list[Message] = []
        self._batch_began = 0.0

    @property
    def recorded(self) -> int:
        """Number of messages so far."""
        return self._session.messages

    def stop(self) -> None:
        """End after the current batch."""
        self._stop.set()

    def run(self) -> None:
        """Receive notifications until `stop`, through all failures."""
        while not self._stop.is_set():
            try:
                self._serve()
            except NoExchangeError as error:
                self._disconnected("exchange", str(error))
                self._pause = FIRST_PAUSE  # the first notifications of Keystone would be lost
            except BrokerError as error:
                self._disconnected("broker", str(error))
            except (DatabaseError, InterfaceError) as error:
                self._database_failed(error)
            except Exception as error:
                words = f"{type(error).__name__}: {broker.reason(error)}"
                self._disconnected("fault", words, level=logging.ERROR)
            self._batch.clear()  # RabbitMQ delivers them again
            if not self._stop.is_set():
                self._wait()
        self._record_session(lambda: self._session.end(ENDED, self._clock()))
        log.info("ended, %d messages taken in", self.recorded)

    # --- Connected --------------------------------------------------------------------------------
    def _serve(self) -> None:
        link = self._connect()
        try:
            with self._consumer(link):
                self._session.connect(self._clock())
                self._log_recovery(f"connected to {broker.address(link)}", *_CONNECTION_PROBLEMS)
                self._drain(link)
                self._flush(link)
        except (*link.connection_errors, *link.channel_errors) as error:
            link.collect()  # without a message to RabbitMQ, which may be gone
            words = f"lost {broker.address(link)}: {broker.reason(error)}"
            raise BrokerError(words) from error
        except BaseException:
            link.collect()
            raise
        link.release()

    def _consumer(self, link: Connection) -> Consumer:
        queue = self._topology.prepare(link)
        link.default_channel.basic_qos(0, PREFETCH, False)
        return Consumer(
            link.default_channel,
            [Queue(queue, no_declare=True)],
            on_message=self._add,
            auto_declare=False,
        )

    def _connect(self) -> Connection:
        """Connect to the last node that worked, or to the first of the others that answers."""
        for _ in self._urls:
            try:
                return broker.connect(self._urls[0])
            except BrokerError as error:
                failure = error
                self._urls.append(self._urls.pop(0))
        raise failure

    def _drain(self, link: Connection) -> None:
        due = self._clock() + HEARTBEAT
        while not self._stop.is_set():
            try:
                link.drain_events(timeout=TICK)
            except TimeoutError:
                link.heartbeat_check()
            if self._batch and (
                len(self._batch) >= BATCH or time.monotonic() - self._batch_began >= BATCH_AGE
            ):
                self._flush(link)
                link.heartbeat_check()
            if self._clock() >= due:
                due = self._clock() + HEARTBEAT
                close_old_connections()
                self._session.beat(self._clock())
                self._topology.bind(link.default_channel)
                self._pause = FIRST_PAUSE

    def _add(self, message: Message) -> None:
        if not self._batch:
            self._batch_began = time.monotonic()
        self._batch.append(message)

    def _flush(self, link: Connection) -> None:
        """Record the batch, then acknowledge all of it with its last message."""
        if not self._batch:
            return
        close_old_connections()
        now = self._clock()
        bodies = [message.body for message in self._batch]
        record.record_messages(bodies, resolver=self._resolver, now=now)
        self._session.count(len(self._batch), self._clock(), sent_at=record.oldest(bodies))
        self._log_recovery("pciops' own database answers", "database")
        link.default_channel.basic_ack(self._batch[-1].delivery_tag, multiple=True)
        self._batch.clear()

    # --- Not connected ----------------------------------------------------------------------------
    def _disconnected(self, problem: str, words: str, level: int = logging.WARNING) -> None:
        self._log_problem(problem, words, level)
        self._record_session(lambda: self._session.disconnect(words, self._clock()))

    def _wait(self) -> None:
        """Wait, longer each time, and not all consumers equally long."""
        self._stop.wait(self._pause * random.uniform(0.5, 1))  # noqa: S311 (no secret)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _record_session(self, write: Callable[[], None]) -> None:
        """Write about the session, unless the database is down as well."""
        try:
            close_old_connections()
            write()
        except (DatabaseError, InterfaceError) as error:
            self._database_failed(error)

    def _database_failed(self, error: Exception) -> None:
        words = f"pciops' own database does not answer: {reason(error)}"
        self._log_problem("database", words, logging.WARNING)

    def _log_problem(self, problem: str, words: str, level: int) -> None:
        """Log one line when a problem begins, not one for each attempt."""
        if problem not in self._problems:
            log.log(level, "%s", words, exc_info=level >= logging.ERROR)
        self._problems.add(problem)

    def _log_recovery(self, words: str, *problems: str) -> None:
        """Log one line when problems are over."""
        if self._problems.intersection(problems):
            log.info("%s", words)
        self._problems.difference_update(problems)
