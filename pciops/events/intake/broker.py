"""The way to Keystone's notifications in RabbitMQ: connection, exchange, and a queue of our own."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

HEARTBEAT: Final = 30  # seconds
MESSAGE: Final = 4096  # bytes that a message has at most, on the average

# The codes with which RabbitMQ closes a channel.
_REFUSED: Final = 403
_NOT_FOUND: Final = 404
_OTHERWISE: Final = 406

log = logging.getLogger(__name__)


class BrokerError(Exception):
    """Why notifications do not come, for logs and pages; it holds no password."""


class NoExchangeError(BrokerError):
    """Keystone has not published yet, or under another name."""


def connection(url: str, *, timeout: float) -> Connection:
    """Not connected yet. The certificate of RabbitMQ and its name are checked."""
    made = Connection(url, connect_timeout=timeout, heartbeat=HEARTBEAT)
    if made.transport_cls == "amqps":
        made.ssl = {
            "ca_certs": settings.NOTIFICATIONS_CACERT or None,
            "cert_reqs": ssl.CERT_REQUIRED,
            "server_hostname": made.hostname,
        }
    return made


def connect(url: str, *, timeout: float = 5) -> Connection:
    """A connection that is open.

    Raises:
        BrokerError
    """
    made = connection(url, timeout=timeout)
    try:
        made.ensure_connection(max_retries=1, timeout=timeout)
    except Exception as error:  # what kombu and its transports raise has no base of its own
        made.release()
        raise BrokerError(f"{address(made)} does not answer: {reason(error)}") from error
    return made


def address(made: Connection) -> str:
    """Whom it is to, without login and password."""
    return f"{made.hostname}:{made.port or (5671 if made.ssl else 5672)}"


def reason(error: BaseException) -> str:
    """In one line what is wrong."""
    if isinstance(error, OperationalError) and error.__cause__ is not None:
        error = error.__cause__
    words = getattr(error, "reply_text", "") or getattr(error, "strerror", "") or str(error)
    return " ".join(f"{words or type(error).__name__}".split())


class Topology:
    """Keystone's exchange, which is its own, and our queue.

    We never declare the exchange as something that it is not: with other properties than its own
    Keystone could not publish any more. So it has to be there. Where it went with a restart of
    RabbitMQ (Keystone's is not durable), it is made again as it was.
    """

    def __init__(self) -> None:
        self._was: Exchange | None = None
        self._warned = False

    def prepare(self, made: Connection) -> str:
        """The name of our queue, which is there and bound.

        Raises:
            NoExchangeError
        """
        name = settings.NOTIFICATIONS_EXCHANGE
        if self._tried(made, lambda channel: _exchange(name, passive=True)(channel).declare()):
            self._was = self._was or self._probed(made, name)
        elif self._was is None:
            raise NoExchangeError(f"there is no exchange {name!r}: Keystone has not published yet")
        else:
            again = self._was
            self._tried(made, lambda channel: again(channel).declare())
        queue = self._queue()
        if not self._tried(made, lambda channel: queue(channel).queue_declare()):
            if not self._warned:
                log.warning("the queue %r cannot be made as the settings say", queue.name)
            self._warned = True
        self.bind(made.default_channel)
        return settings.NOTIFICATIONS_QUEUE

    def bind(self, channel: Any) -> None:
        """Also now and then later: who deletes the exchange deletes our binding with it."""
        channel.queue_bind(
            queue=settings.NOTIFICATIONS_QUEUE,
            exchange=settings.NOTIFICATIONS_EXCHANGE,
            routing_key=f"{settings.NOTIFICATIONS_TOPIC}.info",
        )

    def _queue(self) -> Queue:
        length = settings.NOTIFICATIONS_QUEUE_LENGTH
        return Queue(
            settings.NOTIFICATIONS_QUEUE,
            durable=True,
            queue_arguments={
                "x-max-length": length,
                "x-max-length-bytes": length * MESSAGE,
                "x-overflow": "drop-head",
            },
        )

    def _probed(self, made: Connection, name: str) -> Exchange | None:
        """What would have to be made again, found by declaring what is there: that changes nothing.

        A durable one outlives RabbitMQ: where it is gone, somebody wanted that. And our login may
        not be allowed to make it, which is the safest.
        """
        usual = _exchange(name)
        return usual if self._tried(made, lambda channel: usual(channel).declare()) else None

    def _tried(self, made: Connection, act: Callable[[Any], object]) -> bool:
        """On a channel of its own, which RabbitMQ closes where it says no."""
        channel = made.channel()
        try:
            act(channel)
        except made.channel_errors as error:
            if getattr(error, "reply_code", 0) not in {_REFUSED, _NOT_FOUND, _OTHERWISE}:
                raise
            return False
        else:
            channel.close()
            return True


def _exchange(name: str, *, passive: bool = False) -> Exchange:
    """As Keystone makes it unless keystone.conf says otherwise."""
    return Exchange(name, "topic", durable=False, auto_delete=False, passive=passive)
