"""What a printed report is laid out of: words, and marks for contents and bookmarks.

Nothing here reads markup, so no name can be any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.textobject import PDFTextObject
from reportlab.platypus import Flowable

from pciops.lib.evidence import Verdict
from pciops.reports.render.pdf import fonts
from pciops.reports.render.pdf.fonts import BOLD, REGULAR

INK: Final = HexColor("#17202a")
QUIET: Final = HexColor("#54606d")
RULE: Final = HexColor("#c9d0d7")
BAD: Final = HexColor("#ad1a1a")
SOON: Final = HexColor("#7a4a00")
GOOD: Final = HexColor("#17692f")
LEADING: Final = 1.35


@dataclass(frozen=True, kw_only=True)
class Ink:
    """How words look."""

    size: float = 9.5
    font: str = REGULAR
    colour: Color = INK

    @property
    def leading(self) -> float:
        return self.size * LEADING


FOOT: Final = Ink(size=8, colour=QUIET)
CELL: Final = Ink(size=8)
HEAD: Final = Ink(size=7.5, font=BOLD, colour=QUIET)
AGAIN: Final = Ink(size=9, font=BOLD)
EDGE: Final = 16 * mm
TOP: Final = 22 * mm
TALL_ROOM: Final = A4[0] - 2 * EDGE
WIDE_ROOM: Final = A4[1] - 2 * EDGE

TITLE: Final = Ink(size=21, font=BOLD)
BIG: Final = Ink(size=12, font=BOLD)
HEADING: Final = Ink(size=14, font=BOLD)
SUBHEADING: Final = Ink(size=10.5, font=BOLD)
BODY: Final = Ink(size=9.5)
NOTE: Final = Ink(size=8.5, colour=QUIET)
STRONG: Final = Ink(size=CELL.size, font=BOLD)
ID: Final = Ink(size=6.5, colour=QUIET)
INKS: Final = {
    Verdict.MET: Ink(size=CELL.size, font=BOLD, colour=GOOD),
    Verdict.FINDING: Ink(size=CELL.size, font=BOLD, colour=BAD),
    Verdict.UNKNOWN: Ink(size=CELL.size, font=BOLD, colour=SOON),
}


class Text(Flowable):
    """Words in as many lines as they take, on as many pages."""

    def __init__(
        self,
        text: str,
        ink: Ink,
        *,
        above: float = 0,
        below: float = 3,
        indent: float = 0,
        lead: str = "",
    ) -> None:
        super().__init__()
        self.text, self.ink, self.indent, self.lead = text, ink, indent, lead
        self.spaceBefore, self.spaceAfter = above, below
        self._lines: list[str] = []

    def wrap(self, room: float, height: float) -> tuple[float, float]:
        ink = self.ink
        self._lines = fonts.lines(self.text, ink.font, ink.size, room - self.indent)
        return room, len(self._lines) * ink.leading

    def split(self, room: float, height: float) -> list[Flowable]:
        fits = int(height // self.ink.leading)
        self.wrap(room, height)
        if fits < 1 or fits >= len(self._lines):
            return []
        ink, indent = self.ink, self.indent
        first = Text(" ".join(self._lines[:fits]), ink, below=0, indent=indent, lead=self.lead)
        rest = Text(" ".join(self._lines[fits:]), ink, below=self.spaceAfter, indent=indent)
        return [first, rest]

    def draw(self) -> None:
        y = len(self._lines) * self.ink.leading - self.ink.size
        if self.lead:
            write(self.canv, self.indent - 9, y, self.lead, self.ink)
        for line in self._lines:
            write(self.canv, self.indent, y, line, self.ink)
            y -= self.ink.leading


class Mark(Flowable):
    """A place that contents, bookmarks and links lead to."""

    def __init__(self, mark: str, title: str, level: int, pages: dict[str, int]) -> None:
        super().__init__()
        self.mark, self.title, self.level, self.pages = mark, title, level, pages

    def wrap(self, room: float, height: float) -> tuple[float, float]:
        return room, 0

    def draw(self) -> None:
        canvas = self.canv
        canvas.bookmarkHorizontal(self.mark, 0, 14)
        canvas.addOutlineEntry(self.title, self.mark, self.level, closed=self.level > 0)
        self.pages[self.mark] = canvas.getPageNumber()


class Numbers(Flowable):
    """At the end: how many pages there are, and on which each mark is."""

    def __init__(self, pages: dict[str, int]) -> None:
        super().__init__()
        self.pages = pages

    def wrap(self, room: float, height: float) -> tuple[float, float]:
        return room, 0

    def draw(self) -> None:
        total = self.canv.getPageNumber()
        number(self.canv, "total", f"of {total}", FOOT)
        for mark, page in self.pages.items():
            number(self.canv, mark, str(page), CELL)


def number(canvas: Canvas, name: str, text: str, ink: Ink) -> None:
    """Define what `place` put on earlier pages: written from its left end, or before its right."""
    wide = fonts.width(text, ink.font, ink.size)
    canvas.beginForm(f"n-{name}", 0, -3, wide, ink.size + 2)
    write(canvas, 0, 0, text, ink)
    canvas.endForm()


def place(canvas: Canvas, name: str, x: float, y: float) -> None:
    """What `number` will define, from here on to the right."""
    canvas.saveState()
    canvas.translate(x, y)
    canvas.doForm(f"n-{name}")
    canvas.restoreState()


def write(canvas: Canvas, x: float, y: float, text: str, ink: Ink) -> None:
    """One line of plain text."""
    out = canvas.beginText()
    out.setFillColor(ink.colour)
    put(out, x, y, text, ink)
    canvas.drawText(out)


def put(out: PDFTextObject, x: float, y: float, text: str, ink: Ink) -> None:
    """`write` of a line among others."""
    for font, part, ems in fonts.runs(text, ink.font):
        if (getattr(out, "_fontname", ""), getattr(out, "_fontsize", 0)) != (font, ink.size):
            out.setFont(font, ink.size)
        out.setTextOrigin(x, y)
        out.textOut(part)
        x += ems * ink.size
