"""Small charts: their values, and the position of each mark, independent of a format.

`columns`, `rows` and `line` turn a chart into a `Drawing`, from which a template makes SVG and the
printed report its own drawings. Units are those of the view box; y grows downwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, Literal

from pciops.lib.numbers import grouped

WIDE: Final = 760.0  # of columns: a desktop page
NARROW: Final = 300.0  # of rows, and of a line: a phone
TEXT: Final = 13.0  # size of all text
COMPACT_FROM: Final = 100_000  # from here on, numbers beside a bar are shortened


@dataclass(frozen=True, kw_only=True)
class Series:
    """One number for each group of a chart."""

    label: str
    values: tuple[int, ...]
    urls: tuple[str, ...] = ()  # of the list that each number counts

    @property
    def total(self) -> int:
        return sum(self.values)


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Groups side by side, such as days, each with a bar of every series.

    Raises:
        ValueError: if a series does not have one number of at least 0 for each group.
    """

    title: str
    groups: tuple[str, ...]
    series: tuple[Series, ...]

    def __post_init__(self) -> None:
        for series in self.series:
            if len(series.values) != len(self.groups) or min(series.values, default=0) < 0:
                raise ValueError(f"{series.label}: {series.values} for {len(self.groups)} groups")

    @property
    def greatest(self) -> int:
        """The number of the longest bar."""
        return max((value for series in self.series for value in series.values), default=0)

    @property
    def table(self) -> list[tuple[str, list[int]]]:
        """The same numbers for screen readers: each group with one number of each series."""
        return [
            (group, [series.values[index] for series in self.series])
            for index, group in enumerate(self.groups)
        ]

    @property
    def cells(self) -> list[tuple[str, list[tuple[int, str]]]]:
        """The numbers of `table`, each with the URL of what it counts."""
        return [
            (
                group,
                [
                    (series.values[index], series.urls[index] if series.urls else "")
                    for series in self.series
                ],
            )
            for index, group in enumerate(self.groups)
        ]

    @property
    def linked(self) -> bool:
        return any(series.urls for series in self.series)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A number that changes from day to day; days may be missing.

    Raises:
        ValueError: if there is no point, or the days do not rise.
    """

    title: str
    points: tuple[tuple[date, int], ...]

    def __post_init__(self) -> None:
        days = [day for day, _ in self.points]
        if not days or days != sorted(set(days)):
            raise ValueError(f"{self.title}: {days}")

    @property
    def values(self) -> list[int]:
        return [value for _, value in self.points]

    @property
    def first(self) -> int:
        return self.values[0]

    @property
    def last(self) -> int:
        return self.values[-1]

    @property
    def least(self) -> int:
        return min(self.values)

    @property
    def greatest(self) -> int:
        return max(self.values)


# --- Drawings -------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Rect:
    """A bar of the series with this number, counted from 1."""

    x: float
    y: float
    width: float
    height: float
    series: int
    url: str = ""
    title: str = ""  # of the link


@dataclass(frozen=True, kw_only=True)
class Text:
    """Text that begins, ends or is centered at x; y is its baseline."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"]
    kind: Literal["number", "label"]


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """A line through at least two points: the axis, or the numbers."""

    points: tuple[tuple[float, float], ...]
    kind: Literal["axis", "line"]

    def __str__(self) -> str:
        """Return the points as SVG writes them."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True, kw_only=True)
class Dot:
    """The last point of a line."""

    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Marks in a view box of this size, in the order of painting."""

    width: float
    height: float
    rects: list[Rect] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    dots: list[Dot] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


def columns(chart: Bars, *, width: float = WIDE, height: float = 220.0) -> Drawing:
    """Draw vertical bars, with the numbers above 0 on top and the groups below."""
    top, bottom = TEXT + 7, height - TEXT - 11
    slot = width / max(1, len(chart.groups))
    thick = min(34.0, slot * 0.8 / max(1, len(chart.series)))
    axis = Stroke(points=((0.0, bottom), (width, bottom)), kind="axis")
    drawing = Drawing(width=width, height=height, strokes=[axis])
    for group, series, value in _values(chart):
        tall = _share(value, chart.greatest) * (bottom - top)
        left = slot * (group + 0.5) + thick * (series - len(chart.series) / 2)
        middle = left + thick / 2
        rect = _rect(left + 1, bottom - tall, thick - 2, tall, series)
        drawing.rects.append(_linked(rect, chart, group))
        if value:
            number = _text(middle, bottom - tall - 5, compact(value), "middle", "number")
            drawing.texts.append(number)
    for group, label in enumerate(chart.groups):
        drawing.texts.append(_text(slot * (group + 0.5), height - 6, label, "middle", "label"))
    return drawing


def rows(chart: Bars, *, width: float = NARROW) -> Drawing:
    """Draw horizontal bars for narrow windows: groups before them, numbers above 0 after them."""
    left, right = 66.0, width - 56.0  # room for `Wed 25 Nov`, and for the longest number
    thick, gap = 16.0, 10.0
    step = thick * len(chart.series) + gap
    height = step * max(1, len(chart.groups))
    axis = Stroke(points=((left, 0.0), (left, height)), kind="axis")
    drawing = Drawing(width=width, height=height, strokes=[axis])
    for group, series, value in _values(chart):
        top = step * group + thick * series + gap / 2
        long = _share(value, chart.greatest) * (right - left)
        rect = _rect(left, top + 1, long, thick - 2, series)
        drawing.rects.append(_linked(rect, chart, group))
        baseline = top + thick / 2 + TEXT * 0.36
        if value:
            number = _text(left + long + 6, baseline, compact(value), "start", "number")
            drawing.texts.append(number)
    for group, label in enumerate(chart.groups):
        baseline = step * (group + 0.5) + TEXT * 0.36
        drawing.texts.append(_text(0, baseline, label, "start", "label"))
    return drawing


def line(chart: Line, *, width: float = NARROW, height: float = 64.0) -> Drawing:
    """Draw the numbers on a scale from the least to the greatest, which are written beside it.

    A missing day leaves a gap, so that slopes are right.
    """
    left, right, top, bottom = 62.0, width - 6.0, 8.0, height - 8.0
    first, last = chart.points[0][0], chart.points[-1][0]
    days, spread = (last - first).days, chart.greatest - chart.least
    points = []
    for day, value in chart.points:
        along = _share((day - first).days, days) if days else 1.0
        up = _share(value - chart.least, spread) if spread else 0.5
        points.append((left + along * (right - left), bottom - up * (bottom - top)))
    if len(points) == 1:
        points.insert(0, (left, points[0][1]))  # one day makes a level line
    scale = {chart.greatest: top, chart.least: bottom}
    if not spread:
        scale = {chart.greatest: points[0][1]}
    return Drawing(
        width=width,
        height=height,
        strokes=[Stroke(points=tuple((_round(x), _round(y)) for x, y in points), kind="line")],
        dots=[Dot(x=_round(points[-1][0]), y=_round(points[-1][1]))],
        texts=[
            _text(left - 10, y + TEXT * 0.36, compact(value), "end", "number")
            for value, y in scale.items()
        ],
    )


@dataclass(frozen=True, kw_only=True)
class Spark:
    """A line without axes in a box of 100 by 30: the data of three SVG paths."""

    line: str
    area: str  # below the line
    end: str  # the last point


def spark(chart: Line) -> Spark:
    """Draw the numbers from the least to the greatest; a level line is in the middle."""
    first, last = chart.points[0][0], chart.points[-1][0]
    days, spread = (last - first).days, chart.greatest - chart.least
    points = [
        (
            _round(100 * _share((day - first).days, days)),
            _round(26 - 22 * (_share(value - chart.least, spread) if spread else 0.5)),
        )
        for day, value in chart.points
    ]
    line = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
    return Spark(line=line, area=f"{line}V30H0z", end=f"M{points[-1][0]:g} {points[-1][1]:g}h0")


def compact(number: int) -> str:
    """Return `12,480`, or `123k` and `1.23M` if the digits would not fit beside a bar."""
    if number < COMPACT_FROM:
        return grouped(number)
    if number < 1_000_000:
        return f"{number // 1000}k"
    if number < 100_000_000:
        return f"{number // 10_000 / 100:.2f}M"
    if number < 1_000_000_000:
        return f"{number // 1_000_000}M"
    return f"{number // 1_000_000_000:,}G"


def _values(chart: Bars) -> Iterator[tuple[int, int, int]]:
    """Yield group, series and number of every bar."""
    for group in range(len(chart.groups)):
        for number, series in enumerate(chart.series):
            yield group, number, series.values[group]


def _share(value: int, greatest: int) -> float:
    return value / greatest if greatest else 0.0


def _rect(x: float, y: float, width: float, height: float, series: int) -> Rect:
    return Rect(
        x=_round(x), y=_round(y), width=_round(width), height=_round(height), series=series + 1
    )


def _linked(rect: Rect, chart: Bars, group: int) -> Rect:
    """Return the bar with the link of its number; an empty bar has none."""
    series = chart.series[rect.series - 1]
    value = series.values[group]
    if not series.urls or not value:
        return rect
    title = f"{chart.groups[group]}: {grouped(value)} {series.label}"
    return replace(rect, url=series.urls[group], title=title)


def _text(
    x: float,
    y: float,
    text: str,
    anchor: Literal["start", "middle", "end"],
    kind: Literal["number", "label"],
) -> Text:
    return Text(x=_round(x), y=_round(y), text=text, anchor=anchor, kind=kind)


def _round(value: float) -> float:
    """Round to a hundredth of a unit, which is less than a pixel."""
    return round(value, 2)
