"""Sends a copy of each settled row to syslog (RFC 5424), with the row as JSON.

The copy is out of reach of the database's administrator. It never blocks an act: a row that the
receiver does not take at once is logged as lost, and nothing more is sent to it for a while.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import ssl
import threading
import time
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from pciops.audit import chain
from pciops.audit.models import Event

FACILITY: Final = 13  # "log audit"
INFORMATIONAL: Final = 6
WARNING: Final = 4
PORTS: Final = {"udp": 514, "tcp": 601, "tls": 6514}
TIMEOUT: Final = 2.0  # seconds that an act waits for the receiver, at most
PAUSE: Final = 30.0  # seconds without an attempt after a failure

log = logging.getLogger(__name__)


class SyslogSender:
    """The connection of this process to the receiver, shared by its threads."""

    def __init__(self) -> None:
        self.lost = 0  # rows since the start of this process
        self._lock = threading.Lock()
        self._open: tuple[str, socket.socket] | None = None
        self._not_before = 0.0

    def send(self, url: str, message: bytes) -> bool:
        """Send one message; return False if it is lost."""
        with self._lock:
            if time.monotonic() < self._not_before:
                self.lost += 1
                return False
            try:
                self._write(url, message)
            except (OSError, ValueError) as error:  # ValueError: no certificate in the file
                self.lost += 1
                self._not_before = time.monotonic() + PAUSE
                log.error(
                    "syslog at %s does not take the trail: %s; %d rows are missing there",
                    url,
                    error,
                    self.lost,
                )
                return False
            return True

    def close(self) -> None:
        """Close the connection, and end the pause after a failure."""
        if self._open:
            self._open[1].close()
        self._open, self._not_before = None, 0.0

    def _write(self, url: str, message: bytes) -> None:
        streamed = url.startswith(("tcp:", "tls:"))
        framed = b"%d %s" % (len(message), message) if streamed else message  # RFC 6587
        reused = self._open is not None and self._open[0] == url
        try:
            self._connected(url).sendall(framed)
        except OSError:
            self.close()
            if not reused:
                raise
            self._connected(url).sendall(framed)  # the receiver was restarted

    def _connected(self, url: str) -> socket.socket:
        if self._open and self._open[0] == url:
            if not _is_closed(self._open[1]):
                return self._open[1]
            self.close()
        connection = _connect(url)
        self._open = (url, connection)
        return connection


SENDER: Final = SyslogSender()


def send(event: Event) -> None:
    """Send a row of the chain, if a receiver is set; never raises an exception."""
    if settings.SYSLOG_URL:
        SENDER.send(settings.SYSLOG_URL, message(event))


def message(event: Event) -> bytes:
    """Return the row in RFC 5424, its JSON with the hashed content and the hash."""
    severity = INFORMATIONAL if event.outcome == Event.Outcome.SUCCESS else WARNING
    row = chain.content(event) | {"hash": event.hash}
    host = "".join(c for c in event.observer if "!" <= c <= "~") or "-"
    head = (
        f"<{FACILITY * 8 + severity}>1 {row.get('settled_at', '-')} {host} pciops "
        f"{os.getpid()} {event.action} -"
    )
    return f"{head} {json.dumps(row, sort_keys=True)}".encode()


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return _datagrams(socket.AF_UNIX, parts.path)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    if parts.scheme == "udp":
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        return _datagrams(family, address)
    connection = socket.create_connection((host, port), timeout=TIMEOUT)
    if parts.scheme == "tcp":
        return connection
    try:
        context = ssl.create_default_context(cafile=settings.SYSLOG_CACERT or None)
        return context.wrap_socket(connection, server_hostname=host)
    except OSError:
        connection.close()
        raise


def _datagrams(family: int, address: Any) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_DGRAM)
    connection.settimeout(TIMEOUT)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def _is_closed(connection: socket.socket) -> bool:
    """Return whether the receiver, which never sends data, has closed the connection."""
    if connection.type != socket.SOCK_STREAM or isinstance(connection, ssl.SSLSocket):
        return False
    try:
        connection.setblocking(False)
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    finally:
        connection.settimeout(TIMEOUT)
