"""Whether an error of a database means that the login lacks a right."""

from __future__ import annotations

import psycopg.errors
import pytest
from django.db import DatabaseError, OperationalError, ProgrammingError

from pciops.lib.privileges import denied


def of_postgresql(cause: Exception) -> DatabaseError:
    """Return an error as Django raises it for one of psycopg."""
    error = ProgrammingError("permission denied for table audit_event")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationalError(1142, "DELETE command denied"), True),
        (OperationalError(1143, "UPDATE command denied to a column"), True),
        (OperationalError(1213, "Deadlock found"), False),
        (OperationalError("database is locked"), False),
        (OperationalError(), False),
        (of_postgresql(psycopg.errors.InsufficientPrivilege()), True),
        (of_postgresql(psycopg.errors.UndefinedTable()), False),
    ],
)
def test_only_missing_rights_are_denials(error: DatabaseError, expected: bool) -> None:
    assert denied(error) is expected
