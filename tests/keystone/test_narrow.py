"""Tests of text that a column cannot hold. tests/live/test_utf8mb3.py asks a real MariaDB."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError

from pciops.keystone.narrow import without_foreign_text

EMOJI = "\N{PILE OF POO}"
ANSWER = object()


class Database:
    """Executes a statement once its texts have no character after `last`; records the values."""

    def __init__(self, last: str, code: int = 1267) -> None:
        self.last, self.code = last, code
        self.asked: list[Any] = []

    def __call__(self, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        self.asked.append(params)
        if any(isinstance(value, str) and value and max(value) > self.last for value in params):
            raise OperationalError(self.code, "Illegal mix of collations")
        return ANSWER


@pytest.mark.parametrize(
    ("last", "values", "executed"),
    [
        ("\U0010ffff", ["ann", EMOJI], ["ann", EMOJI]),
        ("\uffff", ["ann", "中", EMOJI, 3, ""], ["ann", "中", None, 3, ""]),
        ("\xff", ["ann", "中", EMOJI], ["ann", None, None]),
        ("\xff", ["é", 3], ["é", 3]),
    ],
)
def test_text_that_a_column_cannot_hold_becomes_null(
    last: str, values: list[object], executed: list[object]
) -> None:
    execute = Database(last)

    assert without_foreign_text(execute, "SELECT 1", values, False, {}) is ANSWER
    assert execute.asked[-1] == executed


def test_other_errors_pass_at_once() -> None:
    execute = Database("\x7f", code=2013)

    with pytest.raises(OperationalError):
        without_foreign_text(execute, "SELECT 1", [EMOJI], False, {})

    assert execute.asked == [[EMOJI]]
