"""Tables of any length: rows are read while pages are made; the head is on each page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pciops.reports.render.pdf.layout import CELL, EDGE, HEAD, STRONG, Document, Style

MOST_LINES: Final = 12  # of a cell: a row has to fit on a page
PADDING: Final = 4.0


@dataclass(frozen=True)
class Cell:
    """A text with a style, or the number of the page of a mark, to which the whole row leads."""

    text: str = ""
    style: Style = CELL
    mark: str = ""


def draw_table(
    document: Document,
    rows: Iterable[Sequence[str | Cell]],
    *,
    widths: Sequence[float],
    heads: Sequence[str] = (),
    right: Sequence[int] = (),
    title: str = "",
    leading: float = CELL.leading,
) -> None:
    """Print a table from the current place on.

    Args:
        widths: of the columns, in relation to one another.
        right: the columns that are aligned at the right.
        title: above the head, on each page but the first.
        leading: the height of a line in all cells.
    """
    scale = document.epw / sum(widths)
    widths = [width * scale for width in widths]
    head = [Cell(text, HEAD) for text in heads]

    def draw_row(row: Sequence[str | Cell]) -> None:
        cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
        lines = [
            document.lines(cell.text, cell.style, width - 2 * PADDING, most=MOST_LINES)
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
    fixed = sum(width for width, is_firm in zip(needed, firm, strict=True) if is_firm)
    if fixed > document.epw / 2:
        firm, fixed = [False] * len(needed), 0
    room, cap = document.epw - fixed, float("inf")
    loose = sorted(width for width, is_firm in zip(needed, firm, strict=True) if not is_firm)
    for left, width in zip(range(len(loose), 0, -1), loose, strict=True):
        if width > room / left:
            cap = room / left
            break
        room -= width
    return [w if is_firm else min(w, cap) for w, is_firm in zip(needed, firm, strict=True)]
