"""Verification: whatever was done to the reports, the first thing that does not fit is named."""

from __future__ import annotations

import zlib
from datetime import timedelta

import pytest
from django.db import connection
from pytest_django import Settings

from pciops.audit.models import Event
from pciops.reports.archive import chain, prune, store
from pciops.reports.models import ReportStub, Rows, SignOff, StoredReport
from tests.audit.helpers import forge
from tests.factories import NOW, make_initiator
from tests.reports.keeping import kept

pytestmark = pytest.mark.django_db


@pytest.fixture
def three() -> list[StoredReport]:
    """A chain of three."""
    return [
        kept(week, seed=number) for number, week in enumerate(("2026-W44", "2026-W45", "2026-W46"))
    ]


def problem() -> str:
    return chain.verify().problem


def test_reports_that_nobody_touched_fit(three: list[StoredReport]) -> None:
    kept(domain_id="other")

    assert (problem(), chain.verify().reports) == ("", 4)


def test_without_reports_all_fit() -> None:
    assert (problem(), chain.verify().reports) == ("", 0)


def test_a_figure_altered_by_hand_is_found(three: list[StoredReport]) -> None:
    text = three[1].text.replace('"number":', '"number":1', 1)
    forge(
        "UPDATE reports_storedreport SET content = %s WHERE id = %s",
        zlib.compress(text.encode()),
        three[1].pk,
    )

    assert problem() == (
        "report 2026-W45, revision 1: content changed, its hash is not that of what it says"
    )


def test_a_report_altered_with_its_hash_breaks_the_next(three: list[StoredReport]) -> None:
    from pciops.lib.canonical import digest

    text = three[1].text.replace('"number":', '"number":1', 1)
    forge(
        "UPDATE reports_storedreport SET content = %s, hash = %s, figures = %s WHERE id = %s",
        zlib.compress(text.encode()),
        digest(text),
        three[1].figures,
        three[1].pk,
    )

    assert problem() != ""


@pytest.mark.parametrize(
    ("column", "value"),
    [("week", "2026-W01"), ("revision", 7), ("domain_id", "x"), ("figures", "[]")],
)
def test_a_column_altered_by_hand_is_found(
    column: str, value: object, three: list[StoredReport]
) -> None:
    forge(f"UPDATE reports_storedreport SET {column} = %s WHERE id = %s", value, three[2].pk)

    assert problem() != ""


def test_a_row_of_a_list_altered_by_hand_is_found(three: list[StoredReport]) -> None:
    row = Rows.objects.filter(report=three[1]).first()
    assert row is not None
    lines = zlib.decompress(bytes(row.data)).replace(b"a", b"b", 1)
    forge("UPDATE reports_rows SET data = %s WHERE id = %s", zlib.compress(lines), row.pk)

    assert problem() == f"report 2026-W45, revision 1: rows of its list {row.table} were changed"


def test_rows_that_are_missing_are_found(three: list[StoredReport]) -> None:
    row = Rows.objects.filter(report=three[1]).first()
    assert row is not None
    forge("DELETE FROM reports_rows WHERE id = %s", row.pk)

    assert f"rows of its list {row.table} were changed" in problem()


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "number 1 of its chain, is missing"), (1, "number 2 of its chain"), (2, "is missing")],
)
def test_a_report_that_is_missing_is_found(
    number: int, words: str, three: list[StoredReport]
) -> None:
    _delete(three[number])

    assert words in problem()


def test_all_reports_gone_is_found(three: list[StoredReport]) -> None:
    for one in three:
        _delete(one)

    assert "report 2026-W44, revision 1 is missing" in problem()


def _delete(stored: StoredReport) -> None:
    """As somebody with the database's own login would."""
    with connection.constraint_checks_disabled():
        forge("DELETE FROM reports_rows WHERE report_id = %s", stored.pk)
        forge("DELETE FROM reports_storedreport WHERE id = %s", stored.pk)


# --- Pruning -------------------------------------------------------------------------------------
@pytest.fixture
def short(settings: Settings) -> None:
    settings.REPORT_MONTHS = 12


LATER = NOW + timedelta(days=355)  # W44 and W45 are older than a year then, W46 is not


def test_what_is_too_old_goes_and_the_rest_fits(three: list[StoredReport], short: None) -> None:
    store.sign_off(three[0], initiator=make_initiator(), remark="", now=NOW)
    [stub] = prune.prune(LATER)

    assert (stub.first_position, stub.last_position, stub.last_hash) == (1, 2, three[1].hash)
    assert (problem(), chain.verify().reports) == ("", 1)
    assert not SignOff.objects.exists()


def test_pruning_is_in_the_trail(three: list[StoredReport], short: None) -> None:
    prune.prune(LATER)

    assert Event.objects.get(action="delete/trail").resource == "reports"


def test_nothing_that_is_young_goes(three: list[StoredReport]) -> None:
    assert prune.prune(LATER) == []


def test_what_does_not_fit_is_not_pruned(
    three: list[StoredReport], short: None, caplog: pytest.LogCaptureFixture
) -> None:
    forge("UPDATE reports_rows SET data = %s WHERE report_id = %s", b"x", three[0].pk)

    assert prune.prune(LATER) == []
    assert "not pruned" in caplog.text


def test_a_stub_of_somebody_else_is_found(three: list[StoredReport], short: None) -> None:
    prune.prune(LATER)
    ReportStub.objects.update(last_hash="0" * 64)

    assert "its signature is not of this PCIOPS_SECRET_KEY" in problem()


def test_after_pruning_the_chain_goes_on(three: list[StoredReport], short: None) -> None:
    prune.prune(LATER)
    kept("2026-W47")

    assert (problem(), chain.verify().reports) == ("", 2)


def test_a_chain_that_was_pruned_away_goes_on(three: list[StoredReport], short: None) -> None:
    prune.prune(NOW + timedelta(days=500))
    stored = kept("2026-W47")

    assert (problem(), stored.position, stored.previous_hash) == ("", 4, three[2].hash)
