"""Charts of `lib.charts` on paper: its marks as shapes of reportlab."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from reportlab.graphics import shapes
from reportlab.lib.colors import Color, HexColor

from pciops.lib import charts
from pciops.lib.numbers import grouped
from pciops.reports.render.pdf import fonts

INK: Final = HexColor("#17202a")
QUIET: Final = HexColor("#54606d")
LINE: Final = HexColor("#7c8794")
# Fill and edge of each series: the second is told from the first without colour as well.
SERIES: Final[tuple[tuple[Color, Color], ...]] = (
    (HexColor("#0a5cb0"), HexColor("#0a5cb0")),
    (HexColor("#fff2d9"), HexColor("#7a4a00")),
    (HexColor("#dde2e7"), HexColor("#54606d")),
)
_LEGEND: Final = 22.0

Anchor: TypeAlias = Literal["start", "middle", "end"]


def bars(chart: charts.Bars, *, width: float) -> shapes.Drawing:
    """Bars that stand up with a legend above them, as wide as this."""
    drawing = charts.columns(chart, width=charts.WIDE, height=200.0)
    scale = width / drawing.width
    height = drawing.height + _LEGEND
    group = shapes.Group(*_marks(drawing), *_legend(chart, height - 14))
    group.transform = (scale, 0, 0, scale, 0, 0)
    sheet = shapes.Drawing(width, height * scale)
    sheet.add(group)
    return sheet


def _marks(drawing: charts.Drawing) -> list[shapes.Shape]:
    """Upside down: on paper y grows upwards."""
    found: list[shapes.Shape] = []
    top = drawing.height
    for rect in drawing.rects:
        found.append(
            _rect(rect.x, top - rect.y - rect.height, rect.width, rect.height, rect.series)
        )
    for stroke in drawing.strokes:
        flat = [part for x, y in stroke.points for part in (x, top - y)]
        colour = LINE if stroke.kind == "axis" else SERIES[0][0]
        found.append(shapes.PolyLine(flat, strokeColor=colour, strokeWidth=1))
    for dot in drawing.dots:
        found.append(
            shapes.Circle(dot.x, top - dot.y, 3.5, fillColor=SERIES[0][0], strokeColor=None)
        )
    for text in drawing.texts:
        colour = INK if text.kind == "number" else QUIET
        found.append(_text(text.x, top - text.y, text.text, colour, text.anchor))
    return found


def _legend(chart: charts.Bars, y: float) -> list[shapes.Shape]:
    found: list[shapes.Shape] = []
    x = 0.0
    for number, series in enumerate(chart.series, start=1):
        label = f"{series.label}: {grouped(series.total)}"
        found.append(_rect(x, y, 11, 11, number))
        found.append(_text(x + 16, y + 1, label, INK, "start"))
        x += 40 + fonts.width(fonts.single(label, fonts.REGULAR), fonts.REGULAR, charts.TEXT)
    return found


def _rect(x: float, y: float, width: float, height: float, series: int) -> shapes.Rect:
    fill, edge = SERIES[(series - 1) % len(SERIES)]
    shape = shapes.Rect(x, y, width, height)
    shape.fillColor, shape.strokeColor, shape.strokeWidth = fill, edge, 0.8
    return shape


def _text(x: float, y: float, text: str, colour: Color, anchor: Anchor) -> shapes.String:
    return shapes.String(
        x,
        y,
        fonts.single(text, fonts.REGULAR),
        fontName=fonts.REGULAR,
        fontSize=charts.TEXT,
        fillColor=colour,
        textAnchor=anchor,
    )
