"""Says that Keystone's database is down in one exception, whatever the driver calls it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, connections

from pciops.keystone import ALIAS
from pciops.lib.env import SettingError

log = logging.getLogger(__name__)


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


@contextmanager
def outages_logged(job: str) -> Iterator[None]:
    """Around a task: a database that is away or a wrong setting is one line of the log.

    The work is left to the next run.
    """
    try:
        yield
    except SettingError as error:
        log.error("%s: %s", job, error)
    except KeystoneDatabaseDownError as error:
        log.warning("%s: Keystone's database does not answer: %s", job, error)
    except (DatabaseError, InterfaceError) as error:
        log.error("%s: pciops' own database does not answer: %s", job, reason(error))


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
