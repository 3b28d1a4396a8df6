"""Django's MySQL backend with several hosts: it connects to the first that answers.

A read whose host goes away in the middle is repeated on the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import pymysql
from django.db import Error, InterfaceError, OperationalError
from django.db.backends.mysql import base

Host = tuple[str, int]
Execute = Callable[[str, Any, bool, dict[str, Any]], Any]

AVOIDED_FOR: Final = 30  # seconds in which a host that did not answer comes after the others
# Refusals of a statement, which was not executed: a node of Galera that is not part of its cluster.
NOT_READY: Final = frozenset({1047})
# Errors after which the connection is of no use: the host is shutting down, the connection was
# killed (MariaDB), is gone, was lost (also after `read_timeout`), or was idle for too long (MySQL).
LOST: Final = frozenset({1053, 1927, 2006, 2013, 2055, 4031})

_avoided: dict[Host, float] = {}  # of this process: host → until when, by time.monotonic()


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to one of `HOSTS` in its settings, or to `HOST` and `PORT` without them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.host: Host = self.hosts[0]  # of the present or the last connection
        self.reconnecting = False
        self.execute_wrappers.append(repeat_read)

    @property
    def hosts(self) -> list[Host]:
        """Return the hosts in the order of the setting."""
        settings = self.settings_dict
        only: Host = (settings["HOST"], int(settings["PORT"] or 3306))
        return list(settings.get("HOSTS") or [only])

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect to the first host that answers; those that lately did not come last."""
        failures: dict[Host, pymysql.Error] = {}
        for host in sorted(self.hosts, key=_is_avoided):
            try:
                connection = self.connect_to(host, conn_params)
            except pymysql.Error as error:
                avoid(host)
                failures[host] = error
            else:
                self.host = host
                return connection
        if len(failures) == 1:
            raise failures.popitem()[1]
        reasons = (f"{name(host)}: {error.args[-1]}" for host, error in failures.items())
        raise pymysql.OperationalError(2003, f"None of the hosts answers. {'; '.join(reasons)}")

    def connect_to(self, host: Host, conn_params: dict[str, Any]) -> Any:
        """Return a connection of the driver to this host, or raise an error of the driver."""
        address, port = host
        other = {"unix_socket": address} if address.startswith("/") else {"host": address}
        params = {**conn_params, **(other if address else {}), "port": port}
        # The driver limits only the TCP connection by `connect_timeout`. A host that hangs accepts
        # that, and says nothing.
        limit, usual = params.get("connect_timeout"), params.get("read_timeout")
        connection = super().get_new_connection({**params, "read_timeout": limit or usual})
        connection._read_timeout = usual  # noqa: SLF001 (there is no public way to change it)
        return connection


def repeat_read(
    execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Execute the statement; if its host goes away, execute it on the next one.

    Each host is tried once, or a single one twice. Only sessions that read are repeated: nobody
    knows whether a write that was lost was carried out.
    """
    connection: DatabaseWrapper = context["connection"]
    for _ in range(max(1, len(connection.hosts) - 1)):
        try:
            return execute(sql, params, many, context)
        except (OperationalError, InterfaceError) as error:
            if not _may_be_repeated(error, connection):
                raise
            _reconnect(connection, error)
            context["cursor"].cursor = connection.create_cursor()
    return execute(sql, params, many, context)


def _may_be_repeated(error: Error, connection: DatabaseWrapper) -> bool:
    code = error.args[0] if error.args else None
    if connection.in_atomic_block or connection.reconnecting:
        return False
    if connection.settings_dict.get("READS_ONLY"):
        return isinstance(error, InterfaceError) or code in LOST | NOT_READY
    return code in NOT_READY


def _reconnect(connection: DatabaseWrapper, lost: Error) -> None:
    """Connect to the next host, or raise an OperationalError that says what happened."""
    avoid(connection.host)
    gone = f"{name(connection.host)} went away in the middle"
    gone = f"{gone} ({lost.args[-1]})" if lost.args and lost.args[-1] else gone
    connection.close()
    connection.reconnecting = True  # its own statements are not repeated
    try:
        connection.ensure_connection()
    except (OperationalError, InterfaceError) as error:
        raise OperationalError(2013, f"{gone}. {error.args[-1]}") from error
    finally:
        connection.reconnecting = False


def name(host: Host) -> str:
    """Return the host as the setting has it."""
    address, port = host
    return address if address.startswith("/") else f"{address or 'localhost'}:{port}"


def avoid(host: Host) -> None:
    """Let this host come after the others for a while."""
    _avoided[host] = time.monotonic() + AVOIDED_FOR


def _is_avoided(host: Host) -> bool:
    return _avoided.get(host, 0.0) > time.monotonic()
