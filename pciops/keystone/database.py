"""One exception for outages of Keystone's database, independent of the driver."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from django.db import DatabaseError, InterfaceError, connections

from pciops.keystone import ALIAS
from pciops.lib import counters
from pciops.lib.env import SettingError

log = logging.getLogger(__name__)

_reads_primary: Final = ContextVar("reads_primary", default=False)


class KeystoneDatabaseDownError(Exception):
    """Keystone's database did not answer a statement; the text is the driver's reason.

    The reason may name hosts and logins, so it is for operators and logs only. Every function that
    reads Keystone's database may raise this, as long as its docstring does not say otherwise.
    """


class OwnDatabaseError(DatabaseError):
    """An outage of our own database, not of Keystone's."""


@contextmanager
def reading() -> Iterator[None]:
    """Wrap a read of Keystone's tables; also a decorator.

    Raises:
        KeystoneDatabaseDownError: if the server is down or refuses the login, or a table or column
            is missing.
    """
    try:
        yield
    except OwnDatabaseError:
        raise
    except (DatabaseError, InterfaceError) as error:
        raise KeystoneDatabaseDownError(reason(error)) from error


@contextmanager
def from_primary() -> Iterator[None]:
    """Read Keystone's tables from a host that can be written; also a decorator.

    A replica may be behind, so no act is decided on it, and nothing is said about the result of an
    act by what it shows.
    """
    token = _reads_primary.set(True)
    try:
        yield
    finally:
        _reads_primary.reset(token)


def reads_primary() -> bool:
    """Return whether this is inside of `from_primary`."""
    return _reads_primary.get()


@contextmanager
def reading_own() -> Iterator[None]:
    """Wrap a read of our own tables that may happen within `reading`; also a decorator.

    Raises:
        OwnDatabaseError: an outage that `reading` does not take for one of Keystone's database.
    """
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise OwnDatabaseError(*error.args) from error


@contextmanager
def outages_logged(job: str, *failures: type[Exception]) -> Iterator[None]:
    """Wrap a run of a job: log an outage or a wrong setting in one line, and count the run.

    The work is left to the next run. A run that finds nothing to do is a success.

    Args:
        failures: other exceptions whose text is logged in one line.
    """
    expected: tuple[type[Exception], ...] = (SettingError, *failures)
    try:
        yield
    except expected as error:
        log.error("%s: %s", job, error)
    except KeystoneDatabaseDownError as error:
        log.warning("%s: Keystone's database does not answer: %s", job, error)
    except (DatabaseError, InterfaceError) as error:
        log.error("%s: pciops' own database does not answer: %s", job, reason(error))
        return  # nor can it count
    except Exception:  # a fault of pciops: it is counted, and goes on to Celery and the log
        counters.add("job_runs", job, "failure")
        raise
    else:
        counters.add("job_runs", job, "success")
        return
    counters.add("job_runs", job, "failure")


def reason(error: Exception) -> str:
    """Return the driver's message without its error number."""
    return str(error.args[-1] if error.args else error)


@reading()
def ping() -> None:
    """Read one row that every Keystone has."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT id FROM project WHERE id = 'default'")
        cursor.fetchall()
