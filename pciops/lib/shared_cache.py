"""The cache of the whole site, if `PCIOPS_CACHE_URL` names one; else that of each process.

While the server does not answer, each process uses its own cache: pages go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache

R = TypeVar("R")

SERVER: Final = "server"  # in CACHES
AVOIDED_FOR: Final = 30  # seconds in which a server that did not answer is not asked again
ALONE: Final = "Until it does, each process reads on its own."
log = logging.getLogger(__name__)

_avoided_until: float | None = None  # of this process; None: the server answered last


def get(name: str) -> str | None:
    """Return the text with this name, if there is one."""
    text: str | None = _on_server_or_here(lambda cache: cache.get(name))
    return text


def put(name: str, text: str, *, timeout: int) -> None:
    """Store a text for so many seconds."""
    _on_server_or_here(lambda cache: cache.set(name, text, timeout=timeout))


def claim(name: str, *, timeout: int) -> bool:
    """Store the name, and return whether it was not there."""
    return bool(_on_server_or_here(lambda cache: cache.add(name, "1", timeout=timeout)))


def drop(name: str) -> None:
    """Delete the name."""
    _on_server_or_here(lambda cache: cache.delete(name))


def error() -> str:
    """Store a text on the server and read it again; return why that failed, "" if it did not."""
    try:
        caches[SERVER].set("doctor", "asks", timeout=AVOIDED_FOR)
        answer = caches[SERVER].get("doctor")
    except Exception as error:  # the errors of the libraries have no common base
        return _reason(error)
    return "" if answer == "asks" else "it did not keep what was stored"


def _on_server_or_here(operation: Callable[[BaseCache], R]) -> R:
    global _avoided_until  # noqa: PLW0603 (a state of the process, as the connection is)
    server = settings.CACHE_SERVER
    if server and time.monotonic() >= (_avoided_until or 0):
        try:
            result = operation(caches[SERVER])
        except Exception as error:  # the errors of the libraries have no common base
            if _avoided_until is None:
                reason = _reason(error)
                log.warning("The cache server %s does not answer (%s). %s", server, reason, ALONE)
            _avoided_until = time.monotonic() + AVOIDED_FOR
        else:
            if _avoided_until is not None:
                log.warning("The cache server %s answers again.", server)
                _avoided_until = None
            return result
    return operation(caches["default"])


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": .")
