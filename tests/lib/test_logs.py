"""Tests of log entries, each of which is one line for any text."""

from __future__ import annotations

import logging
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.lib.logs import OneLineFormatter, escape


def record(message: str, *args: object) -> logging.LogRecord:
    """Return a log record of a fixed time."""
    entry = logging.LogRecord("pciops.audit", logging.INFO, "", 0, message, args, None)
    entry.created = 1795356131.5
    return entry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann", "ann"),
        ("Änne 李", "Änne 李"),
        ("ann\nERROR root forged", r"ann\nERROR root forged"),
        ("ann\r\n", r"ann\r\n"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\u202eevil", r"\u202eevil"),  # right-to-left override
        ("\u200fevil", r"\u200fevil"),  # right-to-left mark
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),  # line and paragraph separators
        ("\x85", r"\x85"),  # next line
        ("\0", r"\x00"),
        ("\ud800", r"\ud800"),  # half of a surrogate pair
        ("\U000e0041", r"\U000e0041"),  # an invisible tag
    ],
)
def test_unprintable_characters_are_escaped(text: str, expected: str) -> None:
    assert escape(text) == expected


@given(text=st.text(st.characters()))
@settings(deadline=None)
def test_entry_with_any_text_is_one_line(text: str) -> None:
    line = OneLineFormatter().format(record("%s was unlocked", text))

    assert line.isprintable()
    assert line.splitlines() == [line]


def test_line_has_time_level_logger_and_message() -> None:
    line = OneLineFormatter().format(record("unlock of %s", "ann"))

    assert line == "2026-11-22T14:02:11.500+00:00 INFO pciops.audit unlock of ann"


def test_traceback_keeps_its_lines() -> None:
    entry = record("failed")
    try:
        raise ValueError("broken")
    except ValueError:
        entry.exc_info = sys.exc_info()
    lines = OneLineFormatter().format(entry).splitlines()

    assert lines[1] == "Traceback (most recent call last):"
