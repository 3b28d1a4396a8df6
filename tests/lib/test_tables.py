"""Tests of lists as table, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.lib import tables

COLUMNS = ("name", "count")
ROWS: list[dict[str, Any]] = [{"name": "ann", "count": 3}, {"name": "bartholomew", "count": 12}]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_start_of_a_formula_is_defused(start: str) -> None:
    assert tables.defused(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize(
    "sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe66", "\u207c"]
)
@pytest.mark.parametrize(
    "before",
    ["", " ", "\u3000", "\u200b", "\ufeff", '"', "a;", "a; ", 'a;"', "a|", "a\t", "a\n", "a\r\n"],
)
def test_formula_after_a_separator_of_any_program_is_defused(before: str, sign: str) -> None:
    kept = before.rstrip(' "\u3000\u200b\ufeff')

    assert tables.defused(f"{before}{sign}1") == f"{kept}'{before[len(kept) :]}{sign}1"


@given(text=st.text(st.sampled_from("=+-@\uff1d;|\t\r\n\"' a")))
@settings(deadline=None)
def test_no_program_finds_a_formula_in_a_file(text: str) -> None:
    """Whether a program separates columns by comma, semicolon, bar or tab, and knows quotes."""
    file = "".join(tables.csv_lines(("name", "text"), [{"name": "ann", "text": text}]))
    for delimiter in ",;|\t":
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            lines = io.StringIO(file, newline="")
            for row in csv.reader(lines, delimiter=delimiter, quoting=quoting):
                for cell in row[1 if delimiter == "," else 0 :]:
                    assert not cell.strip(' "').startswith(("=", "+", "-", "@", "\uff1d"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a=1", "a=1"),
        ("a-b@c.example; d", "a-b@c.example; d"),
        ("two; 3+4", "two; 3+4"),
        ("", ""),
        (None, ""),
        (3, "3"),
        (-3, "-3"),
        (True, "yes"),
        (False, "no"),
        (["locked", "inactive"], "locked inactive"),
        ([], ""),
        (["=1"], "'=1"),
    ],
)
def test_other_cells_are_not_changed(value: object, expected: str) -> None:
    assert tables.defused(value) == expected


@given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
@settings(deadline=None)
def test_csv_can_be_read_back(names: list[str]) -> None:
    lines = tables.csv_lines(("name",), [{"name": name} for name in names])
    read = list(csv.reader(io.StringIO("".join(lines), newline="")))

    assert read == [["name"], *([tables.defused(name)] for name in names)]


CELLS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.sampled_from("aB3 .:@_+-,;|=\"'\t\r\n\u00e9"), max_size=4)
    | st.lists(st.sampled_from(["locked", "a,b", "-"]), max_size=2)
)


@given(cells=st.lists(CELLS, min_size=1, max_size=4))
@settings(deadline=None)
def test_every_line_is_what_the_writer_of_the_standard_library_makes_of_it(
    cells: list[object],
) -> None:
    columns = [f"column{number}" for number in range(len(cells))]
    expected = io.StringIO()
    csv.writer(expected).writerow([tables.defused(cell) for cell in cells])
    [_, line] = tables.csv_lines(columns, [dict(zip(columns, cells, strict=True))])

    assert line == expected.getvalue()


def test_blocks_have_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BLOCK", 5)

    assert list(tables.blocks(["ab\n", "cd\n", "ef\n"])) == ["ab\ncd\n", "ef\n"]
    assert list(tables.blocks([])) == []


@given(names=st.lists(st.text(st.characters()), max_size=3))
@settings(deadline=None)
def test_json_can_be_read_back(names: list[str]) -> None:
    rows = [{"name": name} for name in names]

    assert json.loads("".join(tables.json_lines("accounts", rows))) == {"accounts": rows}


def test_rows_are_written_one_by_one() -> None:
    def rows() -> Iterator[dict[str, str]]:
        yield {"name": "ann"}
        raise ConnectionError

    lines = tables.csv_lines(("name",), rows())

    assert [next(lines), next(lines)] == ["name\r\n", "ann\r\n"]


def test_table_is_aligned() -> None:
    out = io.StringIO()
    tables.write_table(out, COLUMNS, ROWS)

    assert out.getvalue() == "name         count\nann          3\nbartholomew  12\n"


def test_table_without_rows_has_only_its_head() -> None:
    out = io.StringIO()
    number = tables.write_table(out, COLUMNS, [])

    assert (number, out.getvalue()) == (0, "name  count\n")


@given(name=st.text(st.characters()))
@settings(deadline=None)
def test_row_of_a_table_is_one_line(name: str) -> None:
    out = io.StringIO()
    tables.write_table(out, COLUMNS, [{"name": name, "count": 1}])

    assert len(out.getvalue().splitlines()) == 2


def test_table_contains_no_escape_sequences() -> None:
    out = io.StringIO()
    tables.write_table(out, ("name",), [{"name": "\x1b[31mred"}])

    assert out.getvalue() == "name\n\\x1b[31mred\n"
