"""Galera clusters: what a node says of itself, and reads that wait for the other nodes.

A transaction that was committed on one node is applied on the others a moment later, so a read on
another node may still show what was before.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True, kw_only=True)
class Node:
    """The node that a connection leads to."""

    name: str
    state: str  # "Synced" if it has all that was committed, or is about to
    nodes: int  # that it sees, with itself


def node(connection: BaseDatabaseWrapper) -> Node | None:
    """Return the node; None if the server is not one of a Galera cluster."""
    if connection.vendor != "mysql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SHOW VARIABLES WHERE variable_name IN ('wsrep_on', 'wsrep_node_name')")
        values = dict(cursor.fetchall())
        if values.get("wsrep_on") != "ON":
            return None
        cursor.execute(
            "SHOW STATUS WHERE variable_name IN ('wsrep_cluster_size', 'wsrep_local_state_comment')"
        )
        values |= dict(cursor.fetchall())
    return Node(
        name=values["wsrep_node_name"],
        state=values["wsrep_local_state_comment"],
        nodes=int(values["wsrep_cluster_size"]),
    )


def wait_for_writes(connection: BaseDatabaseWrapper) -> None:
    """Wait until the next read shows all that was committed before this call, on every node.

    Raises:
        django.db.DatabaseError: the server does not answer, or waits for longer than a statement
            may take.
    """
    if connection.vendor != "mysql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
        if dict(cursor.fetchall()).get("wsrep_on") != "ON":
            return
        cursor.execute("SET SESSION wsrep_sync_wait = 1")  # before SELECT
        try:
            cursor.execute("SELECT 1")
            cursor.fetchall()
        finally:
            cursor.execute("SET SESSION wsrep_sync_wait = DEFAULT")
