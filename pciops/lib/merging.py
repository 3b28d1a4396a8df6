"""One list out of several tables, the newest row first, by keyset: no table is read whole."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Model, QuerySet

from pciops.lib.keyset import Column, MarkerError, Order

_PLACE: Final[Order[Any]] = Order(
    (
        Column(name="time", kind=datetime),
        Column(name="rank", kind=int),
        Column(name="id", kind=str),
    )
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Rows of one table.

    Attributes:
        rank: of rows of the same instant that of the greater one is the newer; its own of a source.
        order: two falling columns: an instant, and the id.
    """

    rank: int
    rows: QuerySet[Any]
    order: Order[Any]

    def place(self, row: Model) -> str:
        """The marker right behind this row in the list of all sources."""
        time, key = (getattr(row, column.name) for column in self.order.columns)
        return _PLACE.marker_of((time, self.rank, str(key)))

    def after(self, marker: str) -> QuerySet[Any]:
        """Those rows that come behind the marker, whichever source that row was of.

        Raises:
            MarkerError
        """
        if not marker:
            return self.rows
        time, rank, key = _PLACE.values(marker)
        column, identity = self.order.columns
        if rank != self.rank:
            earlier = "lte" if self.rank < rank else "lt"
            return self.rows.filter(**{f"{column.name}__{earlier}": time})
        try:
            place = self.order.marker_of((time, int(key) if identity.kind is int else key))
        except ValueError as error:
            raise MarkerError from error
        return self.order.after(self.rows, place)


def merged(sources: Sequence[Source], *, marker: str, batch: int) -> Iterator[tuple[Source, Model]]:
    """The rows of all sources behind the marker, the newest first, with where each is from.

    Args:
        batch: how many rows are read at a time, of each source.

    Raises:
        MarkerError
    """

    def newness(found: tuple[Source, Model]) -> tuple[datetime, int]:
        source, row = found
        return getattr(row, source.order.columns[0].name), source.rank

    streams = [_rows(source, source.after(marker), batch) for source in sources]
    return heapq.merge(*streams, key=newness, reverse=True)


def _rows(source: Source, rows: QuerySet[Any], batch: int) -> Iterator[tuple[Source, Model]]:
    while True:
        found = list(source.order.sort(rows)[:batch])
        yield from ((source, row) for row in found)
        if len(found) < batch:
            return
        rows = source.order.after(source.rows, source.order.marker(found[-1]))
