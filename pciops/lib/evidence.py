"""What the compliance report is made of; each package brings its own in a module `evidence`.

    @evidence("8.2.6", order=30)
    def inactive(question: Question) -> Iterator[Part]: ...

Parts of one section come from several packages that know nothing of one another, so what they
are made of stands here: figures, tables and bars, in no format yet.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

from django.utils.module_loading import autodiscover_modules

from pciops.lib.spool import Cell as Cell  # noqa: PLC0414 (part of what is said here)
from pciops.lib.spool import Row, Spool

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which week is asked about, and whose accounts."""

    begins: datetime  # Monday 00:00 in the zone of the report, included
    ends: datetime  # the next Monday, not included
    now: datetime
    scope: str | None = None  # a domain's id; None: the whole cloud
    # What one pass has found for several sections. Questions about several domains may have the
    # same, so whatever depends on the domain says so in its key.
    found: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    def once(self, key: Hashable, find: Callable[[], T]) -> T:
        """What was found under this key, or is now."""
        if key not in self.found:
            self.found[key] = find()
        return cast("T", self.found[key])


@dataclass(frozen=True, kw_only=True)
class Column:
    """Of a table."""

    key: str  # as CSV and JSON name it
    title: str
    kind: Literal["text", "number", "instant", "day", "yes"] = "text"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A list, however long: its rows are read once, and need not fit into memory."""

    key: str  # unique in the report; the CSV file's name
    title: str
    columns: tuple[Column, ...]
    rows: Callable[[], Iterable[Row]] | Spool  # a spool: what a pass over several lists has filled
    empty: str  # the sentence in place of no rows
    # Columns that say which account a row is about, for "who is new".
    identity: tuple[str, ...] = ()

    def read(self) -> Iterable[Row]:
        """All rows, from the first."""
        return self.rows.rows() if isinstance(self.rows, Spool) else self.rows()


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number of the report. The change since the last report is worked out by the report."""

    key: str  # unique in the report, such as `inactive`
    label: str
    number: int | None  # None: not known, and `words` say why
    words: str = ""
    finding: bool = False  # whether anything but zero is something that somebody has to do
    main: bool = False  # whether the report's summary and its list show it


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A chart, as `pciops.lib.charts.Bars`."""

    key: str
    title: str
    groups: tuple[str, ...]
    series: tuple[tuple[str, tuple[int, ...]], ...]


class Verdict(StrEnum):
    """What a section says of its requirement."""

    MET = "met"
    FINDING = "finding"
    UNKNOWN = "unknown"  # the data has a gap, which the words name


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A sentence of a section, with a verdict or without."""

    words: str
    verdict: Verdict | None = None


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A time in which something that the report counts on was not running (PCI DSS 10.7.2)."""

    source: str  # "census", "schedule", "consumer"
    begins: datetime
    ends: datetime
    words: str


Part: TypeAlias = Statement | Figure | Table | Bars | Gap
Parts: TypeAlias = Callable[[Question], Iterable[Part]]


@dataclass(frozen=True, kw_only=True)
class _Source:
    section: str
    order: int
    parts: Parts


_sources: Final[list[_Source]] = []


def evidence(section: str, *, order: int) -> Callable[[Parts], Parts]:
    """Register what brings parts of a section.

    Args:
        section: key of a section that the report has, mostly a requirement's number.
        order: parts of one section come in the order of this number.
    """

    def register(function: Parts) -> Parts:
        _sources.append(_Source(section=section, order=order, parts=function))
        return function

    return register


def parts(section: str, question: Question) -> Iterator[Part]:
    """All that the packages have for a section, in order.

    Raises:
        KeystoneDatabaseDownError
    """
    autodiscover_modules("evidence")
    for source in sorted(_sources, key=lambda source: source.order):
        if source.section == section:
            yield from source.parts(question)
