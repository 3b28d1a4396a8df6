"""The printed report: how it is found one's way in, what is cut, what fonts lack."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pypdf import PdfReader

from pciops.lib import charts
from pciops.lib.evidence import Cell
from pciops.reports.render.pdf import drawings, fonts, pdf
from pciops.reports.render.pdf.fonts import REGULAR
from tests.reports import reading
from tests.reports.made_up import MONDAY, Kept, believable


@pytest.fixture(scope="module")
def long() -> tuple[Kept, PdfReader]:
    """A report with lists that are longer than what is printed."""
    kept = believable(pdf.MOST_ROWS + 1)
    data = pdf.render(kept.report, kept.rows, sha256="ab" * 32)
    return kept, PdfReader(io.BytesIO(data))


@pytest.fixture(scope="module")
def short() -> PdfReader:
    kept = believable()
    return PdfReader(io.BytesIO(pdf.render(kept.report, kept.rows, sha256="ab" * 32)))


def test_every_page_says_whose_it_is_and_which_of_how_many(short: PdfReader) -> None:
    total = len(short.pages)

    for number, page in enumerate(short.pages, start=1):
        words = re.sub(r"\s+", " ", page.extract_text())
        assert f"{number} of {total}" in words
        assert "north.example · 2026-W47 · revision 1" in words
        assert "SHA-256 abababababababab…" in words


def test_bookmarks_have_the_numbers_of_the_requirements(short: PdfReader) -> None:
    found = dict(_outline(short, short.outline))

    assert "8.2.6 Inactive accounts" in found
    page = found["List: 8.2.6 Inactive accounts, over 90 days (40 rows)"]
    assert "8.2.6 Inactive accounts, over 90 days (40 rows)" in short.pages[page].extract_text()


def test_the_first_page_has_findings_verdicts_figures_and_pages(short: PdfReader) -> None:
    words = short.pages[0].extract_text()

    assert "Findings in 2 of 4 sections" in words
    assert "set lockout_duration to at least 1800 seconds" in words
    assert "8.2.6 Inactive accounts Finding 8.1.4" in words
    assert "inactive for over 90 days 40 +4" in words


def test_the_page_numbers_of_the_contents_are_right(short: PdfReader) -> None:
    found = dict(_outline(short, short.outline))
    words = short.pages[0].extract_text()

    for title, verdict in (("8.3.9 Password age", "Not known 8.2.4"), ("8.3.4 Lockout", "Finding")):
        row = re.search(rf"{title} {verdict}[^\n]*\n\s*(\d+)", words)
        assert row
        assert int(row[1]) == found[title] + 1


def test_a_long_list_is_cut_with_a_sentence_that_names_the_file(
    long: tuple[Kept, PdfReader],
) -> None:
    kept, reader = long
    found = dict(_outline(reader, reader.outline))
    first = found["List: 8.2.6 Inactive accounts, over 90 days (5,001 rows)"]
    words = re.sub(r"\s+", " ", reader.pages[first].extract_text())

    assert (
        "The first 5,000 of 5,001 rows. All of them are in lists/inactive.csv in the CSV" in words
    )
    last_printed, cut = kept.lists["inactive"][-2][0], kept.lists["inactive"][-1][0]
    end = found["List: 8.3.9 Passwords that expire (5,001 rows)"] - 1
    words = reader.pages[end].extract_text()
    assert str(last_printed) in words
    assert str(cut) not in words


def test_the_head_of_a_list_is_on_every_page_of_it(long: tuple[Kept, PdfReader]) -> None:
    _, reader = long
    found = dict(_outline(reader, reader.outline))
    first = found["List: 8.2.6 Inactive accounts, over 90 days (5,001 rows)"]
    last = found["List: 8.3.9 Passwords that expire (5,001 rows)"] - 1

    assert last - first > 100
    for page in (first, first + 1, (first + last) // 2, last):
        words = reader.pages[page].extract_text()
        assert "8.2.6 Inactive accounts, over 90 days (5,001 rows)" in words
        assert "Last sign-in" in words


def test_no_more_rows_are_read_than_are_printed() -> None:
    kept, read = believable(), 0

    def rows(key: str) -> Iterator[tuple[Cell, ...]]:
        nonlocal read
        for index in range(10 * pdf.MOST_ROWS):
            read += 1
            yield kept.lists[key][index % len(kept.lists[key])]

    one = pdf._Document(kept.report, rows, "", ())
    table = next(table for table in kept.report.tables() if table.key == "inactive")
    list_ = list(one._table(table, 700))[0]
    assert list_.wrap(700, 500) == (700, 501)
    assert read < 100


def test_text_is_text_in_scripts_that_the_fonts_have() -> None:
    kept = believable(cloud="Köln Москва Αθήνα")
    words = reading.text(pdf.render(kept.report, kept.rows))

    assert "Köln Москва Αθήνα" in words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann", "ann"),
        ("דוד", "דוד"[::-1]),  # from right to left
        ("ab דוד cd", f"ab {'דוד'[::-1]} cd"),
        ("山", "\\u5c71"),
        ("😀", "\\U0001f600"),
    ],
)
def test_what_stands_on_paper(text: str, expected: str) -> None:
    assert "".join(part for _, part, _ in fonts.runs(text, REGULAR)) == expected


@pytest.mark.parametrize(
    ("text", "room", "expected"),
    [
        ("one two three", 1000, ["one two three"]),
        ("one two three", 40, ["one two", "three"]),
        ("x" * 30, 60, ["x" * 11, "x" * 11, "x" * 8]),
        ("", 40, [""]),
        ("a\nb", 100, ["a\\nb"]),
    ],
)
def test_lines_break_at_spaces_and_in_long_words(
    text: str, room: float, expected: list[str]
) -> None:
    assert fonts.lines(text, REGULAR, 10, room) == expected


def test_lines_that_are_too_many_end_in_an_ellipsis() -> None:
    found = fonts.lines("x" * 1000, REGULAR, 10, 60, most=3)

    assert len(found) == 3
    assert found[-1].endswith("…")
    assert fonts.width(found[-1], REGULAR, 10) <= 60


def test_threads_print_at_once() -> None:
    reports = [believable(20, seed) for seed in range(4)]
    one_by_one = [_printed(kept) for kept in reports]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(_printed, reports))

    assert at_once == one_by_one


def _printed(kept: Kept) -> str:
    return reading.text(pdf.render(kept.report, kept.rows))


def test_signatures_are_printed() -> None:
    kept = believable()
    signed = SimpleNamespace(by="ann (Default)", at=MONDAY + timedelta(days=8), remark="Seen.")
    data = pdf.render(kept.report, kept.rows, signoffs=[signed])

    assert "ann (Default), 24 Nov 2026, 00:00:00 UTC: “Seen.”" in reading.text(data)


def test_a_chart_has_every_mark_of_the_drawing() -> None:
    chart = charts.Bars(
        title="A chart",
        groups=("Mon", "Tue"),
        series=(
            charts.Series(label="one", values=(1, 2)),
            charts.Series(label="two", values=(0, 3)),
        ),
    )
    flat = charts.columns(chart, width=charts.WIDE, height=200.0)
    group: Any = drawings.bars(chart, width=400).contents[0]
    marks = group.contents
    strings = [mark.text for mark in marks if type(mark).__name__ == "String"]
    bars = [mark for mark in marks if type(mark).__name__ == "Rect"]

    assert [text.text for text in flat.texts] + ["one: 3", "two: 3"] == strings
    assert len(bars) == len(flat.rects) + 2


def _outline(reader: PdfReader, entries: list[Any]) -> Iterator[tuple[str, int]]:
    """Title and page (from 0) of each bookmark, those below others too."""
    for entry in entries:
        if isinstance(entry, list):
            yield from _outline(reader, entry)
        else:
            page = reader.get_destination_page_number(entry)
            assert page is not None
            yield entry.title, page
