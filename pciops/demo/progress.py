"""Says on the terminal what is being done, and for how long already."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """One line a step: `Installing keystone==30.0.0 from PyPI… 12.3 s`.

    Called with a step's words, it ends the step before and begins this one; called with the same
    words again it shows the time that has passed, where a person is watching.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.words = ""
        self.begun = 0.0
        self.shown = 0

    def __call__(self, words: str) -> None:
        if words != self.words:
            self.done()
            self.words, self.begun, self.shown = words, time.monotonic(), 0
            self._write(f"{words}…")
        elif self.stream.isatty() and int(time.monotonic() - self.begun) > self.shown:
            self.shown = int(time.monotonic() - self.begun)
            self._write(f"\r{words}… {self.shown} s")

    def done(self) -> None:
        """End the step with its time."""
        if self.words:
            again = f"\r{self.words}…" if self.stream.isatty() else ""
            self._write(f"{again} {time.monotonic() - self.begun:.1f} s\n")
            self.words = ""

    def broken_off(self) -> None:
        """End the line of a step that has not come to its end."""
        if self.words:
            self._write("\n")
            self.words = ""

    def say(self, text: str) -> None:
        """A line, or several, that are no step."""
        self.done()
        self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError:
            pass  # the terminal was closed; what is running still has to be stopped in order
