"""The limits of statements on a real MariaDB: those of jobs are longer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dj_database_url
import pytest
from django.db import OperationalError, connections
from pytest_django.plugin import DjangoDbBlocker

from pciops.keystone import limits
from pciops.keystone.mysql.base import DatabaseWrapper
from tests.support.mariadb import MariaDB

SHORT = "SET SESSION max_statement_time = 0.3"
SLOW = "SELECT SLEEP(1)"


@pytest.fixture
def limited(mariadb: MariaDB, django_db_blocker: DjangoDbBlocker) -> Iterator[DatabaseWrapper]:
    """A connection whose statements the server ends after 0.3 s, and the driver after 0.8 s."""
    url = mariadb.create_database("limits", password="limits")
    options = {"init_command": SHORT, "read_timeout": 0.8}
    settings: dict[str, Any] = {
        **connections["keystone"].settings_dict,
        **dj_database_url.parse(url),
    }
    with django_db_blocker.unblock():
        connection = DatabaseWrapper({**settings, "OPTIONS": options}, alias="keystone")
        yield connection
        connection.close()


def test_a_slow_statement_ends_unless_it_is_of_a_job(limited: DatabaseWrapper) -> None:
    with limits.of_job():
        assert fetched(limited, SLOW) == (0,)
    with pytest.raises(OperationalError, match="max_statement_time"):
        fetched(limited, SLOW)

    assert fetched(limited, "SELECT @@max_statement_time") == (0.3,)


def fetched(connection: DatabaseWrapper, sql: str) -> tuple[Any, ...]:
    """Return the one row of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        [row] = cursor.fetchall()
    return tuple(row)
