"""A log entry is one line, whatever text Keystone holds."""

from __future__ import annotations

import logging
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.lib.logs import OneLineFormatter, escape


def record(message: str, *args: object) -> logging.LogRecord:
    """A log record of a fixed time."""
    made = logging.LogRecord("pciops.audit", logging.INFO, "", 0, message, args, None)
    made.created = 1795356131.5
    return made


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
        ("\ud800", r"\ud800"),  # half of a pair, which no terminal can be sent
        ("\U000e0041", r"\U000e0041"),  # an invisible tag
    ],
)
def test_what_cannot_be_printed_is_escaped(text: str, expected: str) -> None:
    assert escape(text) == expected


@given(text=st.text(st.characters()))
@settings(deadline=None)
def test_any_text_stays_in_its_line(text: str) -> None:
    line = OneLineFormatter().format(record("%s was unlocked", text))

    assert line.isprintable()
    assert line.splitlines() == [line]


def test_a_line_has_time_level_logger_and_message() -> None:
    line = OneLineFormatter().format(record("unlock of %s", "ann"))

    assert line == "2026-11-22T14:02:11.500+00:00 INFO pciops.audit unlock of ann"


def test_a_traceback_keeps_its_lines() -> None:
    entry = record("failed")
    try:
        raise ValueError("broken")
    except ValueError:
        entry.exc_info = sys.exc_info()
    lines = OneLineFormatter().format(entry).splitlines()

    assert lines[1] == "Traceback (most recent call last):"
