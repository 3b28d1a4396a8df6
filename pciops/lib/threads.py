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


def at_once(*jobs: Callable[[], object]) -> None:
    """Do all of these at the same time, and raise the failure of the first that fails.

    Args:
        jobs: read databases, and write none.
    """
    if _one_connection_only():
        for job in jobs:
            job()
        return
    with ThreadPoolExecutor(max_workers=len(jobs)) as threads:
        done = [threads.submit(copy_context().run, _with_own_connections, job) for job in jobs]
    for one in done:
        one.result()


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


def _with_own_connections(job: Callable[[], object]) -> None:
    try:
        job()
    finally:
        connections.close_all()
