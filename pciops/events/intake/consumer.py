"""The resident process that takes notifications in: read, keep, acknowledge, in that order.

Messages are acknowledged when the transaction that keeps them is over. So after a crash, of this
process or of RabbitMQ, some come again, which does no harm: `services.take_in`.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError, InterfaceError, close_old_connections
from kombu import Connection, Consumer, Message, Queue

from pciops.events.intake import broker, record
from pciops.events.intake.broker import BrokerError, NoExchangeError, Topology
from pciops.events.intake.sessions import ENDED, Run
from pciops.events.names import Names
from pciops.keystone.database import reason

BATCH: Final = 1000  # messages in one transaction
AGE: Final = 0.5  # seconds that the first of them waits for the others
PREFETCH: Final = 2 * BATCH  # what RabbitMQ sends ahead, and memory holds at most
TICK: Final = 0.25  # seconds, so often the clock is looked at
BEAT: Final = timedelta(seconds=10)
SOON: Final = 0.5  # seconds until the first try again
LATE: Final = 2.0  # and until each of the later ones: while we are away Keystone's may be lost

_WAYS: Final = ("new", "broker", "exchange", "fault")  # what a connection ends

log = logging.getLogger(__name__)


class NotificationConsumer:
    """One consumer; `run` returns after `stop`, from a signal or another thread."""

    def __init__(self, urls: Sequence[str], *, clock: Callable[[], datetime]) -> None:
        self._urls = list(urls)
        self._clock = clock
        self._names = Names()
        self._topology = Topology()
        self._run = Run(clock())
        self._stop = threading.Event()
        self._ill = {"new"}  # what does not work, and was said to
        self._pause = SOON
        self._batch: list[Message] = []
        self._began = 0.0  # when the first of the batch came

    @property
    def taken(self) -> int:
        """How many messages were taken in."""
        return self._run.messages

    def stop(self) -> None:
        """End after the batch in hand."""
        self._stop.set()

    def run(self) -> None:
        """Take notifications in, whatever happens, until `stop`."""
        while not self._stop.is_set():
            try:
                self._serve()
            except NoExchangeError as error:
                self._away("exchange", str(error))
                self._pause = SOON  # what Keystone publishes before we are there is lost to us
            except BrokerError as error:
                self._away("broker", str(error))
            except (DatabaseError, InterfaceError) as error:
                self._say("database", f"pciops' own database does not answer: {reason(error)}")
            except Exception as error:
                self._away("fault", f"{type(error).__name__}: {broker.reason(error)}", fault=True)
            self._batch.clear()  # RabbitMQ sends them again
            if not self._stop.is_set():
                self._rest()
        self._noted(lambda: self._run.end(ENDED, self._clock()))
        log.info("ended, %d messages taken in", self.taken)

    # --- Connected --------------------------------------------------------------------------------
    def _serve(self) -> None:
        link = self._connected()
        try:
            with self._consuming(link):
                self._run.connect(self._clock())
                self._well(f"connected to {broker.address(link)}", *_WAYS)
                self._drain(link)
                self._flush(link)
        except (*link.connection_errors, *link.channel_errors) as error:
            link.collect()  # asks nobody who may be gone
            words = f"{broker.address(link)} is gone: {broker.reason(error)}"
            raise BrokerError(words) from error
        except BaseException:
            link.collect()
            raise
        link.release()

    def _consuming(self, link: Connection) -> Consumer:
        queue = self._topology.prepare(link)
        link.default_channel.basic_qos(0, PREFETCH, False)
        return Consumer(
            link.default_channel,
            [Queue(queue, no_declare=True)],
            on_message=self._take,
            auto_declare=False,
        )

    def _connected(self) -> Connection:
        """To the node that served us last, or the first of the others that answers."""
        for _ in self._urls:
            try:
                return broker.connect(self._urls[0])
            except BrokerError as error:
                failed = error
                self._urls.append(self._urls.pop(0))
        raise failed

    def _drain(self, link: Connection) -> None:
        due = self._clock() + BEAT
        while not self._stop.is_set():
            try:
                link.drain_events(timeout=TICK)
            except TimeoutError:
                link.heartbeat_check()
            if len(self._batch) >= BATCH or (self._batch and time.monotonic() - self._began >= AGE):
                self._flush(link)
                link.heartbeat_check()
            if self._clock() >= due:
                due = self._clock() + BEAT
                close_old_connections()
                self._run.beat(self._clock())
                self._topology.bind(link.default_channel)
                self._pause = SOON

    def _take(self, message: Message) -> None:
        if not self._batch:
            self._began = time.monotonic()
        self._batch.append(message)

    def _flush(self, link: Connection) -> None:
        """Keep the batch, then acknowledge all of it by its last."""
        if not self._batch:
            return
        close_old_connections()
        now = self._clock()
        record.take_in([message.body for message in self._batch], names=self._names, now=now)
        self._run.took(len(self._batch), now)
        self._well("pciops' own database answers", "database")
        link.default_channel.basic_ack(self._batch[-1].delivery_tag, multiple=True)
        self._batch.clear()

    # --- Not connected ----------------------------------------------------------------------------
    def _away(self, state: str, words: str, *, fault: bool = False) -> None:
        self._say(state, words, logging.ERROR if fault else logging.WARNING, fault=fault)
        self._noted(lambda: self._run.lose(words, self._clock()))

    def _rest(self) -> None:
        """Wait a little longer each time, and not all consumers at once."""
        until = time.monotonic() + self._pause * random.uniform(0.5, 1)  # noqa: S311 (no secret)
        self._pause = min(2 * self._pause, LATE)
        while (left := until - time.monotonic()) > 0 and not self._stop.is_set():
            self._stop.wait(min(left, BEAT.total_seconds()))

    def _noted(self, note: Callable[[], None]) -> None:
        """A note about ourselves, which can wait where the database is away as well."""
        try:
            close_old_connections()
            note()
        except (DatabaseError, InterfaceError) as error:
            self._say("database", f"pciops' own database does not answer: {reason(error)}")

    def _say(
        self, state: str, words: str, level: int = logging.WARNING, *, fault: bool = False
    ) -> None:
        """One line when something stops working, not one for each try."""
        if state not in self._ill:
            log.log(level, "%s", words, exc_info=fault)
        self._ill.add(state)

    def _well(self, words: str, *states: str) -> None:
        """And one when it works again."""
        if self._ill.intersection(states):
            log.info("%s", words)
        self._ill.difference_update(states)
