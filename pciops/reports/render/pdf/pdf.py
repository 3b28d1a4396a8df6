"""A report on paper: what an assessor asks for first, the sections, the lists at the end.

The first page has the answer, what somebody has to do, and every requirement with its verdict and
its page. Short lists stand in their section, the others in an annex.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from reportlab import rl_config
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
)

from pciops.lib import times
from pciops.lib.evidence import Cell as Value
from pciops.lib.evidence import Verdict
from pciops.lib.numbers import grouped
from pciops.reports.render import words
from pciops.reports.render.csv import file_name
from pciops.reports.render.pdf import drawings, fonts, layout, tables
from pciops.reports.render.pdf.cover_page import first_page, lists_of, mark, numbers, shares
from pciops.reports.render.pdf.fonts import BOLD, REGULAR
from pciops.reports.render.pdf.layout import (
    BODY,
    EDGE,
    FOOT,
    HEADING,
    ID,
    INKS,
    NOTE,
    STRONG,
    SUBHEADING,
    TALL_ROOM,
    TOP,
    WIDE_ROOM,
    Ink,
    Mark,
    Numbers,
    Text,
)
from pciops.reports.render.pdf.tables import Cell, Form, PageOf, Rows, Words
from pciops.reports.render.words import SignOff
from pciops.reports.value import Report, Section, Table

rl_config.useA85 = 0  # the file is read by programs: as text it would be a quarter longer

MOST_ROWS: Final = 5000  # of a list; all of them are in the CSV
SHORT: Final = (20, 7)  # rows and columns of a list that stands in its section
_SAMPLE: Final = 200  # rows that decide how wide the columns are


def render(
    report: Report,
    rows: words.Rows,
    *,
    sha256: str = "",
    signoffs: Iterable[SignOff] = (),
) -> bytes:
    """The document.

    Args:
        rows: all rows of a list by its key; no more than MOST_ROWS of them are read.
        sha256: of the report as it is kept.
    """
    for font in (REGULAR, BOLD):
        fonts.face(font)
    out = io.BytesIO()
    made = _Document(report, rows, sha256, tuple(signoffs))
    title = f"Weekly compliance report {report.header.week}, {words.plain(report.header.cloud)}"
    document = BaseDocTemplate(
        out,
        title=title,
        author=f"pciops {words.plain(report.header.version)}",
        subject="PCI DSS 4.0.1: accounts of OpenStack Keystone",
        lang="en",
        pageTemplates=[
            made.template("tall", A4),
            made.template("wide", landscape(A4)),
        ],
    )
    document.build(list(made.story()), canvasmaker=_canvas)
    return out.getvalue()


def _canvas(*args: object, **options: object) -> Canvas:
    """With the outline open, as whoever looks for a requirement wants it."""
    canvas = Canvas(*args, **options)  # type: ignore[arg-type]
    canvas.showOutline()
    return canvas


@dataclass
class _Document:
    report: Report
    rows: words.Rows
    sha256: str
    signoffs: tuple[SignOff, ...]
    pages: dict[str, int] = field(default_factory=dict)

    def template(self, name: str, size: tuple[float, float]) -> PageTemplate:
        room = Frame(
            *(EDGE, 16 * mm, size[0] - 2 * EDGE, size[1] - TOP - 16 * mm),
            leftPadding=0,
            rightPadding=0,
            topPadding=0,
            bottomPadding=0,
        )
        return PageTemplate(id=name, frames=[room], pagesize=size, onPage=self._frame)

    def _frame(self, canvas: Canvas, document: BaseDocTemplate) -> None:
        """What stands on every page: whose report it is, and which of how many pages."""
        header, (wide, tall) = self.report.header, document.pageTemplate.pagesize
        whose = words.plain(header.cloud)
        if header.domain_id:
            whose += f", domain {words.plain(header.domain_name)}"
        about = f"{whose} · {header.week} · revision {header.revision}"
        digest = f"SHA-256 {self.sha256[:16]}…" if self.sha256 else ""
        room = wide - 2 * EDGE - fonts.width(digest, FOOT.font, FOOT.size) - 12
        about = fonts.lines(about, FOOT.font, FOOT.size, room, most=1)[0]
        y = tall - 13 * mm
        layout.write(canvas, EDGE, y, about, FOOT)
        end = wide - EDGE - fonts.width(digest, FOOT.font, FOOT.size)
        layout.write(canvas, end, y, digest, FOOT)
        canvas.setStrokeColor(layout.RULE)
        canvas.setLineWidth(0.5)
        canvas.line(EDGE, y - 5, wide - EDGE, y - 5)
        page = f"{canvas.getPageNumber()} "
        x = wide - EDGE - 44
        layout.write(canvas, x, 9 * mm, page, FOOT)
        layout.place(canvas, "total", x + fonts.width(page, FOOT.font, FOOT.size), 9 * mm)
        layout.write(canvas, EDGE, 9 * mm, "Weekly compliance report, pciops", FOOT)

    # --- What it is made of, in order -------------------------------------------------------------
    def story(self) -> Iterator[Flowable]:
        yield from first_page(self.report, self.sha256, self.pages)
        for section in words.sections(self.report):
            yield from self._section(section)
            if section.key == words.GAPS:
                yield from self._gaps()
            if section.key == words.REVIEW:
                yield from self._signing()
        annexed = [(section, it) for section, it in lists_of(self.report) if not is_short(it)]
        if annexed:
            yield NextPageTemplate("wide")
            yield PageBreak()
        for index, (section, table) in enumerate(annexed):
            if index:
                yield CondPageBreak(0.4 * WIDE_ROOM)  # a short one begins below the last
            yield from self._annex(section, table)
        yield Numbers(self.pages)

    def _section(self, section: Section) -> Iterator[Flowable]:
        yield CondPageBreak(150)
        yield Mark(mark(section), words.title(section), 0, self.pages)
        yield Text(words.title(section), HEADING, above=14, below=2)
        old = f" In PCI DSS 3.2.1: {words.plain(section.old)}." if section.old else ""
        if section.demand or old:
            yield Text(words.plain(section.demand) + old, NOTE, below=6)
        for statement in section.statements:
            yield from _statement(statement.verdict, statement.words)
        if section.figures:
            yield numbers(self.report, section.figures)
        for bars in section.bars:
            drawing = drawings.bars(words.chart(bars), width=TALL_ROOM * 0.86)
            yield CondPageBreak(drawing.height + 30)
            yield Text(words.plain(bars.title), SUBHEADING, above=6, below=4)
            yield drawing
        for table in section.tables:
            if is_short(table):
                yield from self._short(table)
            else:
                yield from self._elsewhere(table)

    def _short(self, table: Table) -> Iterator[Flowable]:
        yield CondPageBreak(70)
        yield Mark(f"list-{table.key}", words.counted(table), 1, self.pages)
        yield Text(words.counted(table), SUBHEADING, above=8)
        yield from self._table(table, TALL_ROOM)

    def _elsewhere(self, table: Table) -> Iterator[Flowable]:
        title = Words(words.counted(table), STRONG, link=f"list-{table.key}")
        yield Rows(
            Form(widths=shares(0.84, 0.06, 0.1)),
            [(title, "page", PageOf(f"list-{table.key}"))],
        )

    def _annex(self, section: Section, table: Table) -> Iterator[Flowable]:
        title = words.plain(f"{section.requirement} {words.counted(table)}".strip())
        yield Mark(f"list-{table.key}", f"List: {title}", 0, self.pages)
        yield Text(title, HEADING, above=14, below=4)
        if table.count > MOST_ROWS:
            yield Text(cut(table), BODY, below=6)
        yield from self._table(table, WIDE_ROOM, f"{title}, continued")

    def _table(self, table: Table, room: float, again: str = "") -> Iterator[Flowable]:
        if not table.count:
            yield Text(words.plain(table.empty), BODY)
            return
        heads = tuple(words.heading(column) for column in table.columns)
        sample = [_cells(row, table) for row in table.shown[:_SAMPLE]]
        form = Form(
            widths=tables.widths(heads, sample, room, [it.kind != "text" for it in table.columns]),
            heads=heads,
            right=tuple(column.kind == "number" for column in table.columns),
            title=again,
        )
        rows = islice(self.rows(table.key), MOST_ROWS)
        yield Rows(form, (_cells(row, table) for row in rows))
        yield Text(f"SHA-256 over all rows of this list: {table.sha256}", FOOT)

    def _gaps(self) -> Iterator[Flowable]:
        for gap in self.report.gaps:
            yield Text(words.gap(gap), BODY, indent=12, lead="•")

    def _signing(self) -> Iterator[Flowable]:
        yield CondPageBreak(130)
        for signed in self.signoffs:
            at = times.dated(signed.at)
            remark = f": “{words.plain(signed.remark)}”" if signed.remark else ""
            text = f"{words.plain(signed.by)}, {at}{remark}"
            yield Text(text, BODY, indent=12, lead="•")
        if not self.signoffs:
            yield Text("Nobody had signed when this copy was made.", BODY, below=6)
        yield Rows(
            Form(widths=shares(0.2, 0.8), ink=Ink(size=16)),
            [(Words(label, STRONG), "") for label in ("Name", "Role", "Date", "Signature")],
        )


def is_short(table: Table) -> bool:
    """Whether the list stands in its section."""
    rows, columns = SHORT
    return not table.count or (table.count <= rows and len(table.columns) <= columns)


def cut(table: Table) -> str:
    """What is said above a list that is too long for paper."""
    return (
        f"The first {grouped(MOST_ROWS)} of {words.rows_of(table.count)}. All of them are "
        f"in {file_name(table.key)} in the CSV of this report."
    )


def _cells(row: tuple[Value, ...], table: Table) -> tuple[Cell, ...]:
    return tuple(
        Words(words.cell(value, column), ID) if words.is_id(column) else words.cell(value, column)
        for value, column in zip(row, table.columns, strict=True)
    )


def _statement(verdict: Verdict | None, text: str) -> Iterator[Flowable]:
    if verdict is None:
        yield Text(words.plain(text), BODY)
        return
    ink = Ink(size=BODY.size, font=BOLD, colour=INKS[verdict].colour)
    yield Text(f"{words.VERDICTS[verdict]}: {words.plain(text)}", ink)
