"""Facts about each host of Keystone's database, as far as our login may see them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import pymysql
from pymysql.constants import ER
from pymysql.cursors import DictCursor

from pciops.keystone.mysql import base
from pciops.keystone.mysql.base import DatabaseWrapper, Host

_LAG: Final = ("Seconds_Behind_Source", "Seconds_Behind_Master")  # of MySQL, and of MariaDB


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """A host as our login sees it. None is unknown; an error means that it does not answer."""

    name: str
    error: str = ""
    server: str = ""
    read_only: bool | None = None
    wsrep: dict[str, str] | None = field(default_factory=dict)  # its status; empty without Galera
    lag: timedelta | None = None  # behind its primary
    lag_unknown: str = ""  # why

    @property
    def ready(self) -> bool:
        """Return whether it answers queries: a Galera node outside of its cluster does not."""
        return not self.error and (not self.wsrep or self.wsrep.get("wsrep_ready") == "ON")

    def __str__(self) -> str:
        """Return the facts as part of a sentence."""
        written = {None: "read_only unknown", True: "read-only", False: "accepts writes"}
        facts = [self.server, written[self.read_only]]
        if self.wsrep is None:
            facts.append("state in a Galera cluster unknown")
        elif self.wsrep:
            facts.append(
                "Galera: {wsrep_local_state_comment} in a {wsrep_cluster_status} cluster of"
                " {wsrep_cluster_size}, {wsrep_local_recv_queue} write sets to apply".format_map(
                    self.wsrep
                )
            )
        if self.lag is not None:
            facts.append(f"{self.lag.total_seconds():.0f} s behind its primary")
        elif self.lag_unknown:
            facts.append(f"its delay is unknown ({self.lag_unknown})")
        return ", ".join(facts)


def look_at(wrapper: DatabaseWrapper, host: Host) -> HostFacts:
    """Return the facts about a host, with a connection of its own."""
    name = base.name(host)
    try:
        connection = wrapper.connect_to(host, wrapper.get_connection_params())
    except pymysql.Error as error:
        return HostFacts(name=name, error=str(error.args[-1]))
    with contextlib.closing(connection):
        version = str(connection.get_server_info()).removeprefix("5.5.5-")  # of old MariaDBs
        maria, _, _ = version.partition("-MariaDB")
        read_only = None
        with contextlib.suppress(pymysql.Error):
            read_only = base.is_read_only(connection)
        lag, lag_unknown = _lag(connection) if read_only else (None, "")
        return HostFacts(
            name=name,
            server=f"MariaDB {maria}" if maria != version else f"MySQL {version}",
            read_only=read_only,
            wsrep=_wsrep(connection),
            lag=lag,
            lag_unknown=lag_unknown,
        )


def _wsrep(connection: Any) -> dict[str, str] | None:
    """Return the status of a Galera node; {} of any other server, None if it cannot be read."""
    try:
        rows = _rows(connection, "SHOW GLOBAL STATUS LIKE 'wsrep_%'")
    except pymysql.Error:
        return None
    status = {str(row["Variable_name"]): str(row["Value"]) for row in rows}
    return status if status.get("wsrep_provider_name") else {}


def _lag(connection: Any) -> tuple[timedelta | None, str]:
    """Return how far a replica is behind its primary, or why that is unknown."""
    try:
        try:
            rows = _rows(connection, "SHOW REPLICA STATUS")
        except pymysql.ProgrammingError as error:
            if error.args[0] != ER.PARSE_ERROR:
                raise
            rows = _rows(connection, "SHOW SLAVE STATUS")  # before MySQL 8.0.22 and MariaDB 10.5
    except pymysql.Error as error:
        return None, str(error.args[-1])
    if not rows:
        return None, "it replicates from no primary"
    seconds = next((rows[0][column] for column in _LAG if column in rows[0]), None)
    if seconds is None:
        return None, "its replication is stopped"
    return timedelta(seconds=int(seconds)), ""


def _rows(connection: Any, sql: str) -> list[dict[str, Any]]:
    with connection.cursor(DictCursor) as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
