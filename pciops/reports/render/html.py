"""A report as a page: what the templates show, and the whole as one file that needs nothing else.

Lists stand with their first rows, which the value itself has; all rows are in CSV and JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from pciops.lib import charts, times
from pciops.lib.charts import Drawing
from pciops.lib.evidence import Bars, Cell, Column, Statement, Verdict
from pciops.lib.numbers import grouped
from pciops.reports.render import words
from pciops.reports.render.csv import file_name
from pciops.reports.render.words import Rows, SignOff
from pciops.reports.value import Figure, Report, Section, Table

STYLES: Final = ("variables.css", "base.css", "charts.css", "report.css")
TONES: Final = {Verdict.MET: "good", Verdict.FINDING: "bad", Verdict.UNKNOWN: "soon"}
SIGNS: Final = {Verdict.MET: "✓", Verdict.FINDING: "✗", Verdict.UNKNOWN: "?"}


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A verdict: a sign, a word and a colour."""

    sign: str
    words: str
    tone: str

    @classmethod
    def of(cls, verdict: Verdict | None) -> Tag | None:
        """That of a verdict."""
        if verdict is None:
            return None
        return cls(sign=SIGNS[verdict], words=words.VERDICTS[verdict], tone=TONES[verdict])


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """Of a section, with its verdict where it has one."""

    words: str
    tag: Tag | None


@dataclass(frozen=True, kw_only=True)
class Number:
    """A figure; a dash where it or its change is not known."""

    key: str
    label: str
    number: str
    change: str
    words: str
    is_finding: bool


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Bars in both their shapes, and as the numbers that they stand for."""

    id: str
    bars: charts.Bars
    columns: Drawing
    rows: Drawing


@dataclass(frozen=True, kw_only=True)
class List:
    """A table with its first rows."""

    key: str
    title: str
    count: str
    heads: list[tuple[str, bool]]  # words, whether it is a number
    body: SafeString
    empty: str  # "": there are rows
    cut: str  # what is said where not all rows are here
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A section."""

    key: str
    requirement: str
    name: str
    title: str
    old: str
    demand: str
    tag: Tag | None
    sentences: list[Sentence]
    numbers: list[Number]
    charts: list[Chart]
    lists: list[List]
    gaps: list[str]
    signing: bool  # whether signatures stand here


def stream(
    report: Report, rows: Rows, *, sha256: str = "", signoffs: Iterable[SignOff] = ()
) -> Iterator[str]:
    """The whole as one file: it prints well, and needs neither network nor scripts."""
    context = {**view(report, sha256=sha256, signoffs=signoffs), "style": _style()}
    yield render_to_string("reports/report.html", context)


def view(report: Report, *, sha256: str, signoffs: Iterable[SignOff]) -> dict[str, Any]:
    """What `reports/body.html` shows."""
    return {
        "header": report.header,
        "cloud": words.plain(report.header.cloud),
        "scope": words.scope(report.header),
        "period": words.period(report.header),
        "facts": words.facts(report.header, sha256),
        "answer": words.answer(report),
        "tone": _tone(report),
        "since": report.header.previous_week,
        "todo": [
            (words.plain(section.requirement or section.title), section.key, sentence)
            for section, sentence in words.findings(report)
        ],
        "main": [_number(figure) for figure in report.figures() if figure.main],
        "chapters": [_chapter(section, report) for section in words.sections(report)],
        "sign_offs": [
            (words.plain(signed.by), times.dated(signed.at), words.plain(signed.remark))
            for signed in signoffs
        ],
    }


def _tone(report: Report) -> str:
    verdicts = {words.verdict(section) for section in report.sections}
    for verdict in (Verdict.FINDING, Verdict.UNKNOWN, Verdict.MET):
        if verdict in verdicts:
            return TONES[verdict]
    return "plain"


def _chapter(section: Section, report: Report) -> Chapter:
    return Chapter(
        key=section.key,
        requirement=words.plain(section.requirement),
        name=words.plain(section.title),
        title=words.title(section),
        old=words.plain(section.old),
        demand=words.plain(section.demand),
        tag=Tag.of(words.verdict(section)),
        sentences=[_sentence(statement) for statement in section.statements],
        numbers=[_number(figure) for figure in section.figures],
        charts=[_chart(bars) for bars in section.bars],
        lists=[_list(table) for table in section.tables],
        gaps=[words.gap(gap) for gap in report.gaps] if section.key == words.GAPS else [],
        signing=section.key == words.REVIEW,
    )


def _sentence(statement: Statement) -> Sentence:
    return Sentence(words=words.plain(statement.words), tag=Tag.of(statement.verdict))


def _number(figure: Figure) -> Number:
    return Number(
        key=figure.key,
        label=words.plain(figure.label),
        number=words.number(figure),
        change=words.change(figure),
        words=words.plain(figure.words),
        is_finding=words.is_finding(figure),
    )


def _chart(bars: Bars) -> Chart:
    chart = words.chart(bars)
    return Chart(
        id=f"chart-{bars.key}",
        bars=chart,
        columns=charts.columns(chart),
        rows=charts.rows(chart),
    )


def _list(table: Table) -> List:
    many = words.rows_of(table.count)
    cut = (
        f"The first {grouped(len(table.shown))} of {many}. All of them are in "
        f"{file_name(table.key)} in the CSV of this report."
    )
    return List(
        key=table.key,
        title=words.plain(table.title),
        count=many,
        heads=[(words.heading(column), column.kind == "number") for column in table.columns],
        body=_body(table),
        empty="" if table.count else words.plain(table.empty) or "There are none.",
        cut=cut if len(table.shown) < table.count else "",
        sha256=table.sha256,
    )


def _body(table: Table) -> SafeString:
    """The rows. A template would take seconds for the cells of all lists."""
    heads = [_opening(column) for column in table.columns]
    lines = []
    for row in table.shown:
        cells = [
            f"{head}{_cell(value, column)}</td>"
            for head, value, column in zip(heads, row, table.columns, strict=True)
        ]
        lines.append(f'<tr role="row">{"".join(cells)}</tr>')
    return mark_safe("\n".join(lines))  # noqa: S308 each cell is escaped


def _opening(column: Column) -> str:
    kind = {"number": ' class="number"', "instant": ' class="nowrap"', "day": ' class="nowrap"'}
    style = ' class="id"' if words.is_id(column) else kind.get(column.kind, "")
    return f'<td role="cell" data-label="{escape(words.heading(column))}"{style}>'


def _cell(value: Cell, column: Column) -> str:
    text = escape(words.cell(value, column))
    return f"<bdi>{text}</bdi>" if column.kind == "text" else text


@cache
def _style() -> SafeString:
    """Our own style sheets as an element: the file is no page of ours, whose policy forbids it."""
    folder = Path(settings.STATICFILES_DIRS[0]) / "css"
    sheets = "\n".join((folder / name).read_text(encoding="utf-8") for name in STYLES)
    return mark_safe(f"<style>{sheets}</style>")  # noqa: S308 our own files
