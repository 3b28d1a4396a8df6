"""Sends a copy of each row and each anchor to syslog (RFC 5424), as JSON.

The copy is out of reach of the database's administrator. A cursor in the database says what was
sent: rows that the receiver did not take are sent later, in order and without gaps. It never blocks
an act: after a failure nothing is sent for a while.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import ssl
import threading
import time
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import QuerySet
from django.utils import timezone

from pciops.audit import chain
from pciops.audit.models import Anchor, ChainHead, Event, SyslogCursor
from pciops.lib import canonical, claims

FACILITY: Final = 13  # "log audit"
INFORMATIONAL: Final = 6
WARNING: Final = 4
PORTS: Final = {"udp": 514, "tcp": 601, "tls": 6514}
TIMEOUT: Final = 2.0  # seconds that an act waits for the receiver, at most
PAUSE: Final = 30.0  # seconds without an attempt after a failure
LEASE: Final = timedelta(seconds=30)  # of the process that sends
AT_ONCE: Final = 50  # rows that an act waits for; a worker sends the others
OVERLAP: Final = 20  # rows that are sent again after a connection broke: some may be lost

log = logging.getLogger(__name__)


class SyslogSender:
    """The connection of this process to the receiver, shared by its threads."""

    def __init__(self) -> None:
        self.broken = False  # whether a stream has ended since the last row
        self._lock = threading.Lock()
        self._open: tuple[str, socket.socket] | None = None
        self._not_before = 0.0

    def send(self, url: str, message: bytes) -> bool:
        """Send one message; return False if the receiver did not take it."""
        with self._lock:
            if time.monotonic() < self._not_before:
                return False
            try:
                self._write(url, message)
            except (OSError, ValueError) as error:  # ValueError: no certificate in the file
                self._not_before = time.monotonic() + PAUSE
                log.error(
                    "syslog at %s does not accept the audit log: %s; pciops sends the rows later",
                    url,
                    error,
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
            self.broken = True
            self._connected(url).sendall(framed)  # the receiver was restarted

    def _connected(self, url: str) -> socket.socket:
        if self._open and self._open[0] == url:
            if not _is_closed(self._open[1]):
                return self._open[1]
            self.broken = True
            self.close()
        connection = _connect(url)
        self._open = (url, connection)
        return connection


SENDER: Final = SyslogSender()


def catch_up(limit: int = AT_ONCE) -> int:
    """Send the rows and anchors after the cursor; return how many. Never raises an exception.

    If another process sends, it or the next run sends them: a worker's runs every minute.
    """
    if not settings.SYSLOG_URL:
        return 0
    try:
        return _catch_up(limit)
    except (DatabaseError, InterfaceError) as error:
        log.error("cannot read the rows for syslog: %s", error)
        return 0


def waiting() -> QuerySet[Event]:
    """Return the rows that the receiver has not taken, the oldest first.

    Before the first row is sent there are none: a new receiver gets the rows from then on.
    """
    cursor = SyslogCursor.objects.filter(pk=1).first()
    if cursor is None:
        return Event.rows.none()
    return Event.rows.filter(position__gt=cursor.position).order_by("position")


def _catch_up(limit: int) -> int:
    head = ChainHead.objects.filter(pk=1).first()
    # A receiver that is new gets the rows from now on; the JSON file has those before.
    start = {"position": max(0, head.position - 1) if head else 0}
    SyslogCursor.objects.get_or_create(pk=1, defaults=start)
    claimed = claims.claim(SyslogCursor.objects.filter(pk=1), now=timezone.now(), lease=LEASE)
    if not claimed:
        return 0
    [cursor] = claimed
    sent = 0
    try:
        sent = _send_rows(cursor, limit)
        if sent < limit:
            sent += _send_anchors(cursor, limit - sent)
    finally:
        claims.release([cursor], position=cursor.position, anchor=cursor.anchor)
    return sent


def _send_rows(cursor: SyslogCursor, limit: int) -> int:
    sent = 0
    events = Event.rows.filter(position__gt=cursor.position).order_by("position")[:limit]
    for event in events:
        if not SENDER.send(settings.SYSLOG_URL, message(event)):
            break
        if SENDER.broken:  # what the old connection had taken last may not have arrived
            SENDER.broken = False
            again = Event.rows.filter(
                position__gt=cursor.position - OVERLAP, position__lte=cursor.position
            )
            for row in again.order_by("position"):
                SENDER.send(settings.SYSLOG_URL, message(row))
        cursor.position = event.position or cursor.position
        sent += 1
    return sent


def _send_anchors(cursor: SyslogCursor, limit: int) -> int:
    sent = 0
    for anchor in Anchor.objects.filter(pk__gt=cursor.anchor).order_by("pk")[:limit]:
        if not SENDER.send(settings.SYSLOG_URL, anchor_message(anchor)):
            break
        cursor.anchor = anchor.pk
        sent += 1
    return sent


def anchor_message(anchor: Anchor) -> bytes:
    """Return an anchor in RFC 5424: its note, and its time stamp in base64."""
    body = {"anchor": anchor.note}
    if hasattr(anchor, "timestamp"):
        body["tsr"] = base64.b64encode(bytes(anchor.timestamp.reply)).decode()
    priority = FACILITY * 8 + INFORMATIONAL
    host = "".join(c for c in socket.gethostname() if "!" <= c <= "~") or "-"
    head = f"<{priority}>1 {canonical.instant(anchor.made_at)} {host} pciops {os.getpid()} anchor -"
    return f"{head} {json.dumps(body, sort_keys=True)}".encode()


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
    except OSError:  # it was reset
        return True
    finally:
        connection.settimeout(TIMEOUT)
