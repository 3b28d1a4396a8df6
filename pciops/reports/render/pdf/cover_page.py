"""The first page: the answer of the report, its findings, and the pages of everything in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pciops.lib.numbers import counted, grouped
from pciops.reports.render import text
from pciops.reports.render.pdf.layout import (
    ANSWER,
    BODY,
    CELL,
    NOTE,
    STRONG,
    SUBHEADING,
    TITLE,
    Document,
)
from pciops.reports.render.pdf.tables import Cell, TableLayout, draw_table
from pciops.reports.value import Figure, Report, ReportVerdict, Section, Table, Verdict

_READING: Final = (
    "Instants are UTC. A dash stands for what is not known. A character that the fonts of this "
    "document lack is written as its number, such as \\u4e2d. Every list is complete in the CSV "
    "and the JSON of this report, which carry the same numbers."
)


def draw_cover(document: Document, report: Report, sha256: str) -> None:
    """Print the summary, on as many pages as it takes."""
    header = report.header
    document.mark("top", "Summary")
    document.paragraph("PCI DSS 4.0.1: accounts of OpenStack Keystone", NOTE, below=0)
    document.paragraph(f"Weekly compliance report {header.week}", TITLE, below=2)
    document.paragraph(f"{header.cloud} · {text.scope(header)}", BODY, below=0)
    document.paragraph(text.period(header), BODY, below=10)
    document.paragraph(text.answer(report), ANSWER, below=6)
    if report.gaps:
        gaps = counted(len(report.gaps), "gap")
        document.paragraph(f"The evidence has {gaps}; the section 10.7.2 names them.", BODY)
    if exceptions := text.exceptions(report):
        document.paragraph("Exceptions", SUBHEADING, above=4)
        layout = TableLayout(widths=(17, 75, 8), heads=("Requirement", "Exception", "Page"))
        draw_table(document, layout, [_exception_row(*one) for one in exceptions])
    document.paragraph("Requirements", SUBHEADING, above=4)
    layout = TableLayout(
        widths=(14, 38, 21, 19, 8),
        heads=("Requirement", "Section", "Verdict", "In PCI DSS 3.2.1", "Page"),
    )
    draw_table(
        document, layout, [row for section in report.sections for row in _section_rows(section)]
    )
    if main_figures := [figure for figure in report.figures() if figure.main]:
        document.need(100)
        document.paragraph("Main figures", SUBHEADING, above=4)
        draw_figures(document, main_figures, since=header.previous_week)
    if rows := [_table_row(section, t) for section in report.sections for t in section.tables]:
        document.need(90)
        document.paragraph("Lists", SUBHEADING, above=4)
        layout = TableLayout(
            widths=(17, 56, 13, 6, 8),
            heads=("Requirement", "List", "Rows", "", "Page"),
            right=(2,),
        )
        draw_table(document, layout, rows)
    document.need(200)
    document.paragraph("About this report", SUBHEADING, above=4)
    facts = [(Cell(label, STRONG), value) for label, value in text.facts(header, sha256)]
    draw_table(document, TableLayout(widths=(24, 76)), facts)
    document.paragraph(_READING, NOTE)


def _exception_row(section: Section, requirement: str, sentence: str) -> list[str | Cell]:
    mark = section_mark(section)
    return [Cell(requirement, STRONG, mark), sentence, Cell("", mark=mark)]


def _section_rows(section: Section) -> list[list[str | Cell]]:
    """Return a row for each requirement; one for a section that judges none."""
    judged: list[tuple[str, Verdict | ReportVerdict | None, str]] = [
        (judgment.requirement, judgment.verdict, judgment.old)
        for judgment in section.judgments or ()
    ] or [(section.requirement, section.verdict, section.old)]
    mark = section_mark(section)
    return [
        [
            Cell(requirement or text.UNKNOWN, STRONG, mark),
            Cell(section.title, mark=mark),
            Cell(text.VERDICTS[verdict], CELL.of_verdict(verdict)) if verdict else text.UNKNOWN,
            old or text.UNKNOWN,
            Cell("", mark=mark),
        ]
        for requirement, verdict, old in judged
    ]


def _table_row(section: Section, table: Table) -> list[str | Cell]:
    mark = table_mark(table)
    title, page = Cell(table.title, mark=mark), Cell("", mark=mark)
    return [section.requirement or text.UNKNOWN, title, grouped(table.count), "", page]


def draw_figures(document: Document, figures: Iterable[Figure], *, since: str) -> None:
    """Print a table of figures, with their change since a week."""
    layout = TableLayout(
        widths=(34, 14, 14, 38),
        heads=("Figure", "Number", f"Since {since}" if since else "Change", ""),
        right=(1, 2),
    )
    finding = CELL.of_verdict(Verdict.EXCEPTION)
    rows = [
        (
            figure.label,
            Cell(text.number_text(figure.number), finding if figure.is_finding else STRONG),
            text.change_text(figure.change),
            figure.words,
        )
        for figure in figures
    ]
    draw_table(document, layout, rows)


def section_mark(section: Section) -> str:
    """Return the mark at the beginning of a section."""
    return f"section-{section.key}"


def table_mark(table: Table) -> str:
    """Return the mark at the beginning of a table."""
    return f"list-{table.key}"
