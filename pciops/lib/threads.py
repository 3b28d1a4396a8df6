"""Threads that read databases, each with connections of its own.

A database works while Python does, and on several statements at once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, Final, TypeVar

from django.db import connections

T = TypeVar("T")

_END: Final[Any] = object()


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """Do all of these at the same time; return their results, or raise the first failure.

    Args:
        jobs: read databases, and write none.
    """
    if _one_connection_only():
        return [job() for job in jobs]
    with ThreadPoolExecutor(max_workers=len(jobs)) as threads:
        done = [threads.submit(copy_context().run, _with_own_connections, job) for job in jobs]
    return [one.result() for one in done]


def read_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield the items; a thread makes the next one while one is used.

    Args:
        items: reads databases, and writes none.
    """
    if _one_connection_only():
        yield from items
        return
    with ThreadPoolExecutor(max_workers=1) as thread:
        make: Callable[[], T] = partial(copy_context().run, next, items, _END)
        try:
            made = thread.submit(make)
            while (item := made.result()) is not _END:
                made = thread.submit(make)
                yield item
        finally:  # also if nobody wants the rest
            thread.submit(connections.close_all)


def _one_connection_only() -> bool:
    """Return whether threads would not see what is open here, or have no server to wait for."""
    servers = connections.all()
    no_server = all(one.vendor == "sqlite" for one in servers)
    return no_server or any(one.in_atomic_block for one in servers)


def _with_own_connections(job: Callable[[], Any]) -> Any:
    try:
        return job()
    finally:
        connections.close_all()
