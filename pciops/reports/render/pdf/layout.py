"""The document: pages with a header and a footer, paragraphs, and marks with their page numbers.

Lengths are points; y grows downward.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

from fpdf import FPDF
from fpdf.enums import TextDirection

from pciops.reports.render.pdf.fonts import FAMILY, Font, visual_runs
from pciops.reports.value import Header, ReportVerdict, Verdict

Color = tuple[int, int, int]
MILLIMETER: Final = 72 / 25.4
EDGE: Final = 16 * MILLIMETER  # left, right and below
TOP: Final = 22 * MILLIMETER
INK: Final[Color] = (0x17, 0x20, 0x2A)
QUIET: Final[Color] = (0x54, 0x60, 0x6D)
RULE: Final[Color] = (0xC9, 0xD0, 0xD7)
VERDICT_COLORS: Final[dict[Verdict | ReportVerdict, Color]] = {
    Verdict.EXCEPTION: (0xAD, 0x1A, 0x1A),
    Verdict.NOT_TESTED: (0x7A, 0x4A, 0x00),
    Verdict.PARTLY_TESTED: (0x7A, 0x4A, 0x00),
    Verdict.NO_EXCEPTION: (0x17, 0x69, 0x2F),
    ReportVerdict.MET: (0x54, 0x60, 0x6D),
    ReportVerdict.FINDING: (0xAD, 0x1A, 0x1A),
    ReportVerdict.UNKNOWN: (0x7A, 0x4A, 0x00),
}


@dataclass(frozen=True)
class Style:
    """The look of a text."""

    size: float = 9.5
    bold: bool = False
    color: Color = INK

    @property
    def leading(self) -> float:
        """The distance from one line to the next."""
        return self.size * 1.35

    def of_verdict(self, verdict: Verdict | ReportVerdict) -> Style:
        """Return the style for a text with this verdict."""
        return replace(self, bold=True, color=VERDICT_COLORS[verdict])


TITLE: Final = Style(21, bold=True)
HEADING: Final = Style(14, bold=True)
ANSWER: Final = Style(12, bold=True)
SUBHEADING: Final = Style(10.5, bold=True)
BODY: Final = Style()
NOTE: Final = Style(8.5, color=QUIET)
FOOT: Final = Style(8, color=QUIET)
CELL: Final = Style(8)
STRONG: Final = Style(8, bold=True)
HEAD: Final = Style(7.5, bold=True, color=QUIET)
ID: Final = Style(6.5, color=QUIET)


class Document(FPDF):
    """A PDF of a report."""

    def __init__(self, header: Header, sha256: str, *, fonts: Path) -> None:
        """Begin a document, whose fonts need a folder until it is finished."""
        super().__init__(unit="pt", format="A4")
        self.set_title(f"Weekly compliance report {header.week}, {header.cloud}")
        self.set_author(f"pciops {header.version}")
        self.set_subject("PCI DSS 4.0.1: accounts of OpenStack Keystone")
        self.set_creation_date(header.generated_at)
        self.set_lang("en")
        self.page_mode = "USE_OUTLINES"
        self.set_margins(EDGE, TOP, EDGE)
        self.set_auto_page_break(auto=False)
        self.alias_nb_pages("")  # no name of an account becomes the number of pages
        self.c_margin = 0
        self._styles = {bold: Font(self, "B" if bold else "", fonts) for bold in (False, True)}
        self._style: Style | None = None
        self._links: dict[str, int] = {}  # mark → link
        self._marks: dict[str, int] = {}  # mark → page
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
        self.write_line(EDGE, y, "Weekly compliance report, pciops", FOOT)
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
        """Draw a thin horizontal line."""
        self.set_draw_color(*RULE)
        self.set_line_width(0.5)
        self.line(x, y, x + width, y)

    # --- Text -------------------------------------------------------------------------------------
    def width(self, text: str, style: Style) -> float:
        """Return the width of a text in one line."""
        font = self._styles[style.bold]
        ems = font.width(text)
        if ems is not None:
            return ems * style.size
        with self._shaping(style):
            return self.get_string_width(font.escaped(text))

    def lines(self, text: str, style: Style, room: float, *, most: int = 0) -> list[str]:
        """Break a text into lines.

        Args:
            most: the number of lines at which it is cut, with an ellipsis; 0: it is not cut.
        """
        font = self._styles[style.bold]
        ems = font.width(text)
        if ems is not None:
            fits = ems * style.size <= room
            lines = [text] if fits else font.lines(text, room / style.size)
        else:
            with self._shaping(style):
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
        font = self._styles[style.bold]
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
        if style != self._style:  # setting it takes a fifth of the time of a long table
            self.set_font(FAMILY, "B" if style.bold else "", style.size)
            self.set_text_color(*style.color)
            self._style = style

    @contextmanager
    def _shaping(self, style: Style, direction: TextDirection | None = None) -> Iterator[None]:
        self._set_style(style)
        self.set_text_shaping(use_shaping_engine=True, direction=direction)
        yield
        self.set_text_shaping(use_shaping_engine=False)
        self._style, self.current_font_is_set_on_page = None, False  # it may be the second font

    # --- Marks ------------------------------------------------------------------------------------
    def mark(self, mark: str, title: str, level: int = 0) -> None:
        """Make this place a bookmark, and one that links and page numbers lead to."""
        self.start_section(title, level)
        self._marks[mark] = self.page
        self.set_link(self.link_to(mark), y=self.y, page=self.page)

    def link_to(self, mark: str) -> int:
        """Return the link that leads to a mark, which may be made later."""
        if mark not in self._links:
            self._links[mark] = self.add_link()
        return self._links[mark]

    def write_page_of(self, mark: str, x: float, y: float) -> None:
        """Print the number of the page of a mark here, once it is known.

        Args:
            mark: "" for the number of this page, and of how many.
        """
        self._references.append((mark, self.page, x, self.h - y))

    def finish(self) -> bytes:
        """Print the numbers of pages that are known now, and return the file."""
        for mark, page, x, above_bottom in self._references:
            self.page = page
            self.current_font_is_set_on_page = False
            text = str(self._marks[mark]) if mark else f"{page} of {self.pages_count}"
            self.write_line(x, self.h - above_bottom, text, CELL if mark else FOOT)
        self.page = self.pages_count
        return bytes(self.output())
