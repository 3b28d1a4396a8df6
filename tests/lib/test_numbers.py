"""Tests of numbers as text."""

from __future__ import annotations

import pytest

from pciops.lib.numbers import counted, grouped


@pytest.mark.parametrize(
    ("number", "words", "expected"),
    [
        (0, ("account",), "0 accounts"),
        (1, ("account",), "1 account"),
        (1204, ("account",), "1,204 accounts"),
        (2, ("try", "tries"), "2 tries"),
    ],
)
def test_counted_noun_agrees_with_its_number(
    number: int, words: tuple[str, ...], expected: str
) -> None:
    assert counted(number, *words) == expected


def test_grouped_number_has_separators() -> None:
    assert grouped(1_234_567) == "1,234,567"
