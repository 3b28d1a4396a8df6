"""What a report says, in words that a person reads: the same in HTML and in PDF."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Final, Protocol, TypeAlias

from pciops.lib import charts, times
from pciops.lib.evidence import Bars, Cell, Column, Gap, Verdict
from pciops.lib.logs import escape
from pciops.lib.numbers import grouped
from pciops.reports.value import Figure, Header, Report, Section, Table

# All rows of a table by its key: the value itself holds the first ones alone.
Rows: TypeAlias = Callable[[str], Iterable[tuple[Cell, ...]]]

GAPS: Final = "gaps"  # keys of sections in which more stands than the sections themselves have
REVIEW: Final = "review"
NOTHING: Final = "–"  # an en dash stands for what is not known
VERDICTS: Final = {
    Verdict.MET: "Met",
    Verdict.FINDING: "Finding",
    Verdict.UNKNOWN: "Not known",
}


class SignOff(Protocol):
    """Somebody acknowledged the report (PCI DSS 7.2.4)."""

    @property
    def by(self) -> str: ...

    @property
    def at(self) -> datetime: ...

    @property
    def remark(self) -> str: ...


def sections(report: Report) -> list[Section]:
    """Those of the report, and those in which gaps and signatures stand where it lacks them."""
    known = {section.key for section in report.sections}
    wanted = [(REVIEW, "7.2.4", "Review and acknowledgement")]
    if report.gaps:
        wanted.insert(0, (GAPS, "10.7.2", "What this report does not know"))
    added = [_empty(*heading) for heading in wanted if heading[0] not in known]
    return [*report.sections, *added]


def _empty(key: str, requirement: str, title: str) -> Section:
    return Section(
        key=key,
        requirement=requirement,
        old="",
        title=title,
        demand="",
        statements=(),
        figures=(),
        bars=(),
        tables=(),
    )


def verdict(section: Section) -> Verdict | None:
    """The worst that the section says of its requirement; None where it says nothing of it.

    A figure that asks somebody to do something is a finding, whatever the sentences say.
    """
    said = {statement.verdict for statement in section.statements}
    said |= {Verdict.FINDING for figure in section.figures if is_finding(figure)}
    said |= {Verdict.UNKNOWN for it in section.figures if it.finding and it.number is None}
    for worse in (Verdict.FINDING, Verdict.UNKNOWN, Verdict.MET):
        if worse in said:
            return worse
    return None


def is_finding(figure: Figure) -> bool:
    """Whether somebody has to do something because of this number."""
    return figure.finding and bool(figure.number)


def findings(report: Report) -> list[tuple[Section, str]]:
    """Every sentence and every number that is a finding, with its section."""
    found = []
    for section in report.sections:
        sentences = [it.words for it in section.statements if it.verdict is Verdict.FINDING]
        numbers = [f"{it.label}: {number(it)}" for it in section.figures if is_finding(it)]
        found += [(section, plain(words)) for words in (*sentences, *numbers)]
    return found


def answer(report: Report) -> str:
    """The report in one sentence."""
    judged = [it for section in report.sections if (it := verdict(section)) is not None]
    bad, unknown = judged.count(Verdict.FINDING), judged.count(Verdict.UNKNOWN)
    if not judged:
        return "No requirement was judged."
    if not bad and not unknown:
        return f"No findings: all {len(judged)} requirements that were judged are met."
    parts = [f"Findings in {bad} of {len(judged)} sections" if bad else "No findings"]
    if unknown:
        parts.append(f"{unknown} {'lacks' if unknown == 1 else 'lack'} evidence")
    return f"{'; '.join(parts)}."


def title(section: Section) -> str:
    """`8.2.6 Inactive accounts`: with the number by which an assessor looks for it."""
    return plain(f"{section.requirement} {section.title}".strip())


def number(figure: Figure) -> str:
    """`1,204`, or a dash where it is not known; what is said besides says why."""
    return NOTHING if figure.number is None else grouped(figure.number)


def change(figure: Figure) -> str:
    """`+12`, `−4`, `±0` since the report before, or a dash where that does not have it."""
    return _signed(figure.change)


def difference(before: int | None, after: int | None) -> str:
    """The same for two numbers."""
    return _signed(None if before is None or after is None else after - before)


def _signed(number: int | None) -> str:
    if number is None:
        return NOTHING
    if number == 0:
        return "±0"
    return f"{'+' if number > 0 else '−'}{grouped(abs(number))}"


def heading(column: Column) -> str:
    """The head of a column; instants are all in UTC, which it says once for all of them."""
    zone = " (UTC)" if column.kind == "instant" and "UTC" not in column.title else ""
    return plain(column.title) + zone


def is_id(column: Column) -> bool:
    """Whether it holds ids, which are small: nobody reads them."""
    return column.kind == "text" and (column.key == "id" or column.key.endswith("_id"))


def cell(value: Cell, column: Column) -> str:
    """What stands in a table, without a character that is none."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return grouped(value) if column.kind == "number" else str(value)
    if column.kind == "instant":
        return _parsed(value, lambda text: f"{datetime.fromisoformat(text).astimezone(UTC):%F %T}")
    if column.kind == "day":
        return _parsed(value, lambda text: times.day(date.fromisoformat(text)))
    return plain(value)


def plain(text: str) -> str:
    """The text with whatever is not printable as an escape: names are somebody else's."""
    return text if text.isprintable() else escape(text)


def rows_of(many: int) -> str:
    """`1 row`, `1,204 rows`."""
    return f"{grouped(many)} row{'' if many == 1 else 's'}"


def counted(table: Table) -> str:
    """`Inactive accounts (214 rows)`."""
    return f"{plain(table.title)} ({rows_of(table.count)})"


def scope(header: Header) -> str:
    """Whose accounts the report is about."""
    if not header.domain_id:
        return "The whole cloud"
    return plain(f"The domain {header.domain_name} ({header.domain_id})")


def period(header: Header) -> str:
    """The days of the week, and that the last instant is not one of them."""
    begins, ends = times.dated(header.begins), times.dated(header.ends)
    return f"{begins} to {ends}, the latter not included"


def facts(header: Header, sha256: str) -> list[tuple[str, str]]:
    """What stands at the head of a report: label and words."""
    before = "none: this is the first report"
    if header.previous_week:
        before = f"{header.previous_week}, SHA-256 {header.previous_hash}"
    return [
        ("Cloud", plain(header.cloud)),
        ("Accounts of", scope(header)),
        ("Period", period(header)),
        ("Week", f"{header.week}, as it is in {plain(header.zone)}"),
        ("Revision", str(header.revision)),
        ("Generated at", times.dated(header.generated_at)),
        ("By", f"pciops {plain(header.version)}"),
        ("SHA-256 of this report", sha256 or "not kept"),
        ("Report before", before),
    ]


def gap(gap: Gap) -> str:
    """From when until when something was not running, and what that means."""
    begins, ends = times.dated(gap.begins), times.dated(gap.ends)
    return plain(f"{gap.source}, {begins} to {ends}: {gap.words}")


def chart(bars: Bars) -> charts.Bars:
    """The chart as `lib.charts` draws it."""
    return charts.Bars(
        title=plain(bars.title),
        groups=tuple(plain(group) for group in bars.groups),
        series=tuple(
            charts.Series(label=plain(label), values=values) for label, values in bars.series
        ),
    )


def _parsed(value: str, words: Callable[[str], str]) -> str:
    try:
        return words(value)
    except ValueError:
        return plain(value)
