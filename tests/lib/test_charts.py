"""Tests of charts: marks inside the view box, lengths in proportion, readable numbers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from operator import attrgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.lib import charts
from pciops.lib.charts import Bars, Drawing, Line, Rect, Series

DAY = date(2026, 11, 22)
LAYOUTS = [charts.columns, charts.rows]

numbers = st.integers(min_value=0, max_value=3_000_000)


@st.composite
def bar_charts(draw: st.DrawFn) -> Bars:
    groups = draw(st.integers(min_value=1, max_value=14))
    values = st.lists(numbers, min_size=groups, max_size=groups).map(tuple)
    series = draw(st.lists(values, min_size=1, max_size=3))
    return make_bars(*series)


@st.composite
def line_charts(draw: st.DrawFn) -> Line:
    days = draw(st.sets(st.integers(min_value=0, max_value=60), min_size=1, max_size=30))
    return make_line({day: draw(numbers) for day in sorted(days)})


def make_bars(*values: tuple[int, ...]) -> Bars:
    groups = tuple(f"Day {number}" for number in range(len(values[0]) if values else 0))
    series = tuple(Series(label=f"kind {n}", values=one) for n, one in enumerate(values))
    return Bars(title="A chart", groups=groups, series=series)


def make_line(values: dict[int, int]) -> Line:
    """Return a line through these numbers, by days after the first."""
    points = tuple((DAY + timedelta(days=day), value) for day, value in values.items())
    return Line(title="A line", points=points)


def numbers_of(drawing: Drawing) -> list[str]:
    return [text.text for text in drawing.texts if text.kind == "number"]


# --- Bars -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("layout", LAYOUTS)
@given(chart=bar_charts())
def test_bars_and_numbers_are_inside_the_view_box(
    layout: Callable[[Bars], Drawing], chart: Bars
) -> None:
    drawing = layout(chart)

    for rect in drawing.rects:
        assert 0 <= rect.x <= rect.x + rect.width <= drawing.width + 0.01
        assert 0 <= rect.y <= rect.y + rect.height <= drawing.height + 0.01
        assert rect.width >= 0
        assert rect.height >= 0
    for text in drawing.texts:
        assert 0 <= text.x <= drawing.width
        assert charts.TEXT * 0.7 <= text.y <= drawing.height


@pytest.mark.parametrize(
    ("layout", "length"),
    [(charts.columns, attrgetter("height")), (charts.rows, attrgetter("width"))],
)
@given(chart=bar_charts())
def test_bars_are_as_long_as_their_numbers(
    layout: Callable[[Bars], Drawing], length: Callable[[Rect], float], chart: Bars
) -> None:
    rects = layout(chart).rects
    values = [value for _, row in chart.table for value in row]

    longest = max(map(length, rects))
    for rect, value in zip(rects, values, strict=True):
        assert length(rect) * chart.greatest == pytest.approx(
            longest * value, abs=0.02 * (chart.greatest + 1)
        )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_bar_above_zero_has_its_number(layout: Callable[[Bars], Drawing]) -> None:
    drawing = layout(make_bars((12480, 0), (7, 1)))

    assert numbers_of(drawing) == ["12,480", "7", "1"]
    assert [rect.series for rect in drawing.rects] == [1, 2, 1, 2]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bars_of_one_group_do_not_cover_each_other(layout: Callable[[Bars], Drawing]) -> None:
    first, second = layout(make_bars((5,), (5,))).rects

    beside = first.x + first.width <= second.x
    below = first.y + first.height <= second.y
    assert beside or below


@pytest.mark.parametrize("layout", LAYOUTS)
def test_zeros_are_bars_without_length_and_number(layout: Callable[[Bars], Drawing]) -> None:
    drawing = layout(make_bars((0, 0), (0, 0)))

    assert all(0 in (rect.width, rect.height) for rect in drawing.rects)
    assert numbers_of(drawing) == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_chart_without_groups_has_only_an_axis(layout: Callable[[Bars], Drawing]) -> None:
    drawing = layout(make_bars())

    assert (drawing.rects, drawing.texts, len(drawing.strokes)) == ([], [], 1)


@pytest.mark.parametrize("values", [(1,), (1, 2, 3), (1, -1)])
def test_series_without_one_number_for_each_group_is_refused(values: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="kind 0"):
        Bars(title="", groups=("a", "b"), series=(Series(label="kind 0", values=values),))


def test_table_has_the_numbers_of_the_bars() -> None:
    assert make_bars((1, 2), (3, 4)).table == [("Day 0", [1, 3]), ("Day 1", [2, 4])]


# --- Lines ----------------------------------------------------------------------------------------
@given(chart=line_charts())
def test_points_of_a_line_are_inside_the_view_box(chart: Line) -> None:
    drawing = charts.line(chart)

    for x, y in drawing.strokes[0].points:
        assert 0 <= x <= drawing.width
        assert 0 <= y <= drawing.height


@given(chart=line_charts())
def test_greater_numbers_are_higher(chart: Line) -> None:
    points = charts.line(chart).strokes[0].points[-len(chart.points) :]
    heights = [(value, y) for (_, value), (_, y) in zip(chart.points, points, strict=True)]

    assert all(a[1] >= b[1] for a in heights for b in heights if a[0] < b[0])


@pytest.mark.parametrize(
    ("values", "expected"),
    [({0: 12, 1: 40, 2: 9}, ["40", "9"]), ({0: 0, 5: 0}, ["0"]), ({0: 7}, ["7"])],
    ids=["numbers", "one number", "one day"],
)
def test_scale_of_a_line_has_its_greatest_and_least_number(
    values: dict[int, int], expected: list[str]
) -> None:
    assert numbers_of(charts.line(make_line(values))) == expected


def test_line_has_a_gap_for_a_missing_day() -> None:
    (x1, _), (x2, _), (x3, _) = charts.line(make_line({0: 1, 1: 2, 3: 4})).strokes[0].points

    assert x3 - x2 == pytest.approx(2 * (x2 - x1), abs=0.02)


def test_line_of_one_day_is_level() -> None:
    (x1, y1), (x2, y2) = charts.line(make_line({0: 7})).strokes[0].points

    assert x1 < x2
    assert y1 == y2


def test_line_has_first_last_least_and_greatest_number() -> None:
    chart = make_line({0: 12, 1: 40, 2: 9})

    assert (chart.first, chart.last, chart.least, chart.greatest) == (12, 9, 9, 40)


@pytest.mark.parametrize("days", [[], [1, 0], [0, 0]])
def test_line_requires_rising_days(days: list[int]) -> None:
    points = tuple((DAY + timedelta(days=day), 1) for day in days)

    with pytest.raises(ValueError, match="A line"):
        Line(title="A line", points=points)


def test_stroke_is_written_as_svg_points() -> None:
    assert str(charts.columns(make_bars((1,))).strokes[0]) == "0,196 760,196"


# --- Numbers --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (12_480, "12,480"),
        (99_999, "99,999"),
        (100_000, "100k"),
        (999_999, "999k"),
        (1_234_567, "1.23M"),
        (1_000_000, "1.00M"),
        (123_456_789, "123M"),
        (7_000_000_000, "7G"),
    ],
)
def test_number_beside_a_bar_is_compact(number: int, text: str) -> None:
    assert charts.compact(number) == text
