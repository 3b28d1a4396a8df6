"""Tables of any length: rows are read while pages are made; the head is on each page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pciops.reports.render.pdf.layout import CELL, EDGE, HEAD, STRONG, Document, Style

MOST_LINES: Final = 12  # of a cell: a row has to fit on a page
PADDING: Final = 4.0


@dataclass(frozen=True)
class Cell:
    """A text with a style, that may lead to a mark; "" becomes the number of the mark's page."""

    text: str
    style: Style = CELL
    mark: str = ""


Row = Sequence[str | Cell]


@dataclass(frozen=True, kw_only=True)
class TableLayout:
    """What all rows of a table have in common."""

    widths: Sequence[float]  # of the columns, in relation to one another
    heads: Sequence[str] = ()  # none: a table without a head
    right: Sequence[int] = ()  # the columns that are aligned at the right
    title: str = ""  # above the head, on each page but the first
    leading: float = CELL.leading


def draw_table(document: Document, layout: TableLayout, rows: Iterable[Row]) -> None:
    """Print a table from the current place on."""
    scale = document.epw / sum(layout.widths)
    layout = replace(layout, widths=[width * scale for width in layout.widths])
    head = [Cell(text, HEAD) for text in layout.heads]
    document.need(3 * (layout.leading + PADDING))
    _draw_row(document, layout, head)
    for row in rows:
        cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
        lines = _lines(document, layout, cells)
        if document.need(_height(layout, lines)):
            if layout.title:
                document.paragraph(layout.title, STRONG)
            _draw_row(document, layout, head)
        _draw_row(document, layout, cells, lines)
    document.set_xy(EDGE, document.y + 8)


def _lines(document: Document, layout: TableLayout, cells: Sequence[Cell]) -> list[list[str]]:
    return [
        document.lines(cell.text, cell.style, width - 2 * PADDING, most=MOST_LINES)
        for cell, width in zip(cells, layout.widths, strict=False)
    ]


def _height(layout: TableLayout, lines: list[list[str]]) -> float:
    return max(map(len, lines)) * layout.leading + PADDING


def _draw_row(
    document: Document,
    layout: TableLayout,
    cells: Sequence[Cell],
    lines: list[list[str]] | None = None,
) -> None:
    if not cells:
        return
    lines = lines or _lines(document, layout, cells)
    x, top, height = EDGE, document.y, _height(layout, lines)
    for index, (cell, width) in enumerate(zip(cells, layout.widths, strict=True)):
        y = top + PADDING / 2 + cell.style.size
        if cell.mark:
            document.link(x, top, width, height, document.link_to(cell.mark))
            if not cell.text:
                document.write_page_of(cell.mark, x + PADDING, y)
        for line in lines[index]:
            space = width - PADDING - document.width(line, cell.style)
            indent = space if index in layout.right else PADDING
            document.write_line(x + indent, y, line, cell.style, is_name=True)
            y += cell.style.leading
        x += width
    document.set_xy(EDGE, top + height)
    document.rule(EDGE, document.y, x - EDGE)


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
    fixed = sum(width for width, is_firm in zip(needed, firm, strict=True) if is_firm)
    if all(firm) or fixed > document.epw / 2:
        firm, fixed = [False] * len(needed), 0
    room, cap = document.epw - fixed, float("inf")
    loose = sorted(width for width, is_firm in zip(needed, firm, strict=True) if not is_firm)
    for left, width in zip(range(len(loose), 0, -1), loose, strict=True):
        if width > room / left:
            cap = room / left
            break
        room -= width
    return [w if is_firm else min(w, cap) for w, is_firm in zip(needed, firm, strict=True)]
