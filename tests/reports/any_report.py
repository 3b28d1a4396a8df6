"""Reports with whatever hypothesis comes up with."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from pciops.lib.evidence import Bars, Cell, Column, Gap, Statement, Verdict
from pciops.lib.times import iso
from pciops.reports.value import Figure, Report, Section, Table
from tests.reports.made_up import DAY, HOSTILE, MONDAY, Kept, header, section, table

texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(codec="utf-8"), max_size=30),
)
numbers = st.integers(min_value=0, max_value=10**9)
changes = st.none() | st.integers(min_value=-(10**6), max_value=10**6)
instants = st.integers(min_value=0, max_value=10**7).map(
    lambda minutes: iso(MONDAY - timedelta(minutes=minutes))
)
CELLS: dict[str, st.SearchStrategy[Cell]] = {
    "text": texts,
    "number": numbers,
    "instant": instants,
    "day": instants.map(lambda it: it[:10] if it else it),
    "yes": st.booleans(),
}


@st.composite
def reports(draw: st.DrawFn) -> Kept:
    """Up to three sections of anything, with keys that are unique as they have to be."""
    lists: dict[str, list[tuple[Cell, ...]]] = {}
    sections = tuple(draw(_section(number, lists)) for number in range(draw(st.integers(0, 3))))
    gap = st.builds(
        Gap,
        source=st.just("census"),
        begins=st.just(MONDAY),
        ends=st.just(MONDAY + DAY),
        words=texts,
    )
    facts = {"cloud": draw(texts), "domain_id": draw(texts), "domain_name": draw(texts)}
    report = Report(
        header=header(**facts), sections=sections, gaps=tuple(draw(st.lists(gap, max_size=2)))
    )
    return Kept(report=report, lists=lists)


@st.composite
def _section(draw: st.DrawFn, number: int, lists: dict[str, list[tuple[Cell, ...]]]) -> Section:
    sentence = st.builds(Statement, words=texts, verdict=st.none() | st.sampled_from(list(Verdict)))
    figures = tuple(
        Figure(
            key=f"figure_{number}_{index}",
            label=draw(texts),
            number=draw(st.none() | numbers),
            change=draw(changes),
            words=draw(texts),
            finding=draw(st.booleans()),
            main=draw(st.booleans()),
        )
        for index in range(draw(st.integers(0, 3)))
    )
    return section(
        f"section_{number}",
        draw(st.sampled_from(("", "8.2.6", "8.4.1, 8.4.2"))),
        draw(texts),
        draw(texts),
        draw(texts),
        statements=tuple(draw(st.lists(sentence, max_size=3))),
        figures=figures,
        bars=tuple(draw(_bars(number)) for _ in range(draw(st.integers(0, 1)))),
        tables=tuple(
            draw(_table(f"table_{number}_{index}", lists))
            for index in range(draw(st.integers(0, 2)))
        ),
    )


@st.composite
def _bars(draw: st.DrawFn, number: int) -> Bars:
    groups = draw(st.integers(1, 7))
    values = st.lists(numbers, min_size=groups, max_size=groups).map(tuple)
    series = tuple((draw(texts), draw(values)) for _ in range(draw(st.integers(1, 2))))
    names = tuple(draw(texts) for _ in range(groups))
    return Bars(key=f"bars_{number}", title=draw(texts), groups=names, series=series)


@st.composite
def _table(draw: st.DrawFn, key: str, lists: dict[str, list[tuple[Cell, ...]]]) -> Table:
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=6))
    columns = [
        Column(key=f"column_{index}", title=draw(texts), kind=kind)  # type: ignore[arg-type]
        for index, kind in enumerate(kinds)
    ]
    cells = st.tuples(*(CELLS[kind] | st.none() for kind in kinds))
    lists[key] = draw(st.lists(cells, max_size=8))
    return table(key, draw(texts), columns, lists[key], identity=("column_0",), empty=draw(texts))
