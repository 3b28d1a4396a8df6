"""A report as PDF: a summary, the sections with their short tables, and an annex of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pciops.lib import charts
from pciops.reports.models import SignOff
from pciops.reports.render import text
from pciops.reports.render.csv import file_name
from pciops.reports.render.pdf import layout
from pciops.reports.render.pdf.cover_page import (
    draw_cover,
    draw_figures,
    section_mark,
    table_mark,
)
from pciops.reports.render.pdf.layout import BODY, CELL, EDGE, STRONG, Color, Document, Style
from pciops.reports.render.pdf.tables import Cell, TableLayout, column_widths, draw_table
from pciops.reports.render.text import ReportContent, RowReader
from pciops.reports.value import Bars, Judgment, Report, Row, Section, Table

MOST_ROWS: Final = 5000  # of a table; the CSV has all of them
SHORT_ROWS, SHORT_COLUMNS = 20, 7  # of a table that is printed in its section
SAMPLE: Final = 200  # rows that decide how wide the columns are
# Fill and edge of each series: they differ without color as well.
SERIES: Final[tuple[tuple[Color, Color], ...]] = (
    ((0x0A, 0x5C, 0xB0), (0x0A, 0x5C, 0xB0)),
    ((0xFF, 0xF2, 0xD9), (0x7A, 0x4A, 0x00)),
    ((0xDD, 0xE2, 0xE7), (0x54, 0x60, 0x6D)),
)


def stream(content: ReportContent) -> Iterator[bytes]:
    """Yield the document, in one piece; no more than `MOST_ROWS` of a table are read."""
    report = text.printable_report(content.report)
    with TemporaryDirectory(prefix="pciops-fonts-") as folder:
        document = Document(report.header, content.sha256, fonts=Path(folder))
        document.add_page()
        draw_cover(document, report, content.sha256)
        for section in report.sections:
            _draw_section(document, report, section)
            for table in section.tables:
                _draw_in_section(document, table, content.rows)
            if section.key == text.GAPS:
                for gap in report.gaps:
                    document.paragraph(text.gap_sentence(gap), BODY, bullet="•")
            if section.key == text.REVIEW:
                _draw_signatures(document, content.sign_offs)
        annex = [(s, table) for s in report.sections for table in s.tables if not is_short(table)]
        if annex:
            document.add_page(orientation="landscape")
        for section, table in annex:
            _draw_in_annex(document, section, table, content.rows)
        yield document.finish()


def _draw_section(document: Document, report: Report, section: Section) -> None:
    document.need(150)
    document.skip(14)
    document.mark(section_mark(section), section.heading)
    document.paragraph(section.heading, layout.HEADING, below=2)
    old = f" In PCI DSS 3.2.1: {section.old}." if section.old else ""
    if section.demand or old:
        document.paragraph(section.demand + old, layout.NOTE, below=6)
    for judgment in section.judgments or ():
        _draw_judgment(document, judgment)
    for statement in section.statements:
        if statement.verdict is None:
            document.paragraph(statement.words, BODY)
        else:
            words = f"{text.VERDICTS[statement.verdict]}: {statement.words}"
            document.paragraph(words, BODY.of_verdict(statement.verdict))
    if section.figures:
        draw_figures(document, section.figures, since=report.header.previous_week)
    for bars in section.bars:
        _draw_chart(document, bars)


def _draw_judgment(document: Document, judgment: Judgment) -> None:
    verdict = judgment.verdict
    words = f"{judgment.requirement} {text.VERDICTS[verdict]}: {judgment.asks}"
    document.paragraph(words, BODY.of_verdict(verdict), below=0)
    document.paragraph(text.counts(judgment), layout.NOTE)
    for found in judgment.found:
        document.paragraph(f"Exception: {text.found_text(found)}", BODY, bullet="•")
    for sentence in judgment.not_tested:
        document.paragraph(f"Not tested: {sentence}", BODY, bullet="•")
    for sentence in judgment.excluded:
        document.paragraph(f"Does not apply: {sentence}", BODY, bullet="•")


def _draw_in_section(document: Document, table: Table, rows: RowReader) -> None:
    """Print a short table, or the page of one in the annex."""
    title, mark = text.title_with_count(table), table_mark(table)
    if is_short(table):
        document.need(70)
        document.mark(mark, title, level=1)
        document.paragraph(title, layout.SUBHEADING, above=8)
        _draw_rows(document, table, rows)
    else:
        reference = (Cell(title, STRONG, mark), "page", Cell("", mark=mark))
        draw_table(document, TableLayout(widths=(84, 6, 10)), [reference])


def _draw_signatures(document: Document, sign_offs: Sequence[SignOff]) -> None:
    document.need(130)
    for by, at, remark in map(text.acknowledgement, sign_offs):
        document.paragraph(f"{by}, {at}{f': “{remark}”' if remark else ''}", BODY, bullet="•")
    if not sign_offs:
        document.paragraph("This report was not signed off when this copy was made.", BODY, below=6)
    lines = [(Cell(label, STRONG), "") for label in ("Name", "Role", "Date", "Signature")]
    draw_table(document, TableLayout(widths=(20, 80), leading=21.6), lines)


def _draw_in_annex(document: Document, section: Section, table: Table, rows: RowReader) -> None:
    document.need(0.4 * document.h)  # a short one begins below the one before
    document.skip(14)
    title = f"{section.requirement} {text.title_with_count(table)}".strip()
    document.mark(table_mark(table), f"List: {title}")
    document.paragraph(title, layout.HEADING, below=4)
    if table.count > MOST_ROWS:
        cut = text.cut_sentence(table, MOST_ROWS, file_name(table.key))
        document.paragraph(cut, BODY, below=6)
    _draw_rows(document, table, rows, f"{title}, continued")


def _draw_rows(document: Document, table: Table, rows: RowReader, title: str = "") -> None:
    if not table.count:
        document.paragraph(table.empty, BODY)
        return
    heads = [text.column_title(column) for column in table.columns]
    sample = [_cells(row, table) for row in table.shown[:SAMPLE]]
    firm = [column.kind != "text" or column.is_id for column in table.columns]
    table_layout = TableLayout(
        widths=column_widths(document, heads, sample, firm),
        heads=heads,
        right=[i for i, column in enumerate(table.columns) if column.kind == "number"],
        title=title,
    )
    printed = islice(rows(table.key), MOST_ROWS)
    draw_table(document, table_layout, (_cells(row, table) for row in printed))
    document.paragraph(f"SHA-256 over all rows of this list: {table.sha256}", layout.FOOT)


def is_short(table: Table) -> bool:
    """Return whether the table is printed in its section."""
    small = table.count <= SHORT_ROWS and len(table.columns) <= SHORT_COLUMNS
    return small or not table.count


def _cells(row: Row, table: Table) -> list[Cell]:
    return [
        Cell(text.cell_text(value, column), layout.ID if column.is_id else CELL)
        for value, column in zip(row, table.columns, strict=True)
    ]


def _draw_chart(document: Document, bars: Bars) -> None:
    """Print a chart of `lib.charts`, with its legend above it."""
    chart = text.chart(bars)
    drawing = charts.columns(chart, height=200.0)
    scale = document.epw * 0.86 / drawing.width
    document.need((drawing.height + 22) * scale + 30)
    document.paragraph(chart.title, layout.SUBHEADING, above=6, below=4)
    label = Style(charts.TEXT * scale, color=layout.QUIET)
    number = Style(charts.TEXT * scale)
    x, y = EDGE, document.y
    for index, series in enumerate(chart.series, start=1):
        _draw_bar(document, index, x, y, 11 * scale, 11 * scale)
        document.write_line(x + 16 * scale, y + 10 * scale, series.label, number)
        x += 40 * scale + document.width(series.label, number)
    top = y + 22 * scale
    for rect in drawing.rects:
        place = (EDGE + rect.x * scale, top + rect.y * scale)
        _draw_bar(document, rect.series, *place, rect.width * scale, rect.height * scale)
    for stroke in drawing.strokes:
        document.rule(EDGE, top + stroke.points[0][1] * scale, drawing.width * scale)
    for mark in drawing.texts:
        style = number if mark.kind == "number" else label
        shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[mark.anchor]
        x = EDGE + mark.x * scale - shift * document.width(mark.text, style)
        document.write_line(x, top + mark.y * scale, mark.text, style)
    document.set_xy(EDGE, top + drawing.height * scale + 8)


def _draw_bar(
    document: Document, series: int, x: float, y: float, width: float, height: float
) -> None:
    fill, edge = SERIES[(series - 1) % len(SERIES)]
    document.set_fill_color(*fill)
    document.set_draw_color(*edge)
    document.set_line_width(0.8)
    document.rect(x, y, width, height, style="DF")
