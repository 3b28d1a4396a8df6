"""The four renderings of a report agree, number by number, whatever is in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pciops.lib.canonical import canonical
from pciops.reports.archive import codec
from pciops.reports.render import csv, html
from pciops.reports.render import json as jsons
from pciops.reports.render.pdf import pdf
from tests.reports import reading
from tests.reports.any_report import changes, numbers, reports
from tests.reports.made_up import HOSTILE, Kept, believable

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "report.schema.json").read_text()
)
# A PDF takes a second to write and to read.
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
slow = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def renumbered(draw: st.DrawFn) -> Kept:
    """The believable report with any numbers in it."""
    kept = believable(draw(st.integers(0, 30)))
    sections = tuple(
        replace(
            section,
            figures=tuple(
                replace(figure, number=draw(st.none() | numbers), change=draw(changes))
                for figure in section.figures
            ),
        )
        for section in kept.report.sections
    )
    return replace(kept, report=replace(kept.report, sections=sections))


@slow
@given(kept=reports())
@pytest.mark.parametrize("read", [reading.from_html, reading.from_json, reading.from_csv])
def test_every_figure_and_every_count_is_that_of_the_value(read, kept: Kept) -> None:  # type: ignore[no-untyped-def]
    assert read(kept) == reading.from_value(kept)


@few
@given(kept=renumbered())
def test_the_pdf_has_the_same_figures_and_counts(kept: Kept) -> None:
    data = pdf.render(kept.report, kept.rows)

    assert reading.from_pdf(kept, data) == reading.from_value(kept) == reading.from_html(kept)


@few
@given(kept=reports())
def test_any_report_can_be_printed(kept: Kept) -> None:
    assert pdf.render(kept.report, kept.rows).startswith(b"%PDF-")


@slow
@given(kept=reports())
def test_the_json_is_what_the_published_schema_says(kept: Kept) -> None:
    found = json.loads("".join(jsons.stream(kept.report, kept.rows)))

    Draft202012Validator(SCHEMA).validate(found)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@slow
@given(kept=reports())
def test_json_and_csv_have_every_row_as_it_is(kept: Kept) -> None:
    found = reading.document(kept)
    lines = reading.files(kept)

    for key, rows in kept.lists.items():
        assert [tuple(row) for row in found["rows"][key]] == rows
        assert len(lines[f"lists/{key}.csv"]) == len(rows) + 1


@slow
@given(kept=reports())
def test_the_hash_of_the_report_is_over_what_the_json_has(kept: Kept) -> None:
    found = reading.document(kept)["report"]

    assert canonical(found) == codec.text(kept.report)


def test_no_cell_of_the_csv_begins_a_formula() -> None:
    kept = believable()

    for lines in reading.files(kept).values():
        for line in lines:
            for cell in line:
                assert not cell.startswith(("=", "+", "@", "\t", "\r"))
                assert not cell.startswith("-") or cell[1:].isdigit()


def test_no_name_is_markup_in_the_html() -> None:
    page = reading.page(believable())

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "</table><b>" not in page


def test_control_characters_are_escapes_on_the_page_and_on_paper() -> None:
    kept = believable()
    page, words = reading.page(kept), reading.text(pdf.render(kept.report, kept.rows))

    for character in ("\u202e", "\x07", "\x00"):
        for text in (page, words):
            assert character not in text
            assert character.encode("unicode_escape").decode() in text


def test_the_html_file_needs_nothing_from_elsewhere() -> None:
    page = reading.page(believable())

    for reference in ("<link", "<script", "<img", "src=", "url(/", "http", " style="):
        assert reference not in page.replace("url(#", "")


def test_hostile_names_are_whole_in_the_json() -> None:
    found = json.dumps(reading.document(believable()))

    for name in HOSTILE:
        assert json.dumps(name)[1:-1] in found


def test_two_zips_of_one_report_are_the_same() -> None:
    kept = believable()

    assert b"".join(csv.stream(kept.report, kept.rows)) == b"".join(
        csv.stream(kept.report, kept.rows)
    )


def test_a_list_that_breaks_off_leaves_no_whole_file() -> None:
    kept = believable()

    def rows(key: str):  # type: ignore[no-untyped-def]
        yield from list(kept.rows(key))[:1]
        raise OSError("gone")

    for stream in (csv.stream, jsons.stream):
        with pytest.raises(OSError, match="gone"):
            list(stream(kept.report, rows))


def test_html_says_that_a_list_is_cut_and_where_it_is_whole() -> None:
    page = "".join(html.stream(believable(700).report, lambda key: []))

    assert "The first 500 of 700 rows. All of them are in lists/inactive.csv" in page
