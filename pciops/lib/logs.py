"""Logs with one line for each entry."""

from __future__ import annotations

import logging
from datetime import UTC, datetime


class OneLineFormatter(logging.Formatter):
    """Writes time (UTC), level, logger and message in one line.

    Control characters, line separators and marks that change the direction of text are written
    as escapes, so names from Keystone cannot fake an entry. A traceback keeps its lines.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 (logging's own name)
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        return escape(super().formatMessage(record))


class WithoutTraceback(logging.Filter):
    """Drops the traceback of a refused request: it is the client's fault, and costs a page."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        return True


def escape(text: str) -> str:
    """Return the text with every unprintable character as a Python escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
