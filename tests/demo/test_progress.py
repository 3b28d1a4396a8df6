"""What the demo says while it works."""

from __future__ import annotations

import re
from io import StringIO

import pytest

from pciops.demo.progress import Progress


class Terminal(StringIO):
    """Somebody is watching."""

    def isatty(self) -> bool:
        return True


class Closed(StringIO):
    """The terminal is gone."""

    def write(self, text: str) -> int:
        raise OSError


def plain(text: str) -> str:
    """The text with each time as T."""
    return re.sub(r"\d+\.\d", "T", text)


def test_each_step_is_one_line_with_its_time() -> None:
    progress = Progress(stream := StringIO())
    progress("Making tables")
    progress("Making tables")
    progress("Starting")
    progress.say("Ready.")

    assert plain(stream.getvalue()) == "Making tables… T s\nStarting… T s\nReady.\n"


def test_a_terminal_sees_the_seconds_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 2.5, 2.5, 3.0])
    monkeypatch.setattr("pciops.demo.progress.time.monotonic", lambda: next(clock))
    progress = Progress(stream := Terminal())
    progress("Installing")
    progress("Installing")
    progress.done()

    assert stream.getvalue() == "Installing…\rInstalling… 2 s\rInstalling… 3.0 s\n"


def test_a_step_that_is_broken_off_has_no_time() -> None:
    progress = Progress(stream := StringIO())
    progress("Installing")
    progress.broken_off()
    progress.broken_off()
    progress.done()

    assert stream.getvalue() == "Installing…\n"


def test_a_closed_terminal_stops_nothing() -> None:
    Progress(Closed()).say("Ready.")
