"""Pruning: what is too old goes, and the chain stays provable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from pciops.audit import prune, services
from pciops.audit.chain import verify
from pciops.audit.models import Event, PruneStub
from pciops.lib import times
from tests.audit.acts import chained, forge, open_event, record
from tests.factories import NOW

pytestmark = pytest.mark.django_db

BEGIN = NOW - timedelta(days=500)


@pytest.fixture
def old() -> None:
    """Ten rows, fifty days apart, the last of them fifty days old; three are too old to keep."""
    chained(10, start=BEGIN, step=timedelta(days=50))


def positions() -> list[int | None]:
    """The rows that are left."""
    found = Event.objects.exclude(position=None).order_by("position")
    return list(found.values_list("position", flat=True))


@pytest.mark.usefixtures("old")
def test_rows_that_are_old_enough_go() -> None:
    prune.prune(NOW)

    assert positions() == [4, 5, 6, 7, 8, 9, 10, 11]


@pytest.mark.usefixtures("old")
def test_a_stub_takes_their_place() -> None:
    last = Event.objects.get(position=3)
    prune.prune(NOW)
    stub = PruneStub.objects.get()

    assert (stub.first_position, stub.last_position, stub.count) == (1, 3, 3)
    assert stub.last_hash == last.hash


@pytest.mark.usefixtures("old")
def test_the_chain_is_still_provable() -> None:
    prune.prune(NOW)

    assert (verify().problem, verify().rows, verify().position) == ("", 8, 11)


@pytest.mark.usefixtures("old")
def test_pruning_is_in_the_trail() -> None:
    stub = prune.prune(NOW)
    assert stub is not None
    row = Event.objects.get(action="delete/trail")

    assert row.remark == f"rows 1 to 3, the last {stub.last_hash}"


@pytest.mark.usefixtures("old")
def test_pruning_goes_on_where_it_ended() -> None:
    prune.prune(NOW)
    prune.prune(NOW + timedelta(days=100))

    assert list(PruneStub.objects.values_list("first_position", "last_position")) == [
        (1, 3),
        (4, 5),
    ]
    assert verify().problem == ""


@pytest.mark.usefixtures("old")
def test_what_was_pruned_once_is_not_pruned_again() -> None:
    prune.prune(NOW)

    assert prune.prune(NOW) is None


def test_an_empty_trail_has_nothing_to_prune() -> None:
    assert prune.prune(NOW) is None


@pytest.mark.usefixtures("old")
def test_the_months_are_a_setting(settings: Settings) -> None:
    settings.TRAIL_MONTHS = 12
    prune.prune(NOW)

    assert positions()[0] == 4


def test_an_act_that_is_still_pending_stays() -> None:
    event = open_event(now=BEGIN)
    prune.prune(NOW)

    assert services.settle(event, Event.Outcome.SUCCESS).position == 1


@pytest.mark.usefixtures("old")
def test_a_chain_that_does_not_fit_is_not_pruned() -> None:
    forge("UPDATE audit_event SET remark = 'forged' WHERE position = 2")

    with pytest.raises(prune.BrokenChainError, match="row 2"):
        prune.prune(NOW)
    assert positions()[0] == 1


@pytest.mark.usefixtures("old")
def test_a_whole_chain_may_be_too_old() -> None:
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
    ],
)
def test_a_forged_stub_is_found(sql: str) -> None:
    prune.prune(NOW)
    forge(sql)

    assert "its signature is not of this PCIOPS_SECRET_KEY" in verify().problem


@pytest.mark.usefixtures("old")
def test_a_stub_of_another_key_is_found(settings: Settings) -> None:
    prune.prune(NOW)
    settings.SECRET_KEY = "another"

    assert "its signature is not of this PCIOPS_SECRET_KEY" in verify().problem


@pytest.mark.usefixtures("old")
def test_rows_that_vanish_without_a_stub_are_missed() -> None:
    forge("DELETE FROM audit_event WHERE position < 4")

    assert "gap before it, row 1 and later is missing" in verify().problem


@pytest.mark.usefixtures("old")
def test_the_database_lets_nothing_go_that_has_no_stub() -> None:
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
def test_months_are_those_of_the_calendar(months: int, expected: tuple[int, int, int]) -> None:
    now = datetime(2028, 3, 31, tzinfo=UTC)

    assert times.months_before(now, months) == datetime(*expected, tzinfo=UTC)
