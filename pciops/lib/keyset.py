"""Pages by keyset: a page starts after the last row of the one before, so depth costs nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from django.db.models import F, Model, Q, QuerySet

M = TypeVar("M", bound=Model)
T = TypeVar("T")
ColumnType = type[int] | type[str] | type[datetime]
EPOCH: Final = datetime.fromtimestamp(0, UTC)


class MarkerError(ValueError):
    """A marker that was not made for this order."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of an order; a falling one has its NULLs last, as in both MariaDB and SQLite."""

    name: str
    kind: ColumnType
    falling: bool = False

    def key(self, value: Any) -> Any:
        """Return what sorts the value in Python as the database sorts it."""
        if not self.falling:
            return value
        zero: Any = 0 if self.kind is int else EPOCH
        return value is None, zero - (zero if value is None else value)

    def after(self, value: Any) -> Q:
        """Match the rows that come later than this value."""
        if value is None:
            return Q(pk__in=[])
        later = Q(**{f"{self.name}__{'lt' if self.falling else 'gt'}": value})
        return later | Q(**{self.name: None}) if self.falling else later


@dataclass(frozen=True)
class Order(Generic[M]):
    """The columns that order a list, the last of them unique."""

    columns: tuple[Column, ...]

    def sort(self, rows: QuerySet[M]) -> QuerySet[M]:
        """Return the rows in this order."""
        return rows.order_by(
            *(F(c.name).desc() if c.falling else F(c.name).asc() for c in self.columns)
        )

    def key(self, values: Iterable[Any]) -> tuple[Any, ...]:
        """Return what sorts a row with these values in Python as `sort` does."""
        return tuple(c.key(value) for c, value in zip(self.columns, values, strict=True))

    def after(self, rows: QuerySet[M], marker: str) -> QuerySet[M]:
        """Return the rows after the marker, which indexes serve, or raise MarkerError."""
        return self._after(rows, self.values(marker))

    def after_row(self, rows: QuerySet[M], row: M) -> QuerySet[M]:
        """Return the rows after this one."""
        return self._after(rows, [getattr(row, column.name) for column in self.columns])

    def _after(self, rows: QuerySet[M], values: Iterable[Any]) -> QuerySet[M]:
        later, same = Q(pk__in=[]), Q()
        for column, value in zip(self.columns, values, strict=True):
            later |= same & column.after(value)
            same &= Q(**{column.name: value})
        return rows.filter(later)

    def until(self, rows: QuerySet[M], row: M) -> QuerySet[M]:
        """Return the rows up to and including this one; for rising orders without NULL."""
        up_to, same = Q(), Q()
        for column in self.columns:
            value = getattr(row, column.name)
            up_to |= same & Q(**{f"{column.name}__lt": value})
            same &= Q(**{column.name: value})
        return rows.filter(up_to | same)

    def marker(self, row: M) -> str:
        """Return the place right after this row as opaque text for URLs."""
        return self.marker_of([getattr(row, column.name) for column in self.columns])

    def marker_of(self, values: Iterable[Any]) -> str:
        """Return the marker of a row with these values in the order's columns."""
        text = json.dumps(
            list(values), default=lambda value: value.isoformat(), separators=(",", ":")
        )
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def values(self, marker: str) -> list[Any]:
        """Return the values that `marker_of` encoded, or raise MarkerError."""
        try:
            text = base64.urlsafe_b64decode(marker + "=" * (-len(marker) % 4))
            values = json.loads(text)
            if not isinstance(values, list) or len(values) != len(self.columns):
                raise MarkerError
            return [
                _decoded(column, value) for column, value in zip(self.columns, values, strict=True)
            ]
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise MarkerError from error


def chunks(
    rows: QuerySet[M, Any],
    read: Callable[[QuerySet[M, Any]], list[T]],
    key: Callable[[T], Any],
    *,
    size: int,
) -> Iterator[list[T]]:
    """Read all rows by their primary key, `size` of them with each statement.

    Args:
        read: reads the rows that it is given, and leaves none out.
        key: returns the primary key of a row that was read.
    """
    part = rows.order_by("pk")
    while chunk := read(part[:size]):
        yield chunk
        if len(chunk) < size:
            return
        part = rows.order_by("pk").filter(pk__gt=key(chunk[-1]))


def batches(rows: QuerySet[M], order: Order[M], *, size: int) -> Iterator[list[M]]:
    """Read all rows in this order, `size` of them with each statement."""
    part = rows
    while batch := list(order.sort(part)[:size]):
        yield batch
        if len(batch) < size:
            return
        part = order.after_row(rows, batch[-1])


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`: itertools.batched of Python 3.12."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _decoded(column: Column, value: Any) -> Any:
    if value is None and column.falling:
        return None
    if column.kind is datetime:
        return datetime.fromisoformat(value).astimezone(UTC)
    if type(value) is not column.kind:
        raise MarkerError
    if isinstance(value, int) and value.bit_length() > 63:
        raise MarkerError
    if isinstance(value, str):
        value.encode()  # raises for half a surrogate pair, which no database takes
    return value
