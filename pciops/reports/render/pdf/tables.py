"""Lists on paper, however long: the head stands on every page, rows are read as pages are made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.textobject import PDFTextObject
from reportlab.platypus import Flowable

from pciops.reports.render.pdf import fonts
from pciops.reports.render.pdf.layout import AGAIN, CELL, HEAD, RULE, Ink, place, put, write

MOST_LINES: Final = 12  # of a cell: a row has to fit on a page
_FEWEST: Final = 2  # rows below a head; a page does not end with less
_PAD: Final = 4.0


@dataclass(frozen=True)
class Words:
    """A cell's text with a look of its own, or a link to a mark."""

    text: str
    ink: Ink | None = None
    link: str = ""


@dataclass(frozen=True)
class PageOf:
    """A cell with the number of the page on which a mark is, which is known at the end."""

    mark: str


Cell: TypeAlias = str | Words | PageOf


@dataclass(frozen=True, kw_only=True)
class Form:
    """What all rows of a list have in common."""

    widths: tuple[float, ...]
    heads: tuple[str, ...] = ()  # none: a list without a head
    right: tuple[bool, ...] = ()  # whose text ends at the right edge
    ink: Ink = CELL
    title: str = ""  # above the head on every page but the first


@dataclass(frozen=True)
class Row:
    """Cells in lines that fit."""

    cells: tuple[tuple[Cell, list[str]], ...]
    height: float


@dataclass
class _Reader:
    """The rows of a list, laid out as they are asked for."""

    form: Form
    source: Iterator[Sequence[Cell]]
    waiting: list[Row] = field(default_factory=list)
    ended: bool = False

    def fitting(self, height: float) -> int:
        """How many of the rows that wait fit; as many wait as that takes to know."""
        used = 0.0
        count = 0
        while count < len(self.waiting) or self._read():
            used += self.waiting[count].height
            if used > height:
                break
            count += 1
        return count

    def _read(self) -> bool:
        cells = next(self.source, None)
        if cells is None:
            self.ended = True
            return False
        self.waiting.append(laid(self.form, cells))
        return True


class Rows(Flowable):
    """A list with its head again on every page."""

    def __init__(
        self, form: Form, rows: Iterable[Sequence[Cell]] | _Reader, *, title: str = ""
    ) -> None:
        super().__init__()
        self.form = form
        self.spaceAfter = 8
        self._reader = rows if isinstance(rows, _Reader) else _Reader(form, iter(rows))
        self._head, self._title = _head(form), title

    def wrap(self, room: float, height: float) -> tuple[float, float]:
        count = self._reader.fitting(height - self._above)
        if self._reader.ended and count == len(self._reader.waiting):
            return room, self._above + sum(row.height for row in self._reader.waiting)
        return room, height + 1  # goes on

    def split(self, room: float, height: float) -> list[Flowable]:
        count = self._reader.fitting(height - self._above)
        if count < min(_FEWEST, len(self._reader.waiting)):
            return []
        rows, self._reader.waiting = self._reader.waiting[:count], self._reader.waiting[count:]
        page = _Page(self.form, [self._head, *rows], self._title)
        return [page, Rows(self.form, self._reader, title=self.form.title)]

    def draw(self) -> None:
        _draw(self.canv, self.form, [self._head, *self._reader.waiting], self._title)

    @property
    def _above(self) -> float:
        return self._head.height + _title_height(self._title)


class _Page(Flowable):
    """So much of a list as fits on a page."""

    def __init__(self, form: Form, rows: list[Row], title: str) -> None:
        super().__init__()
        self.form, self.rows, self.title = form, rows, title

    def wrap(self, room: float, height: float) -> tuple[float, float]:
        return room, _title_height(self.title) + sum(row.height for row in self.rows)

    def split(self, room: float, height: float) -> list[Flowable]:
        return []

    def draw(self) -> None:
        _draw(self.canv, self.form, self.rows, self.title)


def laid(form: Form, cells: Sequence[Cell]) -> Row:
    """The cells in lines."""
    found = []
    for cell, wide in zip(cells, form.widths, strict=True):
        ink = _ink(form, cell)
        text = "" if isinstance(cell, PageOf) else cell.text if isinstance(cell, Words) else cell
        room = wide - 2 * _PAD
        found.append((cell, fonts.lines(text, ink.font, ink.size, room, most=MOST_LINES)))
    most = max((len(lines) for _, lines in found), default=1)
    return Row(tuple(found), most * form.ink.leading + _PAD)


def _head(form: Form) -> Row:
    if not form.heads:
        return Row((), 0.0)
    return laid(form, [Words(head, HEAD) for head in form.heads])


def _ink(form: Form, cell: Cell) -> Ink:
    return cell.ink if isinstance(cell, Words) and cell.ink else form.ink


def _title_height(title: str) -> float:
    return AGAIN.leading + 4 if title else 0.0


def _draw(canvas: Canvas, form: Form, rows: list[Row], title: str) -> None:
    top = sum(row.height for row in rows)
    if title:
        line = fonts.lines(title, AGAIN.font, AGAIN.size, sum(form.widths), most=1)[0]
        write(canvas, 0, top + 6, line, AGAIN)
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    lines = []
    y = top
    for row in rows:
        y -= row.height
        if row.height:
            lines.append((0, y, sum(form.widths), y))
    canvas.lines(lines)
    out = canvas.beginText()
    colour: Color | None = None
    y = top
    for row in rows:
        x = 0.0
        for index, (cell, texts) in enumerate(row.cells):
            ink, wide = _ink(form, cell), form.widths[index]
            if mark := _leads_to(cell):
                canvas.linkRect("", mark, (x, y - row.height, x + wide, y), relative=1)
            if isinstance(cell, PageOf):
                canvas.drawText(out)  # so that it is read in its place
                place(canvas, cell.mark, x + _PAD, y - ink.size - _PAD / 2)
                out, colour = canvas.beginText(), None
            elif ink.colour is not colour:
                out.setFillColor(ink.colour)
                colour = ink.colour
            right = bool(form.right) and form.right[index]
            _cell(out, (x, y, wide), texts, ink, right=right)
            x += wide
        y -= row.height
    canvas.drawText(out)


def _leads_to(cell: Cell) -> str:
    if isinstance(cell, PageOf):
        return cell.mark
    return cell.link if isinstance(cell, Words) else ""


def _cell(
    out: PDFTextObject,
    corner: tuple[float, float, float],
    texts: list[str],
    ink: Ink,
    *,
    right: bool,
) -> None:
    left, top, wide = corner
    y = top - ink.size - _PAD / 2
    for text in texts:
        x = left + _PAD
        if right:
            x = left + wide - _PAD - fonts.width(text, ink.font, ink.size)
        if text:
            put(out, x, y, text, ink)
        y -= ink.leading


def widths(
    heads: Sequence[str],
    sample: Iterable[Sequence[Cell]],
    room: float,
    firm: Sequence[bool],
) -> tuple[float, ...]:
    """Of the columns: what they take, and where that is too much, the widest give way.

    Args:
        sample: some rows.
        firm: which columns do not give way: instants and numbers are not broken.
    """
    rows = list(sample)
    wanted = [
        max(_widest_word(head), _usual([_wide(row[index]) for row in rows])) + 2 * _PAD + 0.5
        for index, head in enumerate(heads)
    ]
    if sum(wanted) > room:
        loose = [most for most, is_firm in zip(wanted, firm, strict=True) if not is_firm]
        fixed = sum(wanted) - sum(loose)
        if loose and fixed < room / 2:
            cap = _cap(loose, room - fixed)
            wanted = [
                most if is_firm else min(most, cap)
                for most, is_firm in zip(wanted, firm, strict=True)
            ]
        else:
            cap = _cap(wanted, room)
            wanted = [min(most, cap) for most in wanted]
    share = room / sum(wanted)
    return tuple(most * share for most in wanted)


def _wide(cell: Cell) -> float:
    if isinstance(cell, PageOf):
        return 0.0
    ink = (cell.ink or CELL) if isinstance(cell, Words) else CELL
    return fonts.width(cell.text if isinstance(cell, Words) else cell, ink.font, ink.size)


def _widest_word(head: str) -> float:
    return max((fonts.width(word, HEAD.font, HEAD.size) for word in head.split()), default=0.0)


def _usual(found: list[float]) -> float:
    """What most rows take: one name of 255 characters does not decide how a list looks."""
    return sorted(found)[len(found) * 9 // 10] if found else 0.0


def _cap(wanted: list[float], room: float) -> float:
    """The width at which the widest columns are cut, so that all fit."""
    rest = sorted(wanted)
    while rest:
        fair = room / len(rest)
        if rest[0] > fair:
            return fair
        room -= rest.pop(0)
    return room
