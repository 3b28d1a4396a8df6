"""Says that Keystone's database is down in one exception, whatever the driver calls it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, connections

from pciops.keystone.apps import ALIAS


class KeystoneDatabaseDownError(Exception):
    """Keystone's database did not answer a statement; the text is the driver's reason.

    The reason may name hosts and logins, so it is for operators and logs; it holds no password.
    """


@contextmanager
def reading() -> Iterator[None]:
    """Around every read of Keystone's tables; also a decorator.

    Raises:
        KeystoneDatabaseDownError: where the server is away, refuses the login, or a table or
            column is missing.
    """
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise KeystoneDatabaseDownError(reason(error)) from error


def reason(error: Exception) -> str:
    """The driver's sentence, without its numbers and wrapping."""
    return str(error.args[-1] if error.args else error)


@reading()
def ping() -> None:
    """Read one row that every Keystone has.

    Raises:
        KeystoneDatabaseDownError: see `reading`.
    """
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT id FROM project WHERE id = 'default'")
        cursor.fetchall()
