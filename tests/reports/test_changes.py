"""Differences between two reports: who is new, who left, and what the figures did."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.lib.evidence import Cell, Column
from pciops.reports import changes
from pciops.reports.value import Report
from tests.reports.made_up import ACCOUNT, figure, header, section, table

WHEN = (*ACCOUNT, Column(key="at", title="At", kind="instant"))
Row = tuple[Cell, ...]


def report(rows: Iterable[Row], **more: object) -> tuple[Report, list[Row]]:
    """A report with one list of these rows."""
    found = list(rows)
    listed = table("inactive", "Inactive", ACCOUNT, found)
    one = section("8.2.6", "8.2.6", "", "Inactive", "", tables=(listed,), **more)
    return Report(header=header(), sections=(one,), gaps=()), found


def compared(before: Iterable[Row], after: Iterable[Row]) -> changes.Changed:
    was, rows_before = report(before)
    now, rows_after = report(after)
    [found] = changes.lists(was, lambda _: rows_before, now, lambda _: rows_after)
    return found


def account(number: int, name: str = "ann") -> Row:
    return f"id-{number}", name, "Default"


ids = st.lists(st.integers(0, 40), unique=True)


@given(before=ids, after=ids)
def test_whoever_is_on_one_side_alone_is_new_or_gone(before: list[int], after: list[int]) -> None:
    found = compared(map(account, before), map(account, after))

    assert {row[0] for row in found.new.rows} == {f"id-{n}" for n in set(after) - set(before)}
    assert {row[0] for row in found.gone.rows} == {f"id-{n}" for n in set(before) - set(after)}
    assert found.stayed == len(set(before) & set(after))


@settings(deadline=None)
@given(before=ids, after=ids)
def test_lists_longer_than_a_run_are_compared_alike(before: list[int], after: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "RUN", 3)
        found = compared(map(account, before), map(account, after))

    assert found.new.count == len(set(after) - set(before))
    assert found.gone.count == len(set(before) - set(after))


def test_an_account_with_another_name_is_the_same() -> None:
    found = compared([account(1, "ann")], [account(1, "anna")])

    assert (found.new.count, found.gone.count, found.stayed) == (0, 0, 1)


def test_only_the_first_are_named_and_all_are_counted() -> None:
    found = compared([], map(account, range(changes.NAMED + 5)))

    assert found.new.count == changes.NAMED + 5
    assert len(found.new.rows) == changes.NAMED


def test_a_list_of_what_happened_is_not_compared() -> None:
    rows: list[Row] = [(*account(1), "2026-11-20T10:00:00Z")]
    listed = table("unlocks", "Unlocks", WHEN, rows, identity=("user_id", "at"))
    one = section("8.3.4", "8.3.4", "", "Locks", "", tables=(listed,))
    both = Report(header=header(), sections=(one,), gaps=())

    assert list(changes.lists(both, lambda _: rows, both, lambda _: rows)) == []


def test_a_list_that_the_earlier_report_lacks_is_not_compared() -> None:
    now, rows = report([account(1)])
    was = Report(header=header(), sections=(), gaps=())

    assert list(changes.lists(was, lambda _: [], now, lambda _: rows)) == []


def test_figures_stand_side_by_side() -> None:
    was, _ = report([], figures=(figure("inactive", "inactive", 3),))
    now, _ = report([], figures=(figure("inactive", "inactive", 5), figure("new", "new", 1)))

    found = [(it.figure.key, it.before, it.after) for it in changes.figures(was, now)]
    assert found == [("inactive", 3, 5), ("new", None, 1)]
