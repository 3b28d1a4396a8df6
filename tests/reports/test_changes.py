"""Differences between two reports: new and gone accounts, and the change of figures."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.reports import changes
from pciops.reports.changes import ListChange
from pciops.reports.value import Figure, Report, Row
from tests.reports.samples import (
    ACCOUNT,
    columns,
    make_figure,
    make_header,
    make_section,
    make_table,
)


def report(rows: Iterable[Row], figures: tuple[Figure, ...] = ()) -> tuple[Report, list[Row]]:
    """Return a report with one table of these rows."""
    listed = list(rows)
    table = make_table("inactive", "Inactive", ACCOUNT, listed)
    section = make_section("8.2.6", tables=(table,), figures=figures)
    return Report(header=make_header(), sections=(section,), gaps=()), listed


def compared(before: Iterable[Row], after: Iterable[Row]) -> ListChange:
    was, rows_before = report(before)
    now, rows_after = report(after)
    [change] = changes.list_changes(was, lambda _: rows_before, now, lambda _: rows_after)
    return change


def account(number: int, name: str = "ann") -> Row:
    return f"id-{number}", name, "Default"


ids = st.lists(st.integers(0, 40))


@settings(deadline=None)
@given(before=ids, after=ids)
def test_accounts_of_one_side_are_new_or_gone(before: list[int], after: list[int]) -> None:
    change = compared(map(account, before), map(account, after))
    new, gone = set(after) - set(before), set(before) - set(after)

    assert {row[0] for row in change.new.rows} == {f"id-{number}" for number in new}
    assert {row[0] for row in change.gone.rows} == {f"id-{number}" for number in gone}
    assert (change.new.count, change.gone.count) == (len(new), len(gone))
    assert change.stayed == len(set(before) & set(after))


def test_an_account_with_another_name_stays() -> None:
    change = compared([account(1, "ann")], [account(1, "anna")])

    assert (change.new.count, change.gone.count, change.stayed) == (0, 0, 1)


def test_only_the_first_are_named_and_all_are_counted() -> None:
    change = compared([], map(account, range(changes.NAMED + 5)))

    assert change.new.count == changes.NAMED + 5
    assert len(change.new.rows) == changes.NAMED


def test_a_table_of_events_is_not_compared() -> None:
    rows: list[Row] = [(*account(1), "2026-11-20T10:00:00Z")]
    heads = (*ACCOUNT, *columns(at="instant"))
    table = make_table("unlocks", "Unlocks", heads, rows, identity=("user_id", "at"))
    both = Report(header=make_header(), sections=(make_section("8", tables=(table,)),), gaps=())

    assert list(changes.list_changes(both, lambda _: rows, both, lambda _: rows)) == []


def test_a_table_that_the_earlier_report_lacks_is_not_compared() -> None:
    now, rows = report([account(1)])
    was = Report(header=make_header(), sections=(), gaps=())

    assert list(changes.list_changes(was, lambda _: [], now, lambda _: rows)) == []


def test_figures_have_their_numbers_in_both() -> None:
    was, _ = report([], figures=(make_figure("inactive", "inactive", 3),))
    figures = (make_figure("inactive", "inactive", 5), make_figure("new", "new", 1))
    now, _ = report([], figures=figures)

    assert [
        (change.figure.key, change.before, change.after, change.difference)
        for change in changes.figure_changes(was, now)
    ] == [("inactive", 3, 5, 2), ("new", None, 1, None)]
