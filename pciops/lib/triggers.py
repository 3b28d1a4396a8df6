"""Triggers with which the database itself refuses to change or delete evidence.

They are created after every `migrate`, not by a migration: SQLite drops a table's triggers
whenever a migration rebuilds the table.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pciops.lib import privileges

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Guard:
    """A trigger that protects rows of a table."""

    name: str
    table: str
    verb: Literal["UPDATE", "DELETE"]
    refused: str  # SQL that is true of the protected rows, which it calls OLD
    sentence: str  # the error of the database


def install(guards: Sequence[Guard], using: str = "default") -> None:
    """Create the missing triggers; without the right to do so, log a warning and go on.

    All tables of the guards have to exist. MariaDB and MySQL run a trigger with the rights of the
    login that made it: one of another login, which a restored backup may name, is made anew.
    """
    connection = connections[using]
    try:
        for name in _of_another_login(guards, connection):
            with connection.cursor() as cursor:
                cursor.execute(f"DROP TRIGGER {name}")
        present = installed(guards, using)
        for guard in (guard for guard in guards if guard.name not in present):
            for statement in _statements(connection, guard):
                with connection.cursor() as cursor:
                    cursor.execute(statement)
    except DatabaseError as error:
        # PostgreSQL lets the owner of a table make triggers: there it is an error.
        if connection.vendor != "mysql" or not privileges.denied(error):
            raise
        log.warning(
            "the database doesn't let pciops create triggers, so it won't refuse changes to %s; "
            "verification still finds them: %s",
            ", ".join(sorted({guard.table for guard in guards})),
            error.args[-1],
        )


def remove(guards: Sequence[Guard], using: str = "default") -> None:
    """Drop the triggers on SQLite, which could not rebuild a table that another's trigger reads.

    `install` makes them again after the migrations.
    """
    if connections[using].vendor == "sqlite":
        for name in installed(guards, using):
            with connections[using].cursor() as cursor:
                cursor.execute(f"DROP TRIGGER {name}")


def installed(guards: Sequence[Guard], using: str = "default") -> set[str]:
    """Return the names of the guards whose triggers exist."""
    with connections[using].cursor() as cursor:
        cursor.execute(_LISTED[connections[using].vendor])
        return {row[0] for row in cursor.fetchall()} & {guard.name for guard in guards}


def read_again(connection: BaseDatabaseWrapper) -> None:
    """Let MariaDB read the triggers of all tables again; not within a transaction.

    MariaDB parses the triggers of a table each time it opens it. If the statement is stopped just
    then, by a conflict on a Galera cluster or a time limit, the table stays open without them, and
    refuses the writes of everybody (seen in 10.11). ALTER TABLE lets all nodes open it again, and
    ENABLE KEYS changes nothing in it.
    """
    if connection.vendor != "mysql":
        return
    try:
        # A statement of a transaction is not repeated by the connection itself.
        with transaction.atomic(connection.alias), connection.cursor() as cursor:
            cursor.execute(_GUARDED)
            for (table,) in cursor.fetchall():
                cursor.execute(f"ALTER TABLE {connection.ops.quote_name(table)} ENABLE KEYS")
    except DatabaseError as error:
        log.warning("cannot let the database read triggers again: %s", error.args[-1])


def _of_another_login(guards: Sequence[Guard], connection: BaseDatabaseWrapper) -> set[str]:
    """Return the names of the guards whose triggers run with the rights of another login."""
    if connection.vendor != "mysql":
        return set()
    with connection.cursor() as cursor:
        cursor.execute(f"{_LISTED['mysql']} AND definer <> CURRENT_USER()")
        return {row[0] for row in cursor.fetchall()} & {guard.name for guard in guards}


def are_visible(using: str = "default") -> bool:
    """Return whether the login sees triggers: on MariaDB and MySQL only with the right to them."""
    if connections[using].vendor != "mysql":
        return True
    with connections[using].cursor() as cursor:
        cursor.execute("SHOW GRANTS")
        held = " ".join(str(row[0]) for row in cursor.fetchall())
    return "TRIGGER" in held or "ALL PRIVILEGES" in held


_LISTED: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "mysql": "SELECT trigger_name FROM information_schema.triggers "
    "WHERE trigger_schema = DATABASE()",
    "postgresql": "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE pg_table_is_visible(pg_class.oid)",
}


_GUARDED: Final = (
    "SELECT DISTINCT event_object_table FROM information_schema.triggers "
    "WHERE trigger_schema = DATABASE()"
)


def _statements(connection: BaseDatabaseWrapper, guard: Guard) -> list[str]:
    head = f"CREATE TRIGGER {guard.name} BEFORE {guard.verb} ON {guard.table}"
    if connection.vendor == "sqlite":
        return [f"{head} WHEN {guard.refused} BEGIN SELECT RAISE(ABORT, '{guard.sentence}'); END"]
    if connection.vendor == "postgresql":
        passed = "OLD" if guard.verb == "DELETE" else "NEW"
        return [
            f"CREATE OR REPLACE FUNCTION {guard.name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
            f"BEGIN IF {guard.refused} THEN RAISE EXCEPTION '{guard.sentence}'; END IF; "
            f"RETURN {passed}; END $$",
            f"{head} FOR EACH ROW EXECUTE FUNCTION {guard.name}()",
        ]
    return [
        f"{head} FOR EACH ROW BEGIN IF {guard.refused} "
        f"THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{guard.sentence}'; END IF; END"
    ]
