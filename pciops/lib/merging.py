"""One list out of several tables, the newest row first, by keyset: no table is read whole."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Model, QuerySet

from pciops.lib.keyset import Column, MarkerError, Order, batches

_PLACE: Final[Order[Any]] = Order(
    (
        Column(name="time", kind=datetime),
        Column(name="rank", kind=int),
        Column(name="id", kind=str),
    )
)


@dataclass(frozen=True, kw_only=True)
class MergeSource:
    """Rows of one table.

    Attributes:
        rank: unique among the sources; of rows of the same time, those of the source with the
            greatest rank are the newest.
        order: two falling columns: a time, and the id.
    """

    rank: int
    rows: QuerySet[Any]
    order: Order[Any]

    def place(self, row: Model) -> str:
        """Return the marker right after this row in the merged list."""
        time, key = (getattr(row, column.name) for column in self.order.columns)
        return _PLACE.marker_of((time, self.rank, str(key)))

    def after(self, marker: str) -> QuerySet[Any]:
        """Return the rows after a marker, which any source may have made, or raise MarkerError."""
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


def merged(
    sources: Sequence[MergeSource], *, marker: str, batch: int
) -> Iterator[tuple[MergeSource, Model]]:
    """Return (source, row) after the marker, the newest first, or raise MarkerError.

    Args:
        batch: how many rows of each source are read at a time.
    """

    def newness(pair: tuple[MergeSource, Model]) -> tuple[datetime, int]:
        source, row = pair
        return getattr(row, source.order.columns[0].name), source.rank

    def stream(source: MergeSource) -> Iterator[tuple[MergeSource, Model]]:
        for rows in batches(source.after(marker), source.order, size=batch):
            yield from ((source, row) for row in rows)

    streams = [stream(source) for source in sources]
    return heapq.merge(*streams, key=newness, reverse=True)
