"""Django's MySQL backend with several hosts: it connects to the first that answers.

A read whose host goes away in the middle is repeated on the next one. The statements of jobs have
limits of their own (`pciops.keystone.limits`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

import pymysql
from django.db import Error, InterfaceError, OperationalError
from django.db.backends.mysql import base
from pymysql import converters
from pymysql.constants import FIELD_TYPE

from pciops.keystone import limits
from pciops.lib import retries

Host = tuple[str, int]
Execute = Callable[[str, Any, bool, dict[str, Any]], Any]

AVOIDED_FOR: Final = 30  # seconds in which a host that did not answer comes after the others
# Refusals of a statement, which was not executed: a node of Galera that is not part of its cluster,
# and a server that has become `read_only` since the connection was made.
REFUSED: Final = frozenset({1047, 1290, 1836})


def _time(text: str) -> Any:
    """Return what the driver does, in a twentieth of its time: it parses with a pattern.

    A date that the calendar does not have, such as 0000-00-00, remains text.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return converters.convert_datetime(text)


def _date(text: str) -> Any:
    """Return what the driver does, as `_time`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return converters.convert_date(text)


CONVERSIONS: Final = {
    **base.django_conversions,
    FIELD_TYPE.DATETIME: _time,
    FIELD_TYPE.TIMESTAMP: _time,
    FIELD_TYPE.DATE: _date,
}

READ_ONLY: Final = "SELECT @@global.read_only"

_avoided: dict[Host, float] = {}  # of this process: host → until when, by time.monotonic()


class ReadOnlyHostError(pymysql.OperationalError):  # type: ignore[misc]  # published without types
    """A host that is `read_only`, as replicas are, for a connection that needs a primary."""


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to one of `HOSTS` in its settings, or to `HOST` and `PORT` without them.

    With `PRIMARY` in its settings, a host that is `read_only` counts as not answering. With
    `READS_ONLY`, the session only reads, and statements are repeated after any loss of the host.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.host: Host = self.hosts[0]  # of the present or the last connection
        self.reconnecting = False
        self.execute_wrappers += [repeat_read, with_limits]

    @property
    def hosts(self) -> list[Host]:
        """Return the hosts in the order of the setting."""
        settings = self.settings_dict
        only: Host = (settings["HOST"], int(settings["PORT"] or 3306))
        return list(settings.get("HOSTS") or [only])

    def get_connection_params(self) -> dict[str, Any]:
        """Return the parameters of the driver, with faster conversions."""
        return {**super().get_connection_params(), "conv": CONVERSIONS}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect to the first host that answers; those that lately did not come last."""
        failures: dict[Host, pymysql.Error] = {}
        for host in sorted(self.hosts, key=_is_avoided):
            try:
                connection = self.connect_to(host, conn_params)
                if self.settings_dict.get("PRIMARY"):
                    _require_primary(connection)
            except pymysql.Error as error:
                failures[host] = error
                if not isinstance(error, ReadOnlyHostError):
                    avoid(host)
            else:
                self.host = host
                return connection
        raise _summary(failures)

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


def with_limits(
    execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Execute the statement with the limits of the job that it belongs to, if it has any."""
    limited = limits.current()
    if not limited.reaches(sql):
        return execute(sql, params, many, context)
    connection: DatabaseWrapper = context["connection"]
    statement = limited.applied(sql, is_mariadb=connection.mysql_is_mariadb)
    driver = connection.connection
    usual = driver._read_timeout  # noqa: SLF001 (there is no public way to read or change it)
    if limited.seconds is not None:
        driver._read_timeout = limited.seconds + limits.DRIVER_SECONDS  # noqa: SLF001 (the same)
    try:
        return execute(statement, params, many, context)
    finally:
        driver._read_timeout = usual  # noqa: SLF001 (the same)


def _may_be_repeated(error: Error, connection: DatabaseWrapper) -> bool:
    code = error.args[0] if error.args else None
    if connection.in_atomic_block or connection.reconnecting:
        return False
    if connection.settings_dict.get("READS_ONLY"):
        return isinstance(error, InterfaceError) or code in retries.LOST | REFUSED
    return code in REFUSED


def _reconnect(connection: DatabaseWrapper, lost: Error) -> None:
    """Connect to the next host, or raise an OperationalError that says what happened."""
    avoid(connection.host)
    gone = f"{name(connection.host)} stopped answering during the request"
    gone = f"{gone} ({lost.args[-1]})" if lost.args and lost.args[-1] else gone
    connection.close()
    connection.reconnecting = True  # its own statements are not repeated
    try:
        connection.ensure_connection()
    except (OperationalError, InterfaceError) as error:
        raise OperationalError(2013, f"{gone}. {error.args[-1]}") from error
    finally:
        connection.reconnecting = False


def is_read_only(connection: Any) -> bool:
    """Return whether the server of this connection of the driver accepts no writes of logins."""
    with connection.cursor() as cursor:
        cursor.execute(READ_ONLY)
        [value] = cursor.fetchone()
    return str(value).upper() not in {"0", "OFF"}


def _require_primary(connection: Any) -> None:
    """Close the connection and raise ReadOnlyHostError, if its server is `read_only`."""
    if is_read_only(connection):
        connection.close()
        raise ReadOnlyHostError(1290, "read_only, as a replica is")


def _summary(failures: dict[Host, pymysql.Error]) -> pymysql.Error:
    """Return one error for those of all hosts."""
    hosts = "; ".join(f"{name(host)}: {error.args[-1]}" for host, error in failures.items())
    if any(isinstance(error, ReadOnlyHostError) for error in failures.values()):
        remedy = "Name the primary in PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL"
        return pymysql.OperationalError(1290, f"No host accepts writes. {hosts}. {remedy}")
    if len(failures) > 1:
        return pymysql.OperationalError(2003, f"None of the hosts answers. {hosts}")
    return failures.popitem()[1]


def name(host: Host) -> str:
    """Return the host as the setting has it."""
    address, port = host
    return address if address.startswith("/") else f"{address or 'localhost'}:{port}"


def avoid(host: Host) -> None:
    """Let this host come after the others for a while."""
    _avoided[host] = time.monotonic() + AVOIDED_FOR


def _is_avoided(host: Host) -> bool:
    return _avoided.get(host, 0.0) > time.monotonic()
