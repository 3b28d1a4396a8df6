"""Values that many requests ask for at once: one of them reads, and all share it for a moment.

They are kept in Django's cache: of each process, or of the whole site if `PCIOPS_CACHE_URL` names a
server. What decides about an act is never taken from here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

T = TypeVar("T")

READS_FOR: Final = 20  # seconds; above the limit of a statement, 15
POLL: Final = 0.02  # seconds


@dataclass(frozen=True, kw_only=True)
class Shared(Generic[T]):
    """A value, and the time at which it was read."""

    value: T
    read_at: datetime


def shared(
    key: tuple[object, ...], read: Callable[[], T], *, now: datetime, fresh: bool = False
) -> Shared[T]:
    """Return the value, not older than `SHARED_SECONDS`, unless another request is reading it.

    While another one reads, the last value serves, and without one this waits for it. What `read`
    raises is not shared.

    Args:
        key: what the value depends on; each part with a `repr` of its own.
        fresh: read in any case, for others too.
    """
    name = "shared-" + hashlib.sha256(repr(key).encode()).hexdigest()
    reader = f"{name}-reader"
    last: Shared[T] | None = None if fresh else cache.get(name)
    if last is not None and abs(now - last.read_at) < timedelta(seconds=settings.SHARED_SECONDS):
        return last
    if not fresh and not cache.add(reader, value=True, timeout=READS_FOR):
        if last is not None:
            return last
        waited: Shared[T] | None = _wait(name, reader)
        if waited is not None:
            return waited
    try:
        result = Shared(value=read(), read_at=now)
        cache.set(name, result, timeout=READS_FOR)
    finally:
        cache.delete(reader)
    return result


def bypassed(request: HttpRequest) -> bool:
    """Return whether the client asks for what is true now: `Cache-Control: no-cache`."""
    return "no-cache" in request.headers.get("Cache-Control", "").lower()


def _wait(name: str, reader: str) -> Shared[T] | None:
    """Return what the other request reads; None if it has failed."""
    until = time.monotonic() + READS_FOR
    while time.monotonic() < until:
        value: Shared[T] | None = cache.get(name)
        if value is not None or cache.get(reader) is None:
            return value
        time.sleep(POLL)
    return None
