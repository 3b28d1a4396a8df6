"""A reason is text that says something."""

from __future__ import annotations

import pytest

from pciops.actions.inputs import REASON_MAX, ReasonError, checked_reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("called", "called"),
        ("  called\n", "called"),
        ("zwei Zeilen:\r\n\tÄnne 李 ✓", "zwei Zeilen:\r\n\tÄnne 李 ✓"),
        ("x" * REASON_MAX, "x" * REASON_MAX),
    ],
    ids=["plain", "spaces around", "lines and letters", "longest"],
)
def test_a_reason_is_any_text_that_says_something(text: str, expected: str) -> None:
    assert checked_reason(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "say why"),
        (" \r\n\t", "say why"),
        ("x" * (REASON_MAX + 1), "at most 1000 characters; this has 1001"),
        ("\x1b[2J", "without control characters"),
        ("a\0b", "without control characters"),
        ("a\x85b", "without control characters"),
        ("\ud800", "without control characters"),
    ],
    ids=["empty", "blank", "too long", "escape", "null", "next line", "half a pair"],
)
def test_a_reason_that_is_none_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ReasonError, match=problem):
        checked_reason(text)
