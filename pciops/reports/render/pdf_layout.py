"""The document: fonts, pages, paragraphs, tables of any length, and marks that links lead to.

Lengths are points; y grows downward.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import compress, groupby
from operator import attrgetter
from pathlib import Path
from typing import Final, cast

import pymupdf_fonts
from fpdf import FPDF
from fpdf.bidi import BidiParagraph
from fpdf.enums import TextDirection
from fpdf.fonts import TTFFont

from pciops.reports.value import Header, ReportVerdict, Verdict

MILLIMETER: Final = 72 / 25.4
EDGE: Final = 16 * MILLIMETER  # left, right and below
TOP: Final = 22 * MILLIMETER
INK: Final = "#16191f"  # the light colors of the pages
QUIET: Final = "#4a5361"
RULE: Final = "#d1d6de"
SUNKEN: Final = "#f6f7f9"
VERDICT_COLORS: Final[dict[Verdict | ReportVerdict, str]] = {
    Verdict.EXCEPTION: "#b3261e",
    Verdict.NOT_TESTED: QUIET,
    Verdict.PARTLY_TESTED: "#8a4b00",
    Verdict.NO_EXCEPTION: "#14703a",
    ReportVerdict.MET: QUIET,
    ReportVerdict.FINDING: "#b3261e",
    ReportVerdict.UNKNOWN: "#8a4b00",
}
SOFT: Final[dict[Verdict | None, str]] = {
    Verdict.EXCEPTION: "#fdeeec",
    Verdict.PARTLY_TESTED: "#fdf1dc",
    Verdict.NO_EXCEPTION: "#e8f6ed",
}
MOST_LINES: Final = 12  # of a cell: a row has to fit on a page
PADDING: Final = 4.0
# FiraGO, and Noto Sans for the characters that it lacks: both under the SIL OFL 1.1.
FONTS: Final = {"": ("figo", "notos"), "B": ("figbo", "notosbo")}
# Characters that need no shaping: each is one glyph, from left to right.
SIMPLE: Final = (
    *(range(0x20, 0x300), range(0x370, 0x483), range(0x48A, 0x530), range(0x2010, 0x2028)),
    *(range(0x2030, 0x205F), range(0x2190, 0x2194), range(0x2212, 0x2213)),
)

logging.getLogger("fontTools.subset").setLevel(logging.ERROR)  # it drops tables for screens


@dataclass(frozen=True)
class Style:
    """The look of a text."""

    size: float = 9.5
    bold: bool = False
    color: str = INK

    @property
    def leading(self) -> float:
        """The distance from one line to the next."""
        return self.size * 1.35

    def of_verdict(self, verdict: Verdict | ReportVerdict) -> Style:
        """Return the style for a text with this verdict."""
        return replace(self, bold=True, color=VERDICT_COLORS[verdict])


TITLE: Final = Style(21, bold=True)
HEADING: Final = Style(14, bold=True)
ANSWER: Final = Style(14, bold=True)
FIGURE: Final = Style(16, bold=True)
SUBHEADING: Final = Style(10.5, bold=True)
BODY: Final = Style()
NOTE: Final = Style(8.5, color=QUIET)
FOOT: Final = Style(8, color=QUIET)
CELL: Final = Style(8)
STRONG: Final = Style(8, bold=True)
HEAD: Final = Style(7.5, bold=True, color=QUIET)
ID: Final = Style(6.5, color=QUIET)


@dataclass(frozen=True)
class Cell:
    """A text with a style, or the number of the page of a mark, to which the whole row leads."""

    text: str = ""
    style: Style = CELL
    mark: str = ""


class Font:
    """A style of the two fonts in one document."""

    def __init__(self, pdf: FPDF, style: str, folder: Path) -> None:
        """Add the style to a document, which reads its files in the folder until it is written."""
        fonts = []
        for family, source in zip(("main", "fallback"), FONTS[style], strict=True):
            path = folder / f"{source}.ttf"
            path.write_bytes(pymupdf_fonts.fontbuffers[source]())
            pdf.add_font(family, style, path)
            font = cast("TTFFont", pdf.fonts[f"{family}{style}"])
            for table in {"GDEF", "GPOS", "GSUB"} & set(font.ttfont.keys()):
                # HarfBuzz reads them from the file; to parse them here takes longer than all else.
                del font.ttfont[table]
            fonts.append(font)
        main, fallback = fonts
        self._covered = main.cmap.keys() | fallback.cmap.keys()
        simple = (code for codes in SIMPLE for code in codes if code in main.cmap)
        self._widths = {chr(code): main.cw[code] / 1000 for code in simple}

    def width(self, text: str) -> float | None:
        """Return the width of a text in ems; None if it has to be shaped."""
        try:
            return sum(map(self._widths.__getitem__, text))
        except KeyError:
            return None

    def escaped(self, text: str) -> str:
        """Return the text with characters that no font has as escapes, such as `\\u4e2d`.

        A name must not lose a part unnoticed. Letters with marks become one character if there is
        one, because a font may lack the mark alone.
        """
        return "".join(
            character
            if ord(character) in self._covered
            else character.encode("unicode_escape").decode("ascii")
            for character in unicodedata.normalize("NFC", text)
        )


class Document(FPDF):
    """A PDF of a report."""

    def __init__(self, header: Header, sha256: str, *, fonts: Path) -> None:
        """Begin a document, whose fonts need a folder until it is finished."""
        super().__init__(unit="pt", format="A4")
        self.set_title(f"Compliance report {header.week}, {header.cloud}")
        self.set_author(f"pciops {header.version}")
        self.set_subject("PCI DSS 4.0.1: accounts of OpenStack Keystone")
        self.set_creation_date(header.generated_at)
        self.set_lang("en")
        self.page_mode = "USE_OUTLINES"
        self.set_margins(EDGE, TOP, EDGE)
        self.set_auto_page_break(auto=False)
        self.alias_nb_pages("")  # no name of an account becomes the number of pages
        self.c_margin = 0
        self._fonts = {bold: Font(self, "B" if bold else "", fonts) for bold in (False, True)}
        self.set_fallback_fonts(["fallback"])
        self._references: list[tuple[str, int, float, float]] = []  # mark, page, and where on it
        of_domain = f", domain {header.domain_name}" if header.domain_id else ""
        self._about = f"{header.cloud}{of_domain} · {header.week} · revision {header.revision}"
        self._digest = f"SHA-256 {sha256[:16]}…" if sha256 else ""

    # --- Pages ------------------------------------------------------------------------------------
    def header(self) -> None:
        """Print on each page which report it is of, and which of how many pages."""
        y = 13 * MILLIMETER
        width = self.width(self._digest, FOOT)
        [about] = self.lines(self._about, FOOT, self.epw - width - 12, most=1)
        self.write_line(EDGE, y, about, FOOT)
        self.write_line(self.w - EDGE - width, y, self._digest, FOOT)
        self.rule(EDGE, y + 5, self.epw)
        y = self.h - 9 * MILLIMETER
        self.write_line(EDGE, y, "Compliance report, pciops", FOOT)
        self.write_page_of("", self.w - EDGE - 44, y)
        self.set_xy(EDGE, TOP)

    def need(self, height: float) -> bool:
        """Begin a page unless so much height is left; return whether it began one."""
        if self.y + height <= self.h - EDGE:
            return False
        self.add_page(same=True)
        return True

    def skip(self, height: float) -> None:
        """Leave so much height free, but at the top of a page."""
        self.set_xy(EDGE, self.y + (height if self.y > TOP else 0))

    def rule(self, x: float, y: float, width: float) -> None:
        self.set_draw_color(RULE)
        self.set_line_width(0.5)
        self.line(x, y, x + width, y)

    def panel(self, y: float, height: float, color: str) -> None:
        """Fill a rounded box of the width of the page."""
        self.set_fill_color(color)
        self.rect(EDGE, y, self.epw, height, style="F", round_corners=True, corner_radius=7)

    # --- Text -------------------------------------------------------------------------------------
    def width(self, text: str, style: Style) -> float:
        """Return the width of a text in one line."""
        font = self._fonts[style.bold]
        ems = font.width(text)
        if ems is not None:
            return ems * style.size
        with self._shaping(style):
            return self.get_string_width(font.escaped(text))

    def lines(self, text: str, style: Style, room: float, *, most: int = 0) -> list[str]:
        """Break a text into lines; those above `most`, unless it is 0, become an ellipsis."""
        font = self._fonts[style.bold]
        ems = font.width(text)
        if ems is not None and ems * style.size <= room:
            return [text]
        with self._shaping(style, engine=ems is None):
            cells = self.multi_cell(
                room, text=font.escaped(text), align="L", dry_run=True, output="LINES"
            )
        lines = cast("list[str]", cells)
        if most and len(lines) > most:
            last = lines[most - 1]
            while last and self.width(f"{last}…", style) > room:
                last = last[:-1]
            lines[most - 1 :] = [f"{last}…"]
        return lines

    def write_line(
        self, x: float, y: float, line: str, style: Style, *, is_name: bool = False
    ) -> None:
        """Print one line, shaped and ordered as its script needs it.

        Args:
            y: of the baseline.
            is_name: its first letter gives the direction of the whole, which is else left to right.
        """
        font = self._fonts[style.bold]
        if font.width(line) is not None:
            self._set_style(style)
            self.text(x, y, line)
            return
        self.set_xy(x, y - 0.8 * style.size)
        base = None if is_name else TextDirection.LTR
        for run, direction in visual_runs(font.escaped(line), base):
            with self._shaping(style, direction):
                self.cell(text=run, h=style.size)

    def paragraph(
        self, text: str, style: Style, *, above: float = 0, below: float = 3, bullet: str = ""
    ) -> None:
        """Print a text in as many lines as it takes, on as many pages."""
        self.skip(above)
        indent = 12 if bullet else 0
        for number, line in enumerate(self.lines(text, style, self.epw - indent)):
            self.need(style.leading)
            end = self.y + style.leading
            baseline = end - 0.35 * style.size
            if bullet and not number:
                self.write_line(EDGE + 3, baseline, bullet, style)
            self.write_line(EDGE + indent, baseline, line, style)
            self.set_xy(EDGE, end)
        self.set_xy(EDGE, self.y + below)

    def _set_style(self, style: Style) -> None:
        self.set_font("main", "B" if style.bold else "", style.size)
        self.set_text_color(style.color)

    @contextmanager
    def _shaping(
        self, style: Style, direction: TextDirection | None = None, *, engine: bool = True
    ) -> Iterator[None]:
        self._set_style(style)
        self.set_text_shaping(use_shaping_engine=engine, direction=direction)
        yield
        self.set_text_shaping(use_shaping_engine=False)
        self.current_font_is_set_on_page = False  # the last one on the page may be the fallback

    # --- Marks ------------------------------------------------------------------------------------
    def mark(self, mark: str, title: str, level: int = 0) -> None:
        """Make this place a bookmark, and one that links and page numbers lead to."""
        self.start_section(title, level)
        self.set_link(name=mark, y=self.y)

    def write_page_of(self, mark: str, x: float, y: float) -> None:
        """Print the page of a mark here once all are made; for "", this page and their number."""
        self._references.append((mark, self.page, x, self.h - y))

    def finish(self) -> bytes:
        """Print the page numbers, and return the file."""
        for mark, page, x, above_bottom in self._references:
            self.page = page
            self.current_font_is_set_on_page = False
            number = self.named_destinations[mark].page_number if mark else page
            text = str(number) if mark else f"{number} of {self.pages_count}"
            self.write_line(x, self.h - above_bottom, text, CELL if mark else FOOT)
        self.page = self.pages_count
        return bytes(self.output())


def visual_runs(text: str, base: TextDirection | None) -> list[tuple[str, TextDirection]]:
    """Return the parts of a line that have one direction each, from left to right.

    fpdf2 itself leaves numbers to the right of the right-to-left letters before them; see rule L2
    of the Unicode bidirectional algorithm.
    """
    characters = BidiParagraph(text, base).get_characters_with_embedding_level()
    runs = [
        (level, "".join(character.character for character in group))
        for level, group in groupby(characters, key=attrgetter("embedding_level"))
    ]
    for level in range(max(level for level, _ in runs), 0, -1):
        groups = groupby(runs, key=lambda run: run[0] >= level)  # noqa: B023 used at once
        runs = [run for high, group in groups for run in ([*group][::-1] if high else group)]
    left, right = TextDirection.LTR, TextDirection.RTL
    return [(run, right if level % 2 else left) for level, run in runs]


# --- Tables ---------------------------------------------------------------------------------------
def draw_table(
    document: Document,
    rows: Iterable[Sequence[str | Cell]],
    *,
    widths: Sequence[float],
    heads: Sequence[str] = (),
    right: Sequence[int] = (),
    title: str = "",
    leading: float = CELL.leading,
    most: int = MOST_LINES,
) -> None:
    """Print a table from the current place on.

    Args:
        widths: of the columns, in relation to one another.
        right: the columns that are aligned at the right.
        title: above the head, on each page but the first.
        leading: the height of a line in all cells.
        most: the lines of a cell; the others are cut.
    """
    scale = document.epw / sum(widths)
    widths = [width * scale for width in widths]
    head = [Cell(text, HEAD) for text in heads]

    def draw_row(row: Sequence[str | Cell]) -> None:
        cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
        lines = [
            document.lines(cell.text, cell.style, width - 2 * PADDING, most=most)
            for cell, width in zip(cells, widths, strict=True)
        ]
        height = max(map(len, lines)) * leading + PADDING
        if document.need(height):
            if title:
                document.paragraph(title, STRONG)
            if head:
                draw_row(head)
        x, top = EDGE, document.y
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            y = top + PADDING / 2 + cell.style.size
            if cell.mark:
                document.link(EDGE, top, document.epw, height, f"#{cell.mark}")
                document.write_page_of(cell.mark, x + PADDING, y)
            for line in lines[index]:
                space = width - PADDING - document.width(line, cell.style)
                indent = space if index in right else PADDING
                document.write_line(x + indent, y, line, cell.style, is_name=True)
                y += cell.style.leading
            x += width
        document.set_xy(EDGE, top + height)
        document.rule(EDGE, document.y, document.epw)

    document.need(3 * (leading + PADDING))
    if head:
        draw_row(head)
    for row in rows:
        draw_row(row)
    document.set_xy(EDGE, document.y + 8)


def column_widths(
    document: Document, heads: Sequence[str], sample: Sequence[Sequence[Cell]], firm: Sequence[bool]
) -> list[float]:
    """Return widths by what the columns need; if that is too much, the widest give way.

    Args:
        sample: some rows.
        firm: the columns that do not give way: times, numbers and ids are not broken.
    """
    needed = []
    for is_firm, head, *cells in zip(firm, heads, *sample, strict=True):
        words = [document.width(word, HEAD) for word in head.split()]
        texts = sorted(document.width(cell.text, cell.style) for cell in cells)
        # What nine of ten rows need: one name of 255 letters does not make a column wide.
        usual = texts[-1 if is_firm else len(texts) * 9 // 10] if texts else 0
        needed.append(max(usual, *words, 0) + 2 * PADDING + 0.5)
    if sum(compress(needed, firm)) > document.epw / 2:
        firm = [False] * len(needed)
    widths, cap = needed, max(needed)
    while sum(widths) > document.epw and cap > 0:
        cap -= 1
        widths = [w if is_firm else min(w, cap) for w, is_firm in zip(needed, firm, strict=True)]
    return widths
