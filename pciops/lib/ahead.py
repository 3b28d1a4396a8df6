"""Reads ahead: the database works on the next rows while Python works on these."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, Final, TypeVar

from django.db import connections

T = TypeVar("T")

_END: Final[Any] = object()


def read_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield the items; a thread makes the next one while one is used.

    The thread has connections of its own. So nothing is read ahead in a transaction, which they do
    not see, nor with SQLite, which has no server that could work meanwhile.

    Args:
        items: reads databases, and writes none.
    """
    if any(one.vendor == "sqlite" or one.in_atomic_block for one in connections.all()):
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
