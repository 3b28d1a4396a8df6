"""The report as one frozen value. All four renderings come from it, so they cannot disagree.

Long lists are not in it: a table has its count, the SHA-256 over all its rows and the first rows;
the archive keeps the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pciops.lib import spool
from pciops.lib.evidence import Bars, Cell, Column, Gap, Statement

SHOWN: Final = spool.FIRST  # rows of a table that the value itself holds, and that pages show


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number of the report, with what it was in the report before."""

    key: str
    label: str
    number: int | None
    change: int | None  # None: the report before does not have it, or there is none
    words: str
    finding: bool
    main: bool


@dataclass(frozen=True, kw_only=True)
class Table:
    """A list, with its first rows."""

    key: str
    title: str
    columns: tuple[Column, ...]
    count: int  # of all rows
    sha256: str  # over all rows, each as canonical JSON and a newline
    shown: tuple[tuple[Cell, ...], ...]
    empty: str
    identity: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """What the report says of one requirement."""

    key: str
    requirement: str  # of PCI DSS 4.0.1; "" where it is about none
    old: str  # its number in 3.2.1
    title: str
    demand: str  # what it asks for, in our words
    statements: tuple[Statement, ...]
    figures: tuple[Figure, ...]
    bars: tuple[Bars, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the report is about and where it comes from."""

    cloud: str
    domain_id: str  # "": the whole cloud
    domain_name: str
    week: str  # ISO 8601: 2026-W47
    revision: int  # 1, and one more for each "build again"; 0: a preview, which is not kept
    begins: datetime
    ends: datetime
    zone: str  # in which the week begins and ends
    generated_at: datetime
    version: str  # of pciops
    previous_week: str  # "": the first report
    previous_hash: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that the report says."""

    header: Header
    sections: tuple[Section, ...]
    gaps: tuple[Gap, ...]

    def figures(self) -> Iterator[Figure]:
        """All numbers, in order."""
        for section in self.sections:
            yield from section.figures

    def tables(self) -> Iterator[Table]:
        """All lists, in order."""
        for section in self.sections:
            yield from section.tables
