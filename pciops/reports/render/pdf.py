"""A report as PDF: a page for management, the contents, the sections with their short tables, and
an annex of the other tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pciops.lib import charts
from pciops.lib.numbers import grouped
from pciops.reports.models import SignOff
from pciops.reports.render import pdf_layout as layout
from pciops.reports.render import text
from pciops.reports.render.csv import file_name
from pciops.reports.render.pdf_layout import (
    BODY,
    CELL,
    EDGE,
    MOST_LINES,
    NOTE,
    STRONG,
    SUBHEADING,
    Cell,
    Document,
    Style,
    column_widths,
    draw_table,
)
from pciops.reports.render.text import ReportContent, RowReader
from pciops.reports.value import (
    Bars,
    Figure,
    Header,
    Judgment,
    Report,
    ReportVerdict,
    Row,
    Section,
    Table,
    Verdict,
    worst,
)

MOST_ROWS: Final = 5000  # of a table; the CSV has all of them
SHORT_ROWS, SHORT_COLUMNS = 20, 7  # of a table that is printed in its section
MOST_EXCEPTIONS: Final = 10  # in the summary
SAMPLE: Final = 200  # rows that decide how wide the columns are
# Fill and edge of each series: they differ without color as well.
SERIES: Final = (("#2355d3", "#2355d3"), ("#fdf1dc", "#8a4b00"), ("#e4e7ec", "#4a5361"))
READING: Final = (
    "Times are UTC. A dash stands for an unknown number. A character that the fonts of this "
    "document lack is written as its number, such as \\u4e2d. Every list is complete in the CSV "
    "and the JSON of this report, which carry the same numbers."
)


def stream(content: ReportContent) -> Iterator[bytes]:
    """Yield the document, in one piece; no more than `MOST_ROWS` of a table are read."""
    report = text.printable_report(content.report)
    with TemporaryDirectory(prefix="pciops-fonts-") as folder:
        document = Document(report.header, content.sha256, fonts=Path(folder))
        document.add_page()
        _draw_summary(document, content, report)
        document.add_page()
        _draw_contents(document, report, content.sha256)
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


def _draw_summary(document: Document, content: ReportContent, report: Report) -> None:
    """Print the summary for management: one page, whatever the report has."""
    header = report.header
    document.mark("top", "Summary")
    document.paragraph("PCI DSS 4.0.1: accounts of OpenStack Keystone", NOTE, below=0)
    document.paragraph(f"Compliance report {header.week}", layout.TITLE, below=2)
    about = (text.days(header), header.cloud, text.scope(header), f"revision {header.revision}")
    [line] = document.lines(" · ".join(about), NOTE, document.epw, most=1)
    document.paragraph(line, NOTE, below=10)
    signed = f"Signed off by {', '.join(text.printable(one.by) for one in content.sign_offs)}."
    _draw_verdict(document, report, signed if content.sign_offs else "Not signed off.")
    if exceptions := text.exceptions(report):
        document.paragraph("Exceptions to resolve", SUBHEADING, above=6)
        rows: list[list[str | Cell]] = [
            [Cell(one.requirement, STRONG), one.words, Cell(mark=_mark(one.section))]
            for one in exceptions[:MOST_EXCEPTIONS]
        ]
        if more := len(exceptions) - MOST_EXCEPTIONS:
            rows += [["", f"{grouped(more)} more are in the sections.", ""]] if more > 0 else []
        heads = ("Requirement", "Exception", "Page")
        draw_table(document, rows, widths=(17, 75, 8), heads=heads, most=2)
    figures = [figure for figure in report.figures() if figure.main]
    room = int((document.h - EDGE - document.y - 60) / (CELL.leading + 4))
    if figures and room > 0:
        document.paragraph("Main figures", SUBHEADING, above=6)
        first = sorted(figures, key=lambda figure: not figure.is_finding)[:room]
        _draw_figures(document, first, since=header.previous_week, most=1)


def _draw_verdict(document: Document, report: Report, signed: str) -> None:
    """Print the verdict of the report as its page has it, and the number of each verdict."""
    verdict = worst({judgment.verdict for _, judgment in report.judgments()})
    height, y = 50.0, document.y
    document.panel(y, height, layout.SOFT.get(verdict, layout.SUNKEN))
    answer = layout.ANSWER.of_verdict(verdict) if verdict else layout.ANSWER
    document.write_line(EDGE + 12, y + 21, text.headline(report), answer)
    [line] = document.lines(
        f"{signed} An assessor decides what is in place.", NOTE, document.epw - 24, most=1
    )
    document.write_line(EDGE + 12, y + 37, line, NOTE)
    document.set_xy(EDGE, y + height + 8)
    tally = text.tally(report)
    width = document.epw / max(1, len(tally))
    for place, (each, number) in enumerate(tally.items()):
        x = EDGE + place * width
        figure = layout.FIGURE.of_verdict(each)
        document.write_line(x + 12, document.y + 16, grouped(number), figure)
        shift = document.width(grouped(number), figure) + 6
        document.write_line(x + 12 + shift, document.y + 15, text.VERDICTS[each], BODY)
    document.set_xy(EDGE, document.y + (28 if tally else 0))


def _draw_contents(document: Document, report: Report, sha256: str) -> None:
    """Print the requirements, the lists, and the origin of the report."""
    document.paragraph("Requirements", layout.HEADING, below=4)
    heads = ("Requirement", "Control", "Verdict", "Population", "Tested", "Exceptions", "Page")
    draw_table(
        document,
        [row for section in report.sections for row in _requirement_rows(section)],
        widths=(12, 23, 17, 18, 12, 12, 6),
        heads=heads,
        right=(3, 4, 5),
    )
    lists: list[list[str | Cell]] = [
        [section.requirement or text.UNKNOWN, t.title, grouped(t.count), "", Cell(mark=_mark(t))]
        for section in report.sections
        for t in section.tables
    ]
    if lists:
        document.need(90)
        document.paragraph("Lists", SUBHEADING, above=4)
        names = ("Requirement", "List", "Rows", "", "Page")
        draw_table(document, lists, widths=(17, 56, 13, 6, 8), heads=names, right=(2,))
    _draw_about(document, report.header, sha256)


def _requirement_rows(section: Section) -> list[list[str | Cell]]:
    """Return a row for each requirement; one for a section that judges none."""
    page = Cell(mark=_mark(section))
    if not section.judgments:
        verdict = _verdict_cell(section.verdict)
        number = Cell(section.requirement or text.UNKNOWN, STRONG)
        return [[number, section.title, verdict, "", "", "", page]]
    return [
        [
            Cell(judgment.requirement, STRONG),
            section.title,
            _verdict_cell(judgment.verdict),
            f"{grouped(judgment.population)} {judgment.unit}"
            if judgment.population is not None
            else text.UNKNOWN,
            grouped(judgment.tested),
            text.number_text(
                judgment.exceptions if judgment.tested or judgment.exceptions else None
            ),
            page,
        ]
        for judgment in section.judgments
    ]


def _verdict_cell(verdict: Verdict | ReportVerdict | None) -> Cell:
    if verdict is None:
        return Cell(text.UNKNOWN)
    return Cell(text.VERDICTS[verdict], CELL.of_verdict(verdict))


def _draw_about(document: Document, header: Header, sha256: str) -> None:
    document.need(200)
    document.paragraph("About this report", SUBHEADING, above=4)
    facts = [(Cell(label, STRONG), value) for label, value in text.facts(header, sha256)]
    draw_table(document, facts, widths=(24, 76))
    document.paragraph(READING, NOTE)


def _mark(part: Section | Table) -> str:
    return f"{'section' if isinstance(part, Section) else 'list'}-{part.key}"


def _draw_figures(
    document: Document, figures: Iterable[Figure], *, since: str, most: int = MOST_LINES
) -> None:
    """Print a table of figures, with their change since a week."""
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
    heads = ("Figure", "Number", f"Since {since}" if since else "Change", "")
    widths = (44, 14, 14, 28)  # a number is neither broken nor cut
    draw_table(document, rows, widths=widths, heads=heads, right=(1, 2), most=most)


def _draw_section(document: Document, report: Report, section: Section) -> None:
    document.need(150)
    document.skip(14)
    document.mark(_mark(section), section.heading)
    document.paragraph(section.heading, layout.HEADING, below=2)
    old = f" In PCI DSS 3.2.1: {section.old}." if section.old else ""
    if section.demand or old:
        document.paragraph(section.demand + old, NOTE, below=6)
    for judgment in section.judgments or ():
        _draw_judgment(document, judgment)
    for statement in section.statements:
        if statement.verdict is None:
            document.paragraph(statement.words, BODY)
        else:
            words = f"{text.VERDICTS[statement.verdict]}: {statement.words}"
            document.paragraph(words, BODY.of_verdict(statement.verdict))
    if section.figures:
        _draw_figures(document, section.figures, since=report.header.previous_week)
    for bars in section.bars:
        _draw_chart(document, bars)


def _draw_judgment(document: Document, judgment: Judgment) -> None:
    verdict = judgment.verdict
    words = f"{judgment.requirement} {text.VERDICTS[verdict]}: {judgment.asks}"
    document.paragraph(words, BODY.of_verdict(verdict), below=0)
    document.paragraph(text.counts(judgment), NOTE)
    for found in judgment.found:
        document.paragraph(f"Exception: {text.found_text(found)}", BODY, bullet="•")
    for sentence in judgment.not_tested:
        document.paragraph(f"Not tested: {sentence}", BODY, bullet="•")
    for sentence in judgment.excluded:
        document.paragraph(f"Does not apply: {sentence}", BODY, bullet="•")


def _draw_in_section(document: Document, table: Table, rows: RowReader) -> None:
    """Print a short table, or the page of one in the annex."""
    title = text.title_with_count(table)
    if is_short(table):
        document.need(70)
        document.mark(_mark(table), title, level=1)
        document.paragraph(title, SUBHEADING, above=8)
        _draw_rows(document, table, rows)
    else:
        reference = (Cell(title, STRONG), "page", Cell(mark=_mark(table)))
        draw_table(document, [reference], widths=(84, 6, 10))


def _draw_signatures(document: Document, sign_offs: Sequence[SignOff]) -> None:
    document.need(130)
    for by, at, remark in map(text.acknowledgement, sign_offs):
        document.paragraph(f"{by}, {at}{f': “{remark}”' if remark else ''}", BODY, bullet="•")
    if not sign_offs:
        document.paragraph("This report was not signed off when this copy was made.", BODY, below=6)
    lines = [(Cell(label, STRONG), "") for label in ("Name", "Role", "Date", "Signature")]
    draw_table(document, lines, widths=(20, 80), leading=21.6)


def _draw_in_annex(document: Document, section: Section, table: Table, rows: RowReader) -> None:
    document.need(0.4 * document.h)  # a short one begins below the one before
    document.skip(14)
    title = f"{section.requirement} {text.title_with_count(table)}".strip()
    document.mark(_mark(table), f"List: {title}")
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
    printed = islice(rows(table.key), MOST_ROWS)
    draw_table(
        document,
        (_cells(row, table) for row in printed),
        widths=column_widths(document, heads, sample, firm),
        heads=heads,
        right=[i for i, column in enumerate(table.columns) if column.kind == "number"],
        title=title,
    )
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
    document.paragraph(chart.title, SUBHEADING, above=6, below=4)
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
    document.set_fill_color(fill)
    document.set_draw_color(edge)
    document.set_line_width(0.8)
    document.rect(x, y, width, height, style="DF")
