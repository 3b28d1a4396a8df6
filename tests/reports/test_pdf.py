"""The printed report: how it leads to its parts, what is cut, and how names are written."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymupdf_fonts
import pytest
import uharfbuzz
from fontTools.ttLib import TTFont
from pypdf import PdfReader
from pypdf.generic import ContentStream

from pciops.lib import charts
from pciops.reports.models import SignOff
from pciops.reports.render import pdf, text
from pciops.reports.render.pdf_layout import BODY, CELL, Document
from pciops.reports.spool import BuiltReport
from pciops.reports.value import Found, Row
from tests.reports.rendered import content, pdf_text, printed
from tests.reports.samples import MONDAY, make_report, sample_report

FIRAGO = pymupdf_fonts.fontbuffers["figo"]()


@pytest.fixture(scope="module")
def long() -> tuple[BuiltReport, PdfReader]:
    """A report with tables that are longer than what is printed."""
    sample = sample_report(pdf.MOST_ROWS + 1)
    return sample, printed(sample)


@pytest.fixture(scope="module")
def short() -> PdfReader:
    return printed(sample_report(), sha256="ab" * 32)


@pytest.fixture
def document(tmp_path: Path) -> Iterator[Document]:
    document = Document(make_report().header, "", fonts=tmp_path)
    document.add_page()
    yield document
    document.output()  # closes the files of the fonts


def bookmarks(reader: PdfReader, entries: list[Any] | None = None) -> dict[str, int]:
    """Return the page (from 0) of each bookmark by its title."""
    pages: dict[str, int] = {}
    for entry in reader.outline if entries is None else entries:
        if isinstance(entry, list):
            pages |= bookmarks(reader, entry)
        else:
            page = reader.get_destination_page_number(entry)
            assert page is not None
            pages[str(entry.title)] = page
    return pages


def words(reader: PdfReader, page: int) -> str:
    return re.sub(r"\s+", " ", reader.pages[page].extract_text())


# --- Pages ---------------------------------------------------------------------------------------
def test_every_page_has_the_subject_and_its_number(short: PdfReader) -> None:
    total = len(short.pages)

    for page in range(total):
        assert f"{page + 1} of {total}" in words(short, page)
        assert "north.example · 2026-W47 · revision 1" in words(short, page)
        assert "SHA-256 abababababababab…" in words(short, page)


def test_bookmarks_have_the_numbers_of_the_requirements(short: PdfReader) -> None:
    title = "8.2.6 Inactive accounts, over 90 days (40 rows)"
    pages = bookmarks(short)

    assert "8.2.6 Inactive accounts" in pages
    assert title in words(short, pages[f"List: {title}"])


def test_the_first_page_is_a_summary(short: PdfReader) -> None:
    first, second = words(short, 0), words(short, 1)

    assert "Exceptions in 2 of 3 requirements Not signed off." in first
    assert "Set lockout_duration" in first
    assert "inactive for over 90 days 40 +4" in first
    assert "8.2.6 Inactive accounts Exception" not in first
    assert "8.2.6 Inactive accounts Exception" in second


@pytest.mark.parametrize("number", [0, 40])
def test_the_summary_is_one_page_for_any_number_of_exceptions(number: int) -> None:
    sample = sample_report()
    [first, *others] = sample.report.sections
    found = tuple(Found(each + 1, "Accounts " + "x" * 200) for each in range(number))
    assert first.judgments
    judged = replace(first, judgments=(replace(first.judgments[0], found=found),))
    report = replace(sample.report, sections=(judged, *others))
    reader = printed(replace(sample, report=report))

    assert "Main figures" in words(reader, 0)
    assert words(reader, 1).count("Requirements") == 1
    assert ("more are in the sections" in words(reader, 0)) is (number > pdf.MOST_EXCEPTIONS)


def test_the_page_numbers_of_the_contents_are_right(short: PdfReader) -> None:
    pages = bookmarks(short)
    lines = short.pages[1].extract_text(extraction_mode="layout")

    for number, title in (("8.3.4", "Lockout"), ("8.3.9", "Password age")):
        row = re.search(rf"{re.escape(number)}\s+{title}\s.*\s(\d+)\n", lines)
        assert row, title
        assert int(row[1]) == pages[f"{number} {title}"] + 1


def test_a_long_table_is_cut_with_a_sentence_that_names_the_file(
    long: tuple[BuiltReport, PdfReader],
) -> None:
    sample, reader = long
    pages = bookmarks(reader)
    first = pages["List: 8.2.6 Inactive accounts, over 90 days (5,001 rows)"]
    following = pages["List: 8.3.9 Passwords that expire (5,001 rows)"]
    [*_, last_printed, cut] = (str(row[0]) for row in sample.tables.rows("inactive"))

    assert "The first 5,000 of 5,001 rows" in words(reader, first)
    assert "lists/inactive.csv" in words(reader, first)
    end = words(reader, following - 1) + words(reader, following)
    assert last_printed in end
    assert cut not in end


def test_the_head_of_a_table_is_on_every_page_of_it(long: tuple[BuiltReport, PdfReader]) -> None:
    _, reader = long
    title = "8.2.6 Inactive accounts, over 90 days (5,001 rows)"
    pages = bookmarks(reader)
    first = pages[f"List: {title}"]
    last = pages["List: 8.3.9 Passwords that expire (5,001 rows)"] - 1

    assert last - first > 100
    for page in (first, first + 1, (first + last) // 2, last):
        assert title in words(reader, page)
        assert "Last sign in" in words(reader, page)


def test_no_more_rows_are_read_than_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_ROWS", 30)
    sample, read = sample_report(), dict.fromkeys(("inactive", "passwords"), 0)

    def rows(key: str) -> Iterator[Row]:
        for row in sample.tables.rows(key):
            read[key] = read.get(key, 0) + 1
            yield row

    list(pdf.stream(content(sample, rows=rows)))
    assert (read["inactive"], read["passwords"]) == (30, 30)


def test_acknowledgements_are_printed() -> None:
    signed = SignOff(by="ann (Default)", at=MONDAY + timedelta(days=8), remark="Seen.")
    reader = printed(sample_report(), sign_offs=[signed])

    assert "ann (Default), 24 Nov 2026, 00:00:00 UTC: “Seen.”" in pdf_text(reader)


def test_a_chart_has_its_legend_and_every_text_of_the_drawing(short: PdfReader) -> None:
    [bars] = [bars for section in sample_report().report.sections for bars in section.bars]
    drawing = charts.columns(text.chart(bars))
    page = bookmarks(short)["8.3.4 Lockout"]
    on_page = f"{words(short, page)} {words(short, page + 1)}".split()

    for label in ("locks", "unlocks"):
        assert label in on_page
    assert "locks:" not in on_page  # accounts in a state have no sum over days
    for mark in drawing.texts:
        assert set(mark.text.split()) <= set(on_page)


def test_threads_print_at_once() -> None:
    samples = [sample_report(5, seed) for seed in range(2)]
    one_by_one = [pdf_text(printed(sample)) for sample in samples]
    with ThreadPoolExecutor(2) as pool:
        at_once = list(pool.map(lambda sample: pdf_text(printed(sample)), samples))

    assert at_once == one_by_one


# --- Names ---------------------------------------------------------------------------------------
def drawn_glyphs(document: Document, name: str) -> list[object]:
    """Print a name and return the outlines of its glyphs, from left to right."""
    document.write_line(50, 200, name, CELL, is_name=True)
    reader = PdfReader(io.BytesIO(document.finish()))
    page = reader.pages[0]
    [font] = page["/Resources"]["/Font"].values()  # type: ignore[index] # a dictionary
    inner = font.get_object()["/DescendantFonts"][0].get_object()
    glyph_of = inner["/CIDToGIDMap"].get_object().get_data()
    file = inner["/FontDescriptor"].get_object()["/FontFile2"].get_object().get_data()
    embedded, here, outlines = TTFont(io.BytesIO(file)), False, []
    for operands, operator in ContentStream(page.get_contents(), reader).operations:
        if operator == b"Td":
            here = operands[1] == pytest.approx(document.h - 200, abs=0.1)
        if operator in {b"Tj", b"TJ"} and here:
            shown = operands[0] if operator == b"TJ" else [operands[0]]
            strings = [part for part in shown if isinstance(part, str | bytes)]
            for code in (code for part in strings for code in _codes(part)):
                glyph = int.from_bytes(glyph_of[2 * code : 2 * code + 2], "big")
                outlines.append(_outline(embedded, glyph))
    return outlines


def _codes(part: str | bytes) -> list[int]:
    if isinstance(part, bytes):
        return [int.from_bytes(part[i : i + 2], "big") for i in range(0, len(part), 2)]
    return [ord(character) for character in part]


def _outline(font: TTFont, glyph: int) -> object:
    table = font["glyf"]
    coordinates, ends, flags = table[font.getGlyphName(glyph)].getCoordinates(table)
    return list(coordinates), list(ends), list(flags)


def shaped_glyphs(*runs: str) -> list[object]:
    """Return the outlines that HarfBuzz gives for these runs, from left to right."""
    font, outlines = TTFont(io.BytesIO(FIRAGO)), []
    for run in runs:
        buffer = uharfbuzz.Buffer()
        buffer.add_str(run)
        buffer.guess_segment_properties()
        uharfbuzz.shape(uharfbuzz.Font(uharfbuzz.Face(FIRAGO)), buffer)
        outlines += [_outline(font, info.codepoint) for info in buffer.glyph_infos]
    return outlines


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("ann", ["ann"]),
        ("محمد", ["محمد"]),  # joined, from right to left
        ("محمد علي", ["محمد علي"]),
        ("לאה כהן", ["לאה כהן"]),
        ("ab דוד cd", ["ab ", "דוד", " cd"]),
        ("ab דוד 12", ["ab ", "12", "דוד "]),  # the number follows to the left
        ("دعم 12 ab", ["ab", " ", "12", "دعم "]),
        ("हिन्दी", ["हिन्दी"]),  # its second sign stands before its first
        ("e\u0301a\u0323", ["e\u0301a\u0323"]),
    ],
)
def test_names_are_shaped_and_ordered_as_harfbuzz_does(
    document: Document, name: str, runs: list[str]
) -> None:
    assert drawn_glyphs(document, name) == shaped_glyphs(*runs)


def test_the_first_font_follows_a_name_in_the_second(document: Document) -> None:
    for line in ("ann", "Ḫamza", "ann"):
        document.write_line(50, 200, line, CELL)
    reader = PdfReader(io.BytesIO(document.finish()))
    operations = ContentStream(reader.pages[0].get_contents(), reader).operations
    fonts = [operands for operands, operator in operations if operator == b"Tf"]

    assert [font for font, _ in fonts].count("/F2") == 1
    assert fonts[-1] == ["/F1", 8]


def test_arabic_letters_are_joined() -> None:
    letters = [glyph for letter in "محمد" for glyph in shaped_glyphs(letter)]

    assert not {str(glyph) for glyph in letters[:3]} & {str(g) for g in shaped_glyphs("محمد")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Köln Москва Αθήνα", "Köln Москва Αθήνα"),
        ("Ḫamza", "Ḫamza"),  # only the second font has its first letter
        ("山田", "\\u5c71\\u7530"),
        ("😀 mallory", "\\U0001f600 mallory"),
        ("{nb}", "{nb}"),  # in other documents the number of pages
    ],
)
def test_characters_that_no_font_has_are_escapes(
    document: Document, name: str, expected: str
) -> None:
    document.write_line(50, 200, name, CELL)

    assert expected in pdf_text(PdfReader(io.BytesIO(document.finish())))


@pytest.mark.parametrize(
    ("name", "room", "expected"),
    [
        ("one two three", 1000, ["one two three"]),
        ("one two three", 45, ["one two", "three"]),
        ("x" * 30, 60, 3),
        ("", 40, [""]),
        ("محمد علي عبد الرحمن", 50, ["محمد علي", "عبد الرحمن"]),
    ],
)
def test_lines_break_at_spaces_and_in_long_words(
    document: Document, name: str, room: float, expected: list[str] | int
) -> None:
    lines = document.lines(name, BODY, room)

    assert lines == expected or len(lines) == expected
    assert all(document.width(line, BODY) <= room for line in lines)


def test_too_many_lines_end_in_an_ellipsis(document: Document) -> None:
    lines = document.lines("x" * 1000, BODY, 60, most=3)

    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert document.width(lines[-1], BODY) <= 60
