"""Charts: every mark inside its view box, lengths in proportion, numbers that can be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.lib import charts
from pciops.lib.charts import Bars, Drawing, Line, Series
from pciops.lib.numbers import grouped

DAY = date(2026, 11, 22)
LAYOUTS = [charts.columns, charts.rows]

numbers = st.integers(min_value=0, max_value=3_000_000)


@st.composite
def bar_charts(draw: st.DrawFn) -> Bars:
    """One to fourteen groups with one to three series."""
    groups = draw(st.integers(min_value=1, max_value=14))
    values = st.lists(numbers, min_size=groups, max_size=groups).map(tuple)
    series = draw(st.lists(values, min_size=1, max_size=3))
    return make_bars(*series)


@st.composite
def line_charts(draw: st.DrawFn) -> Line:
    """One to thirty days within two months, each with a number."""
    days = draw(st.sets(st.integers(min_value=0, max_value=60), min_size=1, max_size=30))
    return make_line({day: draw(numbers) for day in sorted(days)})


def make_bars(*values: tuple[int, ...]) -> Bars:
    """A chart of these series."""
    groups = tuple(f"Day {number}" for number in range(len(values[0]) if values else 0))
    series = tuple(Series(label=f"kind {n}", values=one) for n, one in enumerate(values))
    return Bars(title="A chart", groups=groups, series=series)


def make_line(values: dict[int, int]) -> Line:
    """A line through these numbers, so many days after the first."""
    points = tuple((DAY + timedelta(days=day), value) for day, value in values.items())
    return Line(title="A line", points=points)


def numbers_of(drawing: Drawing) -> list[str]:
    return [text.text for text in drawing.texts if text.kind == "number"]


# --- Bars -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("layout", LAYOUTS)
@given(chart=bar_charts())
def test_every_bar_and_number_is_inside_the_view_box(
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


@given(chart=bar_charts())
def test_columns_are_as_high_as_their_numbers(chart: Bars) -> None:
    rects = charts.columns(chart).rects
    values = [value for _, row in chart.table for value in row]

    longest = max(rect.height for rect in rects)
    for rect, value in zip(rects, values, strict=True):
        assert rect.height * chart.greatest == pytest.approx(
            longest * value, abs=0.02 * (chart.greatest + 1)
        )


@given(chart=bar_charts())
def test_rows_are_as_long_as_their_numbers(chart: Bars) -> None:
    rects = charts.rows(chart).rects
    values = [value for _, row in chart.table for value in row]

    longest = max(rect.width for rect in rects)
    for rect, value in zip(rects, values, strict=True):
        assert rect.width * chart.greatest == pytest.approx(
            longest * value, abs=0.02 * (chart.greatest + 1)
        )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_bar_carries_its_number(layout: Callable[[Bars], Drawing]) -> None:
    drawing = layout(make_bars((12480, 0), (7, 1)))

    assert numbers_of(drawing) == ["12,480", "7", "0", "1"]
    assert [rect.series for rect in drawing.rects] == [1, 2, 1, 2]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bars_of_one_group_do_not_cover_each_other(layout: Callable[[Bars], Drawing]) -> None:
    first, second = layout(make_bars((5,), (5,))).rects

    beside = first.x + first.width <= second.x
    below = first.y + first.height <= second.y
    assert beside or below


@pytest.mark.parametrize("layout", LAYOUTS)
def test_zero_everywhere_is_a_chart_without_length(layout: Callable[[Bars], Drawing]) -> None:
    drawing = layout(make_bars((0, 0), (0, 0)))

    assert all(0 in (rect.width, rect.height) for rect in drawing.rects)
    assert numbers_of(drawing) == ["0"] * 4


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_chart_without_groups_is_its_axis(layout: Callable[[Bars], Drawing]) -> None:
    drawing = layout(make_bars())

    assert (drawing.rects, drawing.texts, len(drawing.strokes)) == ((), (), 1)


@pytest.mark.parametrize("values", [(1,), (1, 2, 3), (1, -1)])
def test_a_series_that_does_not_fit_its_groups_is_refused(values: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="kind 0"):
        Bars(title="", groups=("a", "b"), series=(Series(label="kind 0", values=values),))


def test_the_table_has_the_numbers_of_the_bars() -> None:
    assert make_bars((1, 2), (3, 4)).table == [("Day 0", [1, 3]), ("Day 1", [2, 4])]


# --- Lines ----------------------------------------------------------------------------------------
@given(chart=line_charts())
def test_every_point_of_a_line_is_inside_the_view_box(chart: Line) -> None:
    drawing = charts.line(chart)

    for x, y in drawing.strokes[0].points:
        assert 0 <= x <= drawing.width
        assert 0 <= y <= drawing.height


@given(chart=line_charts())
def test_a_higher_number_is_higher_up(chart: Line) -> None:
    points = charts.line(chart).strokes[0].points[-len(chart.points) :]
    heights = [(value, y) for (_, value), (_, y) in zip(chart.points, points, strict=True)]

    assert all(a[1] >= b[1] for a in heights for b in heights if a[0] < b[0])


def test_a_line_names_its_greatest_and_its_least() -> None:
    assert numbers_of(charts.line(make_line({0: 12, 1: 40, 2: 9}))) == ["40", "9"]


def test_a_line_leaves_room_for_a_day_without_a_number() -> None:
    (x1, _), (x2, _), (x3, _) = charts.line(make_line({0: 1, 1: 2, 3: 4})).strokes[0].points

    assert x3 - x2 == pytest.approx(2 * (x2 - x1), abs=0.02)


def test_one_day_is_a_level_line() -> None:
    drawing = charts.line(make_line({0: 7}))
    (x1, y1), (x2, y2) = drawing.strokes[0].points

    assert x1 < x2
    assert y1 == y2
    assert numbers_of(drawing) == ["7"]


def test_a_number_that_never_changed_is_said_once() -> None:
    assert numbers_of(charts.line(make_line({0: 0, 5: 0}))) == ["0"]


def test_a_line_knows_its_numbers() -> None:
    chart = make_line({0: 12, 1: 40, 2: 9})

    assert (chart.first, chart.last, chart.least, chart.greatest) == (12, 9, 9, 40)


@pytest.mark.parametrize("days", [[], [1, 0], [0, 0]])
def test_days_that_do_not_rise_are_refused(days: list[int]) -> None:
    points = tuple((DAY + timedelta(days=day), 1) for day in days)

    with pytest.raises(ValueError, match="A line"):
        Line(title="A line", points=points)


def test_a_stroke_is_written_as_points() -> None:
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
def test_a_number_beside_a_bar_is_short(number: int, text: str) -> None:
    assert charts.compact(number) == text


def test_a_number_in_a_table_is_whole() -> None:
    assert grouped(1_234_567) == "1,234,567"
