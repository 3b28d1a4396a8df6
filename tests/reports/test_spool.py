"""Rows of any number are hashed, compressed and returned as they came."""

from __future__ import annotations

import hashlib
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.lib.canonical import canonical, digest
from pciops.reports import spool
from pciops.reports.spool import ReportTables, Spool
from pciops.reports.value import Cell, Row
from tests.reports.samples import ACCOUNT

cells: st.SearchStrategy[Cell] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(exclude_categories=["Cs"]))
)


@given(st.lists(st.lists(cells, max_size=4).map(tuple), max_size=20))
def test_a_spool_returns_its_rows_and_hashes_their_canonical_json(rows: list[Row]) -> None:
    lines = [
        json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False) for row in rows
    ]
    text = "".join(f"{line}\n" for line in lines)
    filled = Spool.of(rows)

    assert (list(filled.rows()), filled.count, filled.first) == (rows, len(rows), rows)
    assert filled.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_rows_beyond_a_chunk_and_beyond_memory_are_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spool, "CHUNK_ROWS", 4)
    monkeypatch.setattr(spool, "IN_MEMORY", 200)
    rows = [(number, "x" * 30) for number in range(1000)]
    filled = Spool.of(rows)

    assert len(list(filled.chunks())) == 250
    assert list(filled.rows()) == rows


def test_chunks_of_long_rows_are_small_enough_for_a_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spool, "CHUNK_SIZE", 100)
    rows = [(number, "é" * 30) for number in range(50)]
    filled = Spool.of([*rows, (50, "é" * 300)])
    sizes = [len(zlib.decompress(chunk.data)) for chunk in filled.chunks()]

    assert all(size <= 100 for size in sizes[:-1])
    assert list(filled.rows())[:50] == rows
    assert filled.sha256 == Spool.of(list(filled.rows())).sha256


def test_a_full_disk_is_an_error_of_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool, "CHUNK_ROWS", 1)
    filled = Spool()
    monkeypatch.setattr(filled._file, "write", write)

    filled.append(("x" * 100,))

    with pytest.raises(OSError, match="No space left"):
        filled.append(("x" * 100,))


def test_pages_show_only_the_first_rows() -> None:
    rows = ((number,) for number in range(spool.FIRST_ROWS + 1))

    assert len(Spool.of(rows).first) == spool.FIRST_ROWS


def test_rows_are_appended_after_some_were_read() -> None:
    filled = Spool.of([(1,)])
    list(filled.rows())
    filled.append((2,))

    assert list(filled.rows()) == [(1,), (2,)]


@pytest.mark.parametrize("text", ["\r", "\n", "\u2028", "\0", '"', "\\", "],["])
def test_no_text_ends_a_row(text: str) -> None:
    rows = [(text, 1), (text, 2)]
    filled = Spool.of(rows)

    assert list(filled.rows()) == rows
    assert filled.sha256 == digest("".join(f"{canonical(row)}\n" for row in rows))


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    assert Spool.of([("a\ud800",)]).first == [("a?",)]


def test_two_tables_with_one_key_are_an_error() -> None:
    tables = ReportTables()
    tables.add("locked", "Locked", ACCOUNT, [])

    with pytest.raises(ValueError, match="locked"):
        tables.add("locked", "Locked again", ACCOUNT, [])
