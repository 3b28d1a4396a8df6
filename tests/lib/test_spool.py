"""Rows of any number are hashed, packed and given back as they came."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.lib import spool
from pciops.lib.spool import Cell, Row, Spool

cells: st.SearchStrategy[Cell] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(exclude_categories=["Cs"]))
)


@given(st.lists(st.lists(cells, max_size=4).map(tuple), max_size=20))
def test_what_was_taken_is_given_back(rows: list[Row]) -> None:
    found = Spool.of(rows)

    assert (list(found.rows()), found.count, found.first) == (rows, len(rows), rows)


@given(st.lists(st.lists(cells, max_size=4).map(tuple), max_size=20))
def test_anybody_can_compute_the_hash(rows: list[Row]) -> None:
    lines = [
        json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False) for row in rows
    ]
    text = "".join(f"{line}\n" for line in lines)

    assert Spool.of(rows).sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_rows_beyond_a_chunk_and_beyond_memory_are_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spool, "LINES", 100)
    monkeypatch.setattr(spool, "IN_MEMORY", 200)
    rows = [(number, "x" * 30) for number in range(1000)]
    found = Spool.of(rows)

    assert len(list(found.chunks())) > 200
    assert list(found.rows()) == rows


def test_only_the_first_rows_stay_at_hand() -> None:
    assert len(Spool.of((number,) for number in range(spool.FIRST + 1)).first) == spool.FIRST


def test_rows_are_taken_after_some_were_given_back() -> None:
    found = Spool.of([(1,)])
    list(found.rows())
    found.append((2,))

    assert list(found.rows()) == [(1,), (2,)]


@pytest.mark.parametrize("text", ["\r", "\n", "\u2028", "\0", '"', "\\"])
def test_no_character_ends_a_row(text: str) -> None:
    assert list(Spool.of([(text, 1)]).rows()) == [(text, 1)]


def test_half_a_character_becomes_a_question_mark() -> None:
    assert Spool.of([("a\ud800",)]).first == [("a?",)]
