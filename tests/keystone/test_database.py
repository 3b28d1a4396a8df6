"""Whatever the driver calls it: Keystone's database is down."""

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
def test_an_error_of_the_driver_becomes_one_exception(error: Exception, reason: str) -> None:
    with pytest.raises(KeystoneDatabaseDownError) as raised, reading():
        raise error

    assert str(raised.value).startswith(reason)
    assert raised.value.__cause__ is error


def test_the_reason_leaves_the_drivers_number_out() -> None:
    assert database.reason(OperationalError(2013, "Lost connection")) == "Lost connection"


def test_an_error_of_ours_is_let_through() -> None:
    with pytest.raises(ZeroDivisionError), reading():
        raise ZeroDivisionError


def test_it_decorates_a_function_that_is_called_again() -> None:
    @reading()
    def fail() -> None:
        raise OperationalError("gone")

    for _ in range(2):
        with pytest.raises(KeystoneDatabaseDownError):
            fail()


@pytest.mark.django_db(databases=["keystone"])
def test_a_table_that_is_missing_is_an_outage() -> None:
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE project RENAME TO elsewhere")

    with pytest.raises(KeystoneDatabaseDownError, match="no such table: project"):
        database.ping()


@pytest.mark.django_db(databases=["keystone"])
def test_a_database_that_answers_is_none() -> None:
    database.ping()

    with connections["keystone"].cursor() as cursor:  # and the connection is fit for more
        cursor.execute("SELECT 1")
