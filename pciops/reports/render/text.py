"""The text of a report for people: the same in HTML and in PDF."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from pciops.lib import charts, times
from pciops.lib.logs import escape
from pciops.lib.numbers import counted, grouped
from pciops.reports.models import SignOff
from pciops.reports.value import (
    Bars,
    Cell,
    Column,
    Found,
    Gap,
    Header,
    Judgment,
    Report,
    ReportVerdict,
    Row,
    Section,
    Table,
    Verdict,
)

# Returns all rows of the table with this key: the report itself holds only the first.
RowReader: TypeAlias = Callable[[str], Iterable[Row]]

GAPS: Final = "gaps"  # keys of the sections that also show the report's gaps and signatures
REVIEW: Final = "review"
UNKNOWN: Final = "–"  # an en dash stands for what is not known
VERDICTS: Final[dict[Verdict | ReportVerdict, str]] = {
    Verdict.EXCEPTION: "Exception",
    Verdict.NOT_TESTED: "Not tested",
    Verdict.PARTLY_TESTED: "Partly tested",
    Verdict.NO_EXCEPTION: "No exception found",
    # Of 0.1.0, which claimed more than it had tested.
    ReportVerdict.MET: "Not judged",
    ReportVerdict.FINDING: "Finding",
    ReportVerdict.UNKNOWN: "Not known",
}


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """A report, and what its renderings show besides."""

    report: Report
    rows: RowReader
    sha256: str = ""  # "": it is not stored
    sign_offs: Sequence[SignOff] = ()
    proofs: Sequence[tuple[str, bytes]] = ()  # names and contents of the files of its anchor


def printable(text: str) -> str:
    """Return the text with every character that is not printable as an escape."""
    return text if text.isprintable() else escape(text)


def printable_report(report: Report) -> Report:
    """Return the report with all of its texts printable, but for cells: see `cell_text`."""
    made: Report = _printable(report)
    return made


def _printable(value: Any) -> Any:
    if type(value) is str:
        return printable(value)
    if isinstance(value, tuple):
        return tuple(_printable(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.name != "shown"]
        return replace(value, **{name: _printable(getattr(value, name)) for name in names})
    return value


class Exceptional(NamedTuple):
    """Something that does not meet a requirement, as the summary, the PDF and the email list it."""

    section: Section
    requirement: str
    words: str


def exceptions(report: Report) -> list[Exceptional]:
    """Return every exception; for a report of 0.1.0 every finding."""
    if report.is_judged:
        return [
            Exceptional(section, judgment.requirement, found_text(found))
            for section, judgment in report.judgments()
            for found in judgment.found
        ]
    listed = []
    for section in report.sections:
        name = section.requirement or section.title
        for statement in section.statements:
            if statement.verdict is ReportVerdict.FINDING:
                listed.append(Exceptional(section, name, statement.words))
        for figure in section.figures:
            if figure.is_finding:
                words = f"{figure.label}: {number_text(figure.number)}"
                listed.append(Exceptional(section, name, words))
    return listed


def found_text(found: Found) -> str:
    """Return `Accounts are exempt from lockout: 3`; a single sentence stays as it is."""
    is_sentence = found.words[:1].isupper() or found.words[-1:] == "."
    if is_sentence:
        return found.words
    return f"{found.words[:1].upper()}{found.words[1:]}: {grouped(found.number)}"


def counts(judgment: Judgment) -> str:
    """Return `Testing procedure 8.2.6. 412 of 430 accounts tested; 3 exceptions.`

    Where nothing was tested, the number of exceptions is not known, and is left out.
    """
    population = number_text(judgment.population)
    known = judgment.tested or judgment.exceptions
    exceptions = f"; {counted(judgment.exceptions, 'exception')}" if known else ""
    return (
        f"Testing procedure {judgment.procedure}. {grouped(judgment.tested)} of {population} "
        f"{judgment.unit} tested{exceptions}."
    )


def tally(report: Report) -> dict[Verdict, int]:
    """Return the number of requirements with each verdict, the good one first."""
    verdicts = [judgment.verdict for _, judgment in report.judgments()]
    order = (Verdict.NO_EXCEPTION, Verdict.EXCEPTION, Verdict.PARTLY_TESTED, Verdict.NOT_TESTED)
    return {verdict: verdicts.count(verdict) for verdict in order} if verdicts else {}


def headline(report: Report) -> str:
    """Return the verdict of the report in a few words."""
    if not report.is_judged:
        return "Not judged: built by pciops 0.1.0"
    numbers = tally(report)
    if not numbers:
        return "No requirement was judged"
    total = sum(numbers.values())
    if bad := numbers[Verdict.EXCEPTION]:
        return f"Exceptions in {bad} of {total} requirements"
    return f"No exception found in {numbers[Verdict.NO_EXCEPTION]} of {total} requirements"


def answer(report: Report) -> str:
    """Return the report in one sentence."""
    if not report.is_judged:
        return (
            "Built by pciops 0.1.0, which judged by rules that are no longer used. "
            "Build the report again for verdicts."
        )
    numbers = tally(report)
    if not numbers:
        return "No requirement was judged."
    parts = [
        headline(report),
        f"{numbers[Verdict.PARTLY_TESTED]} partly tested",
        f"{numbers[Verdict.NOT_TESTED]} not tested",
    ]
    if numbers[Verdict.EXCEPTION]:
        parts.append(f"no exception found in {numbers[Verdict.NO_EXCEPTION]}")
    return f"{', '.join(parts)}. An assessor decides what is in place."


def number_text(number: int | None) -> str:
    """Return `1,204`, or a dash if the number is not known."""
    return UNKNOWN if number is None else grouped(number)


def change_text(change: int | None) -> str:
    """Return `+12`, `−4` or `±0`, or a dash if the change is not known."""
    if change is None:
        return UNKNOWN
    if change == 0:
        return "±0"
    return f"{'+' if change > 0 else '−'}{grouped(abs(change))}"


def column_title(column: Column) -> str:
    """Return the head of a column; times are all in UTC, so it says that once."""
    is_time = column.kind == "instant" and "UTC" not in column.title
    return printable(column.title) + (" (UTC)" if is_time else "")


def cell_text(value: Cell, column: Column) -> str:
    """Return the text of a cell."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return grouped(value) if column.kind == "number" else str(value)
    try:
        if column.kind == "instant":
            return f"{datetime.fromisoformat(value).astimezone(UTC):%F %T}"
        if column.kind == "day":
            return times.day(date.fromisoformat(value))
    except ValueError:
        pass  # a text that is none is shown as it is
    return printable(value)


def title_with_count(table: Table) -> str:
    """Return `Inactive accounts (214 rows)`."""
    return f"{table.title} ({counted(table.count, 'row')})"


def cut_sentence(table: Table, shown: int, file_name: str) -> str:
    """Return the sentence above a table of which only the first rows are shown."""
    return (
        f"The first {grouped(shown)} of {counted(table.count, 'row')}. All of them are in "
        f"{file_name} in the CSV of this report."
    )


def scope(header: Header) -> str:
    """Return whose accounts the report is about."""
    if not header.domain_id:
        return "Entire cloud"
    return f"Domain {header.domain_name} ({header.domain_id})"


def period(header: Header) -> str:
    """Return the first day of the week, and the day after the last."""
    begins, ends = times.dated(header.begins), times.dated(header.ends)
    return f"{begins} to {ends}, the latter not included"


def days(header: Header) -> str:
    """Return `16 to 22 November 2026`, in the zone of the report."""
    zone = ZoneInfo(header.zone)
    first = header.begins.astimezone(zone).date()
    last = (header.ends - timedelta(seconds=1)).astimezone(zone).date()
    begin = f"{first.day}" if first.month == last.month else f"{first.day} {first:%B}"
    return f"{begin} to {last.day} {last:%B %Y}"


def facts(header: Header, sha256: str) -> list[tuple[str, str]]:
    """Return labels and texts about the report itself."""
    before = "none: this is the first report"
    if header.previous_week:
        before = f"{header.previous_week}, SHA-256 {header.previous_hash}"
    return [
        ("Cloud", header.cloud),
        ("Accounts of", scope(header)),
        ("Period", period(header)),
        ("Week", f"{header.week}, as it is in {header.zone}"),
        ("Revision", str(header.revision)),
        ("Generated at", times.dated(header.generated_at)),
        ("By", f"pciops {header.version}"),
        ("SHA-256 of this report", sha256 or "not kept"),
        ("Report before", before),
    ]


def gap_sentence(gap: Gap) -> str:
    """Return the period of a gap, and what it means."""
    return f"{gap.source}, {times.dated(gap.begins)} to {times.dated(gap.ends)}: {gap.words}"


def acknowledgement(signed: SignOff) -> tuple[str, str, str]:
    """Return the person, the time and the remark."""
    return printable(signed.by), times.dated(signed.at), printable(signed.remark)


def chart(bars: Bars) -> charts.Bars:
    """Return the chart as `lib.charts` draws it."""
    return charts.Bars(
        title=bars.title,
        groups=bars.groups,
        series=tuple(charts.Series(label=label, values=values) for label, values in bars.series),
    )
