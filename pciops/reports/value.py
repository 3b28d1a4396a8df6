"""The report as one frozen value, from which all four formats are rendered.

Long lists are not part of it: a table has its row count, the SHA-256 of all rows and the first
rows. `pciops.reports.spool` and, once the report is stored, the archive hold the others.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias

# JSON values; times are ISO 8601 in UTC with Z, days ISO 8601.
Cell: TypeAlias = str | int | bool | None
Row: TypeAlias = tuple[Cell, ...]


class Verdict(StrEnum):
    """The result of the data for a requirement. An assessor decides whether it is in place.

    The worst first.
    """

    EXCEPTION = "exception"
    NOT_TESTED = "not_tested"
    PARTLY_TESTED = "partly_tested"
    NO_EXCEPTION = "no_exception_found"


class ReportVerdict(StrEnum):
    """The verdict of a statement in a report of 0.1.0, which had no judgments."""

    MET = "met"
    FINDING = "finding"
    UNKNOWN = "unknown"  # the data has a gap, which the statement names


@dataclass(frozen=True)
class Found:
    """Exceptions of one kind."""

    number: int
    words: str


@dataclass(frozen=True, kw_only=True)
class Judgment:
    """The verdict on one requirement, with what was tested for it; made by `requirements.judge`."""

    requirement: str  # in PCI DSS 4.0.1
    old: str  # in 3.2.1; "": it is new
    procedure: str  # the number of the testing procedure
    asks: str  # the procedure in our words
    unit: str  # what population, tested and exceptions count
    population: int | None  # None: not known
    tested: int
    exceptions: int
    found: tuple[Found, ...]
    not_tested: tuple[str, ...]  # sentences
    excluded: tuple[str, ...]  # sentences: to what the requirement does not apply
    verdict: Verdict


@dataclass(frozen=True)
class Statement:
    """A sentence of a section."""

    words: str
    verdict: ReportVerdict | None = None  # in reports of 0.1.0 only


@dataclass(frozen=True)
class Figure:
    """One number of the report."""

    key: str  # unique in the report
    label: str
    number: int | None  # None: not known; `words` gives the reason
    _: KW_ONLY
    change: int | None = None  # since the week before; None: not known. Set by `build`
    words: str = ""
    finding: bool = False  # whether any number but zero is an exception
    main: bool = False  # whether the summary and the list of reports show it

    @property
    def is_finding(self) -> bool:
        """Return whether this number is an exception."""
        return self.finding and bool(self.number)


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A bar chart; each series has a number for each group."""

    key: str
    title: str
    groups: tuple[str, ...]
    series: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    key: str  # as CSV and JSON name it
    title: str
    kind: Literal["text", "number", "instant", "day", "yes"] = "text"

    @property
    def is_id(self) -> bool:
        """Return whether the column holds ids, which are printed small."""
        return self.kind == "text" and (self.key == "id" or self.key.endswith("_id"))


@dataclass(frozen=True, kw_only=True)
class Table:
    """A list, with its first rows."""

    key: str  # unique in the report; the name of the CSV file
    title: str
    columns: tuple[Column, ...]
    count: int  # of all rows
    sha256: str  # over all rows, each as canonical JSON and a newline
    shown: tuple[Row, ...]
    empty: str  # the sentence shown when there are no rows
    identity: tuple[str, ...]  # keys of the columns that identify a row from week to week


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A period in which a source of the report was not running (PCI DSS 10.7.2)."""

    source: str  # "schedule" or "consumer"
    begins: datetime
    ends: datetime
    words: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the report, mostly about one requirement."""

    key: str
    requirement: str = ""  # numbers in PCI DSS 4.0.1; "": the section is about none
    old: str = ""  # its number in 3.2.1
    title: str
    demand: str  # a summary of the requirement
    statements: tuple[Statement, ...] = ()
    figures: tuple[Figure, ...] = ()
    bars: tuple[Bars, ...] = ()
    tables: tuple[Table, ...] = ()
    judgments: tuple[Judgment, ...] | None = ()  # None: a report of 0.1.0

    @property
    def heading(self) -> str:
        """Return `8.2.6 Inactive accounts`, with the number an assessor searches for."""
        return f"{self.requirement} {self.title}".strip()

    @property
    def requirements(self) -> tuple[str, ...]:
        """Return the numbers of the requirements that the section judges."""
        return tuple(judgment.requirement for judgment in self.judgments or ())

    @property
    def old_verdict(self) -> ReportVerdict | None:
        """Return the worst verdict of a section of 0.1.0; None if it judges nothing."""
        verdicts = {statement.verdict for statement in self.statements}
        verdicts |= {ReportVerdict.FINDING for figure in self.figures if figure.is_finding}
        if any(figure.finding and figure.number is None for figure in self.figures):
            verdicts.add(ReportVerdict.UNKNOWN)
        worst_first = (ReportVerdict.FINDING, ReportVerdict.UNKNOWN, ReportVerdict.MET)
        return next((verdict for verdict in worst_first if verdict in verdicts), None)

    @property
    def verdict(self) -> Verdict | ReportVerdict | None:
        """Return the worst verdict of the section; None if it judges no requirement."""
        if self.judgments is None:
            return self.old_verdict
        return worst({judgment.verdict for judgment in self.judgments})


@dataclass(frozen=True, kw_only=True)
class Header:
    """The subject and the origin of a report."""

    cloud: str
    domain_id: str  # "": the whole cloud
    domain_name: str
    week: str  # ISO 8601: 2026-W47
    revision: int  # from 1 on; 0: a preview, which is not stored
    begins: datetime
    ends: datetime
    zone: str  # the time zone in which the week begins and ends
    generated_at: datetime
    version: str  # of pciops
    previous_week: str  # the week that changes are counted from; "": there is no report of it
    previous_hash: str  # of its report


@dataclass(frozen=True, kw_only=True)
class Report:
    """The whole report."""

    header: Header
    sections: tuple[Section, ...]
    gaps: tuple[Gap, ...]

    @property
    def is_judged(self) -> bool:
        """Return whether requirements are judged; reports of 0.1.0 judged statements."""
        return all(section.judgments is not None for section in self.sections)

    def judgments(self) -> Iterator[tuple[Section, Judgment]]:
        """Yield all judgments in order, each with its section."""
        for section in self.sections:
            for judgment in section.judgments or ():
                yield section, judgment

    def figures(self) -> Iterator[Figure]:
        """Yield all figures in order."""
        for section in self.sections:
            yield from section.figures

    def tables(self) -> Iterator[Table]:
        """Yield all tables in order."""
        for section in self.sections:
            yield from section.tables


def difference(before: int | None, after: int | None) -> int | None:
    """Return the change of a number; None if one of them is not known."""
    return None if before is None or after is None else after - before


def worst(verdicts: Container[Verdict]) -> Verdict | None:
    """Return the worst of the verdicts; None if there is none."""
    return next((verdict for verdict in Verdict if verdict in verdicts), None)
