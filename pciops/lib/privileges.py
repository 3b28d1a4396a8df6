"""Whether a database refused a statement because the login lacks the right to it."""

from __future__ import annotations

from typing import Final

from django.db import DatabaseError

# MySQL and MariaDB: by table, by column, by privilege, and by the binary log.
_DENIED: Final = (1142, 1143, 1227, 1419)
_INSUFFICIENT_PRIVILEGE: Final = "42501"  # PostgreSQL


def denied(error: DatabaseError) -> bool:
    """Return whether the login may not do what it tried. SQLite has no logins."""
    state = getattr(error.__cause__, "sqlstate", None)
    number = error.args[0] if error.args else None
    return state == _INSUFFICIENT_PRIVILEGE or number in _DENIED
