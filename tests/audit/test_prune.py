"""Tests of pruning: old rows are deleted, and the chain can still be verified."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils.crypto import salted_hmac
from pytest_django import Settings

from pciops.audit import chain, prune, services
from pciops.audit.chain import verify
from pciops.audit.models import Event, PruneStub
from pciops.lib import times
from tests.audit.helpers import chained, forge, open_event, record
from tests.factories import NOW

pytestmark = pytest.mark.django_db

BEGIN = NOW - timedelta(days=500)


@pytest.fixture
def old() -> None:
    """Ten rows, fifty days apart, the last of them fifty days old; three are too old to keep."""
    chained(10, start=BEGIN, step=timedelta(days=50))


def positions() -> list[int | None]:
    rows = Event.objects.exclude(position=None).order_by("position")
    return list(rows.values_list("position", flat=True))


@pytest.mark.usefixtures("old")
def test_old_rows_are_replaced_by_a_stub_and_a_row() -> None:
    last = Event.objects.get(position=3)
    prune.prune(NOW)
    stub = PruneStub.objects.get()

    assert positions() == [4, 5, 6, 7, 8, 9, 10, 11]
    assert (stub.first_position, stub.last_position, stub.count) == (1, 3, 3)
    assert stub.last_hash == last.hash
    assert Event.objects.get(action="delete/trail").remark == f"rows 1 to 3, the last {last.hash}"
    assert (verify().problem, verify().rows, verify().position) == ("", 8, 11)


@pytest.mark.usefixtures("old")
def test_pruning_continues_after_the_last_stub() -> None:
    prune.prune(NOW)
    assert prune.prune(NOW) is None
    prune.prune(NOW + timedelta(days=100))

    stubs = PruneStub.objects.values_list("first_position", "last_position")
    assert list(stubs) == [(1, 3), (4, 5)]
    assert verify().problem == ""


def test_empty_audit_log_is_not_pruned() -> None:
    assert prune.prune(NOW) is None


@pytest.mark.usefixtures("old")
def test_months_are_a_setting(settings: Settings) -> None:
    settings.TRAIL_MONTHS = 12
    prune.prune(NOW)

    assert positions()[0] == 4


def test_pending_act_is_not_pruned() -> None:
    event = open_event(now=BEGIN)
    prune.prune(NOW)

    assert services.settle(event, Event.Outcome.SUCCESS).position == 3


@pytest.mark.usefixtures("old")
def test_broken_chain_is_not_pruned() -> None:
    forge("UPDATE audit_event SET remark = 'forged' WHERE position = 2")

    with pytest.raises(prune.BrokenChainError, match="row 2"):
        prune.prune(NOW)
    assert positions()[0] == 1


@pytest.mark.usefixtures("old")
def test_whole_chain_can_be_pruned() -> None:
    prune.prune(NOW + timedelta(days=5000))

    assert verify().problem == ""
    assert record().position == 12


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_stub SET last_hash = 'forged'",
        "UPDATE audit_stub SET count = 2",
        "UPDATE audit_stub SET last_position = 4",
        "UPDATE audit_stub SET signature = 'é'",
        "",
    ],
    ids=["hash", "count", "position", "signature", "another key"],
)
def test_verification_finds_a_forged_stub(settings: Settings, tmp_path: Path, sql: str) -> None:
    prune.prune(NOW)
    if sql:
        forge(sql)
    else:
        settings.EVIDENCE_KEY_FILE = str(tmp_path / "another")

    assert "signature is not from the evidence key" in verify().problem


@pytest.mark.usefixtures("old")
def test_stub_of_0_1_0_stays_verifiable_after_a_rotation(settings: Settings) -> None:
    prune.prune(NOW)
    text = chain.stub_text(PruneStub.objects.get())
    signature = salted_hmac("pciops.audit.stub", text, algorithm="sha256").hexdigest()
    forge("UPDATE audit_stub SET signature = %s", signature)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    assert verify().problem
    settings.SECRET_KEY_FALLBACKS = [old]

    assert not verify().problem


@pytest.mark.usefixtures("old")
def test_verification_finds_rows_deleted_without_a_stub() -> None:
    forge("DELETE FROM audit_event WHERE position < 4")

    assert "row 1 and later before it is missing" in verify().problem


@pytest.mark.usefixtures("old")
def test_database_refuses_to_delete_rows_without_a_stub() -> None:
    prune.prune(NOW)

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM audit_event WHERE position = 4")


@pytest.mark.parametrize(
    ("months", "expected"),
    [(12, (2027, 3, 31)), (13, (2027, 2, 28)), (1, (2028, 2, 29)), (3, (2027, 12, 31))],
)
def test_months_are_calendar_months(months: int, expected: tuple[int, int, int]) -> None:
    now = datetime(2028, 3, 31, tzinfo=UTC)

    assert times.months_before(now, months) == datetime(*expected, tzinfo=UTC)
