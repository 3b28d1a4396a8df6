"""Connects to Keystone's notifications in RabbitMQ: connection, exchange, and our own queue."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

HEARTBEAT: Final = 30  # seconds
MESSAGE_BYTES: Final = 4096  # average limit, for the size of the queue
# RabbitMQ 4 drops a message of a quorum queue that came back 20 times, as all do while our database
# is down. This is the largest limit; not every version has a value for none.
DELIVERY_LIMIT: Final = 2**31 - 1

# The codes with which RabbitMQ closes a channel.
_ACCESS_REFUSED: Final = 403
_NOT_FOUND: Final = 404
_PRECONDITION_FAILED: Final = 406

log = logging.getLogger(__name__)


class BrokerError(Exception):
    """The reason why notifications do not arrive, for logs and pages, without passwords."""


class NoExchangeError(BrokerError):
    """Keystone has not published yet, or uses another exchange."""


def connect(url: str, *, timeout: float = 5) -> Connection:
    """Return a connection with RabbitMQ's certificate and name verified, or raise BrokerError."""
    link = Connection(url, connect_timeout=timeout, heartbeat=HEARTBEAT)
    if link.transport_cls == "amqps":
        link.ssl = {
            "ca_certs": settings.NOTIFICATIONS_CACERT or None,
            "cert_reqs": ssl.CERT_REQUIRED,
            "server_hostname": link.hostname,
        }
    try:
        link.ensure_connection(max_retries=1, interval_start=0.2, timeout=timeout)
    except Exception as error:  # the errors of kombu and its transports have no common base
        link.release()
        raise BrokerError(f"{address(link)} does not answer: {reason(error)}") from error
    return link


def address(link: Connection) -> str:
    """Return host and port, without login and password."""
    return f"{link.hostname}:{link.port or (5671 if link.ssl else 5672)}"


def reason(error: BaseException) -> str:
    """Return the reason of an error in one line."""
    if isinstance(error, OperationalError) and error.__cause__ is not None:
        error = error.__cause__
    text = getattr(error, "reply_text", "") or getattr(error, "strerror", "") or str(error)
    return " ".join(f"{text or type(error).__name__}".split())


class Topology:
    """Keystone's exchange and our queue.

    Keystone could not publish if pciops declared its exchange with other properties, so the
    exchange must exist first. If a restart of RabbitMQ has removed it (Keystone's is not durable),
    it is declared again as it was.
    """

    def __init__(self) -> None:
        self._known: Exchange | None = None
        self._warned = False

    def prepare(self, link: Connection) -> str:
        """Return the name of our queue, which exists and is bound, or raise NoExchangeError."""
        name = settings.NOTIFICATIONS_EXCHANGE
        if self._accepts(link, lambda channel: _exchange(name, passive=True)(channel).declare()):
            self._known = self._known or self._probe(link, name)
        elif self._known is None:
            raise NoExchangeError(f"there is no exchange {name!r}: Keystone has not published yet")
        else:
            known = self._known
            self._accepts(link, lambda channel: known(channel).declare())
        queue = _queue()
        if not self._accepts(link, lambda channel: queue(channel).queue_declare()):
            if not self._warned:
                log.warning(
                    "the queue %r does not match the settings, or the login can't create it; to "
                    "create it again, stop the consumers and delete the queue when it is empty",
                    queue.name,
                )
            self._warned = True
        self.bind(link.default_channel)
        return settings.NOTIFICATIONS_QUEUE

    def bind(self, channel: Any) -> None:
        """Bind our queue; repeated at times, since deleting the exchange deletes the binding."""
        channel.queue_bind(
            queue=settings.NOTIFICATIONS_QUEUE,
            exchange=settings.NOTIFICATIONS_EXCHANGE,
            routing_key=f"{settings.NOTIFICATIONS_TOPIC}.info",
        )

    def _probe(self, link: Connection, name: str) -> Exchange | None:
        """Return the exchange to declare again, if it is Keystone's usual one.

        To declare an existing exchange changes nothing. A durable exchange survives RabbitMQ: if
        it is gone, it was removed on purpose. Our login may not be allowed to declare it, which is
        the safest.
        """
        usual = _exchange(name)
        return usual if self._accepts(link, lambda channel: usual(channel).declare()) else None

    def _accepts(self, link: Connection, act: Callable[[Any], object]) -> bool:
        """Return whether RabbitMQ accepts this, on a separate channel that a refusal closes."""
        channel = link.channel()
        try:
            act(channel)
        except link.channel_errors as error:
            if getattr(error, "reply_code", 0) not in {
                _ACCESS_REFUSED,
                _NOT_FOUND,
                _PRECONDITION_FAILED,
            }:
                raise
            return False
        else:
            channel.close()
            return True


def _exchange(name: str, *, passive: bool = False) -> Exchange:
    """Return the exchange as Keystone declares it by default."""
    return Exchange(name, "topic", durable=False, auto_delete=False, passive=passive)


def _queue() -> Queue:
    length = settings.NOTIFICATIONS_QUEUE_LENGTH
    arguments = {
        "x-max-length": length,
        "x-max-length-bytes": length * MESSAGE_BYTES,
        "x-overflow": "drop-head",
    }
    if settings.QUEUE_TYPE == "quorum":
        arguments |= {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT}
    return Queue(settings.NOTIFICATIONS_QUEUE, durable=True, queue_arguments=arguments)
