"""Answers of the last seconds in the memory of a process, so that floods are cheap to answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """Values that are valid for a few seconds, by key."""

    def __init__(self, lifetime: timedelta, *, most: int = 1000) -> None:
        self._lifetime = lifetime
        self._most = most
        self._values: dict[str, tuple[datetime, V]] = {}

    def get(self, key: str, now: datetime) -> V | None:
        """Return the value that was put in the last seconds, if any."""
        found = self._values.get(key)
        return found[1] if found and now - found[0] < self._lifetime else None

    def put(self, key: str, value: V, now: datetime) -> None:
        """Keep a value. When there are too many, all others are dropped."""
        if len(self._values) >= self._most:
            self._values.clear()
        self._values[key] = now, value

    def clear(self) -> None:
        self._values.clear()
