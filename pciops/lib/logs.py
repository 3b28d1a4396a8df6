"""Logs in one line an entry."""

from __future__ import annotations

import logging
from datetime import UTC, datetime


class OneLineFormatter(logging.Formatter):
    """Time (UTC), level, logger and message; names from Keystone cannot begin a line of their own.

    Control characters, line separators and the marks that turn the direction of text are written
    as escapes. A traceback, which is ours, keeps its lines.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 (logging's own name)
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        return escape(super().formatMessage(record))


def escape(text: str) -> str:
    """The text with every character that is not printable written as Python writes it."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
