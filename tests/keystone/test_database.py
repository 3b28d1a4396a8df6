"""Tests of outages of Keystone's database."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError, connections

from pciops.keystone import database
from pciops.keystone.database import KeystoneDatabaseDownError, reading


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OperationalError(2003, "Can't connect to MySQL server on 'db'"), "Can't connect"),
        (OperationalError(1045, "Access denied for user 'pciops'@'h'"), "Access denied"),
        (ProgrammingError(1146, "Table 'keystone.user' doesn't exist"), "Table 'keystone.user'"),
        (InterfaceError(0, ""), ""),
        (InterfaceError("connection already closed"), "connection already closed"),
        (DatabaseError(), ""),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_error_of_the_driver_becomes_one_exception(error: Exception, reason: str) -> None:
    with pytest.raises(KeystoneDatabaseDownError) as raised, reading():
        raise error

    assert str(raised.value).startswith(reason)
    assert raised.value.__cause__ is error


def test_other_exceptions_pass() -> None:
    with pytest.raises(ZeroDivisionError), reading():
        raise ZeroDivisionError


def test_decorated_function_can_be_called_again() -> None:
    @reading()
    def fail() -> None:
        raise OperationalError(2013, "Lost connection")

    for _ in range(2):
        with pytest.raises(KeystoneDatabaseDownError, match="^Lost connection$"):
            fail()


@pytest.mark.django_db(databases=["keystone"])
def test_missing_table_is_an_outage() -> None:
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE project RENAME TO elsewhere")

    with pytest.raises(KeystoneDatabaseDownError, match="no such table: project"):
        database.ping()


@pytest.mark.django_db(databases=["keystone"])
def test_ping_leaves_the_connection_usable() -> None:
    database.ping()

    with connections["keystone"].cursor() as cursor:
        cursor.execute("SELECT 1")
