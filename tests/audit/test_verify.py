"""Verification: whatever was done to the trail, the first row that does not fit is named."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from pciops.audit import chain
from pciops.audit.models import ChainCheck, ChainHead, Event
from tests.audit.acts import chained, forge, open_event, record
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def five() -> list[Event]:
    """A chain of five rows."""
    chained(5)
    return list(Event.objects.order_by("position"))


def rehashed(event: Event, **facts: object) -> None:
    """Forge a row and give it the hash that fits what it says now."""
    for name, value in facts.items():
        setattr(event, name, value)
    columns = ", ".join(f"{name} = %s" for name in facts)
    sql = f"UPDATE audit_event SET {columns}, hash = %s WHERE id = %s"
    forge(sql, *facts.values(), chain.digest(event), event.pk)


def test_a_chain_that_nobody_touched_fits(five: list[Event]) -> None:
    check = chain.verify()

    assert (check.problem, check.rows, check.position, check.hash) == ("", 5, 5, five[4].hash)


def test_a_trail_without_rows_fits() -> None:
    assert (chain.verify().problem, chain.verify().rows) == ("", 0)


def test_rows_that_are_pending_do_no_harm(five: list[Event]) -> None:
    open_event()

    assert chain.verify().problem == ""


@pytest.mark.parametrize("batch", [1, 2, 5, 7])
def test_a_batch_may_end_anywhere(
    five: list[Event], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "BATCH", batch)

    assert chain.verify().rows == 5


@pytest.mark.parametrize("column", sorted({*chain.CONTENT} - {"id", "position"}))
def test_a_change_of_any_column_is_found(five: list[Event], column: str) -> None:
    value = NOW.replace(tzinfo=None, year=2020) if column.endswith(("_at", "_time")) else "forged"
    forge(f"UPDATE audit_event SET {column} = %s WHERE position = 3", value)

    assert chain.verify().problem == (
        f"row 3 ({five[2].pk}): content changed, its hash is not that of what it says"
    )


def test_an_instant_moved_by_a_microsecond_is_found(five: list[Event]) -> None:
    at = (five[2].event_time + timedelta(microseconds=1)).replace(tzinfo=None)
    forge("UPDATE audit_event SET event_time = %s WHERE position = 3", at)

    assert "row 3" in chain.verify().problem


def test_a_row_that_was_changed_with_its_hash_breaks_the_next(five: list[Event]) -> None:
    rehashed(five[2], remark="forged")

    assert chain.verify().problem == (
        f"row 4 ({five[3].pk}): its previous hash is not the hash of row 3"
    )


def test_the_last_row_changed_with_its_hash_is_not_the_head(five: list[Event]) -> None:
    rehashed(five[4], remark="forged")

    assert chain.verify().problem == "row 5: its hash is not that of the head"


@pytest.mark.parametrize(
    ("position", "problem"),
    [
        (1, "row 2 ({0}): gap before it, row 1 is missing"),
        (3, "row 4 ({2}): gap before it, row 3 is missing"),
        (5, "row 5 is missing: the head is row 5"),
    ],
)
def test_a_row_that_was_deleted_is_missed(five: list[Event], position: int, problem: str) -> None:
    forge("DELETE FROM audit_event WHERE position = %s", position)
    ids = [event.pk for event in five[1:]]

    assert chain.verify().problem == problem.format(*ids)


def test_a_row_behind_the_head_is_found(five: list[Event]) -> None:
    ChainHead.objects.update(position=4, hash=five[3].hash)

    assert chain.verify().problem == f"row 5 ({five[4].pk}): behind the head, which is row 4"


def test_a_settled_row_in_no_chain_is_found(five: list[Event]) -> None:
    event = open_event()
    forge("UPDATE audit_event SET outcome = 'success' WHERE id = %s", event.pk)

    assert chain.verify().problem == (
        f"row without a position ({event.pk}): settled outside of the chain"
    )


def test_a_head_that_was_deleted_is_found(five: list[Event]) -> None:
    ChainHead.objects.all().delete()

    assert "behind the head" in chain.verify().problem


def test_the_walk_may_begin_behind_a_row(five: list[Event]) -> None:
    check = chain.verify(since=3)

    assert (check.problem, check.rows, check.position) == ("", 2, 5)


def test_what_lies_before_the_beginning_is_not_looked_at(five: list[Event]) -> None:
    forge("UPDATE audit_event SET remark = 'forged' WHERE position = 2")

    assert chain.verify(since=3).problem == ""


# --- Remembered ---------------------------------------------------------------------------------
def test_a_check_is_remembered(five: list[Event]) -> None:
    chain.run_check(NOW)
    check = chain.last_check()

    assert check is not None
    assert (check.checked_at, check.rows, check.problem) == (NOW, 5, "")


def test_old_checks_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "MAX_CHECKS", 2)
    for number in range(4):
        chain.run_check(NOW + timedelta(days=number))

    assert [check.checked_at.day for check in ChainCheck.objects.order_by("pk")] == [24, 25]


# --- The command --------------------------------------------------------------------------------
def test_the_command_says_how_many_rows_and_the_head(
    five: list[Event], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("verify_audit")

    assert capsys.readouterr().out == f"5 rows, head {five[4].hash}\n"


def test_the_command_fails_and_names_the_row(five: list[Event]) -> None:
    forge("UPDATE audit_event SET remark = 'forged' WHERE position = 3")

    with pytest.raises(CommandError, match=rf"row 3 \({five[2].pk}\): content changed") as failed:
        call_command("verify_audit")
    assert failed.value.returncode == 1


def test_the_command_refuses_a_position_before_the_first() -> None:
    with pytest.raises(CommandError) as failed:
        call_command("verify_audit", since=-1)

    assert failed.value.returncode == 2


def test_a_row_is_still_right_when_a_release_adds_a_column(
    five: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "CONTENT", (*chain.CONTENT, "of_a_later_release"))

    assert chain.verify().problem == ""
    assert "of_a_later_release" not in json.dumps(chain.content(record()))
