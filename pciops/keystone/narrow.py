"""Text that no column of Keystone's database can hold: it matches nothing.

Older databases have columns of `utf8mb3` or `latin1`. MariaDB and MySQL refuse a whole statement if
one of its values has a character that the column cannot hold, and so one such id among a thousand,
which a stranger chooses at a sign-in, would hide all the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from pciops.keystone import ALIAS, PRIMARY_ALIAS, UNLOCK_ALIAS

# "Illegal mix of collations" of two operands, of three, and of more.
ILLEGAL_MIX: Final = frozenset({1267, 1270, 1271})

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


def watch(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Add `without_foreign_text` to a new connection to Keystone's database."""
    aliases = {ALIAS, PRIMARY_ALIAS, UNLOCK_ALIAS}
    if connection.alias not in aliases or connection.vendor != "mysql":
        return
    if without_foreign_text not in connection.execute_wrappers:
        connection.execute_wrappers.append(without_foreign_text)


def connect() -> None:
    """Watch all connections from now on."""
    connection_created.connect(watch, dispatch_uid=f"{__name__}.watch")


def without_foreign_text(
    execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Execute the statement; if a column cannot hold one of its texts, with NULL instead of it.

    No comparison with NULL is true, so the text matches nothing. First the texts with characters
    outside of `utf8mb3` are left out, then all outside of ASCII.
    """
    for last in ("\uffff", "\x7f"):
        try:
            return execute(sql, params, many, context)
        except OperationalError as error:
            if many or not params or error.args[0] not in ILLEGAL_MIX:
                raise
            params = _without_text_beyond(last, params)
    return execute(sql, params, many, context)


def _without_text_beyond(last: str, params: Sequence[Any]) -> list[Any]:
    """Return the values, with None instead of each text that has a character after `last`."""
    return [
        None if isinstance(value, str) and value and max(value) > last else value
        for value in params
    ]
