"""The database itself refuses to change a row of the chain, and to delete one without a stub.

They are made after every `migrate`, not by a migration: SQLite drops a table's triggers whenever
a migration makes the table anew.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from django.db import DatabaseError, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from pciops.audit.models import Event

NAMES: Final = {"UPDATE": "audit_event_no_update", "DELETE": "audit_event_no_delete"}
REFUSED: Final = {
    "UPDATE": "OLD.position IS NOT NULL",
    "DELETE": "OLD.position IS NOT NULL AND NOT EXISTS "
    "(SELECT 1 FROM audit_stub WHERE last_position >= OLD.position)",
}
SENTENCE: Final = "the trail is append-only"
# MySQL's numbers: no right to make triggers; the same, because of its binary log.
MAY_NOT: Final = (1142, 1227, 1419)

log = logging.getLogger(__name__)


def install(using: str = "default", **_: Any) -> None:
    """Make the triggers that are missing; where pciops may not, say so and go on."""
    if not router.allow_migrate_model(using, Event):
        return
    connection = connections[using]
    if not {"audit_event", "audit_stub"} <= set(connection.introspection.table_names()):
        return  # migrate was asked for less
    present = found(using)
    try:
        for verb in (verb for verb, name in NAMES.items() if name not in present):
            for statement in _statements(connection, verb):
                with connection.cursor() as cursor:
                    cursor.execute(statement)
    except DatabaseError as error:
        if error.args[0] not in MAY_NOT:
            raise
        log.warning(
            "the database does not let pciops make triggers, so it will not refuse changes of "
            "the trail by itself; verify_audit finds them all the same: %s",
            error.args[-1],
        )


def found(using: str = "default") -> set[str]:
    """The names of those triggers that are there."""
    with connections[using].cursor() as cursor:
        cursor.execute(_LISTED[connections[using].vendor])
        return {row[0] for row in cursor.fetchall()} & set(NAMES.values())


_LISTED: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "mysql": "SELECT trigger_name FROM information_schema.triggers "
    "WHERE trigger_schema = DATABASE()",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit_event'::regclass",
}


def _statements(connection: BaseDatabaseWrapper, verb: str) -> list[str]:
    name, refused = NAMES[verb], REFUSED[verb]
    if connection.vendor == "sqlite":
        return [
            f"CREATE TRIGGER {name} BEFORE {verb} ON audit_event WHEN {refused} "
            f"BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END"
        ]
    if connection.vendor == "postgresql":
        passed = "OLD" if verb == "DELETE" else "NEW"
        return [
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {refused} THEN RAISE EXCEPTION '{SENTENCE}'; END IF; RETURN {passed}; END $$",
            f"CREATE TRIGGER {name} BEFORE {verb} ON audit_event "
            f"FOR EACH ROW EXECUTE FUNCTION {name}()",
        ]
    return [
        f"CREATE TRIGGER {name} BEFORE {verb} ON audit_event FOR EACH ROW BEGIN IF {refused} "
        f"THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{SENTENCE}'; END IF; END"
    ]
