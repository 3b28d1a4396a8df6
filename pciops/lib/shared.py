"""Values that many requests ask for at once: one of them reads, and all share it for a moment.

They are kept in Django's cache: of each process, or of the whole site if `PCIOPS_CACHE_URL` names a
server. There they are signed JSON, so who can write to the server can neither forge them nor run
code here. What decides about an act is never taken from here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from pciops import __version__
from pciops.lib import shared_cache

T = TypeVar("T")

READS_FOR: Final = 20  # seconds; above the limit of a statement, 15
POLL: Final = 0.02  # seconds
_SALT: Final = "pciops.lib.shared"


@dataclass(frozen=True, kw_only=True)
class Shared(Generic[T]):
    """A value, and the time at which it was read."""

    value: T
    read_at: datetime


@dataclass(frozen=True, kw_only=True)
class Codec(Generic[T]):
    """The ways from a value to what JSON can hold, and back."""

    encode: Callable[[T], Any]
    decode: Callable[[Any], T]


# Of values that JSON has itself.
PLAIN: Final = Codec[Any](encode=lambda value: value, decode=lambda value: value)


def shared(
    key: tuple[object, ...],
    read: Callable[[], T],
    *,
    codec: Codec[T] = PLAIN,
    now: datetime,
    fresh: bool = False,
) -> Shared[T]:
    """Return the value, not older than `SHARED_SECONDS`, unless another request is reading it.

    While another one reads, the last value serves, and without one this waits for it. What `read`
    raises is not shared.

    Args:
        key: what the value depends on; each part with a `repr` of its own.
        fresh: read in any case, for others too.
    """
    name = f"shared-{_hashed(key)}"
    reader = f"{name}-reader"
    last = None if fresh else _last(name, codec)
    if last is not None and abs(now - last.read_at) < timedelta(seconds=settings.SHARED_SECONDS):
        return last
    if not fresh and not shared_cache.claim(reader, timeout=READS_FOR):
        if last is not None:
            return last
        waited = _wait(name, reader, codec)
        if waited is not None:
            return waited
    try:
        result = Shared(value=read(), read_at=now)
        content = [now.isoformat(), codec.encode(result.value)]
        text = signing.dumps(content, salt=_SALT, compress=True)
        shared_cache.put(name, text, timeout=READS_FOR)
    finally:
        shared_cache.drop(reader)
    return result


def bypassed(request: HttpRequest) -> bool:
    """Return whether the client asks for what is true now: `Cache-Control: no-cache`."""
    return "no-cache" in request.headers.get("Cache-Control", "").lower()


def _hashed(key: tuple[object, ...]) -> str:
    """Return a name for the key, of this version and this installation only."""
    return salted_hmac(_SALT, repr((__version__, key)), algorithm="sha256").hexdigest()


def _last(name: str, codec: Codec[T]) -> Shared[T] | None:
    """Return the last value; None if there is none, or if it was not signed by this site."""
    text = shared_cache.get(name)
    if text is None:
        return None
    try:
        read_at, content = signing.loads(text, salt=_SALT)
    except signing.BadSignature:
        return None
    return Shared(value=codec.decode(content), read_at=datetime.fromisoformat(read_at))


def _wait(name: str, reader: str, codec: Codec[T]) -> Shared[T] | None:
    """Return what the other request reads; None if it has failed."""
    until = time.monotonic() + READS_FOR
    while time.monotonic() < until:
        value = _last(name, codec)
        if value is not None or shared_cache.get(reader) is None:
            return value
        time.sleep(POLL)
    return None
