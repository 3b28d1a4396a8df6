"""Tests of verification: whatever was changed, the first wrong row is named."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from pciops.audit import chain
from pciops.audit.models import ChainCheck, Event
from tests.audit.helpers import chained, forge, open_event, record
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def five() -> list[Event]:
    """A chain of five rows."""
    chained(5)
    return list(Event.objects.order_by("position"))


def forge_with_hash(event: Event, **facts: object) -> None:
    """Forge a row together with its hash."""
    for name, value in facts.items():
        setattr(event, name, value)
    columns = ", ".join(f"{name} = %s" for name in facts)
    sql = f"UPDATE audit_event SET {columns}, hash = %s WHERE id = %s"
    forge(sql, *facts.values(), chain.digest(event), event.pk)


@pytest.mark.parametrize("batch", [1, 2, 5, 7, 1000])
def test_intact_chain_has_no_problem(
    five: list[Event], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "BATCH", batch)
    open_event()  # a pending row is ignored, its intent is not
    check = chain.verify()

    assert (check.problem, check.rows, check.position) == ("", 6, 6)


def test_empty_chain_has_no_problem() -> None:
    assert (chain.verify().problem, chain.verify().rows) == ("", 0)


@pytest.mark.parametrize("column", sorted({*chain.CONTENT} - {"id", "position"}))
def test_change_of_any_column_is_found(five: list[Event], column: str) -> None:
    value = NOW.replace(tzinfo=None, year=2020) if column.endswith(("_at", "_time")) else "forged"
    forge(f"UPDATE audit_event SET {column} = %s WHERE position = 3", value)

    assert f"row 3 ({five[2].pk}): its content was changed" in chain.verify().problem


def test_change_by_a_microsecond_is_found(five: list[Event]) -> None:
    at = (five[2].event_time + timedelta(microseconds=1)).replace(tzinfo=None)
    forge("UPDATE audit_event SET event_time = %s WHERE position = 3", at)

    assert "row 3" in chain.verify().problem


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        (2, "row 3 ({2}): not written by pciops"),
        (4, "row 5 ({4}): not written by pciops"),
    ],
    ids=["within the chain", "last row"],
)
def test_change_with_a_new_hash_is_found(five: list[Event], place: int, problem: str) -> None:
    forge_with_hash(five[place], remark="forged")

    assert problem.format(*(event.pk for event in five)) in chain.verify().problem


@pytest.mark.parametrize(
    ("position", "problem"),
    [
        (1, "row 2 ({1}): row 1 before it is missing"),
        (3, "row 4 ({3}): row 3 before it is missing"),
        (5, "row 5 is missing: the head is row 5"),
    ],
)
def test_deleted_row_is_found(five: list[Event], position: int, problem: str) -> None:
    forge("DELETE FROM audit_event WHERE position = %s", position)

    assert chain.verify().problem == problem.format(*(event.pk for event in five))


def test_row_after_the_head_is_found(five: list[Event]) -> None:
    forge("UPDATE audit_chainhead SET position = 4, hash = %s", five[3].hash)
    assert chain.verify().problem == f"row 5 ({five[4].pk}): after the head, which is row 4"
    forge("DELETE FROM audit_chainhead")

    assert "after the head" in chain.verify().problem


def test_row_settled_outside_of_the_chain_is_found(five: list[Event]) -> None:
    event = open_event()
    forge("UPDATE audit_event SET outcome = 'success' WHERE id = %s", event.pk)

    assert f"row without a position ({event.pk})" in chain.verify().problem


def test_walk_can_begin_after_a_row(five: list[Event]) -> None:
    forge("UPDATE audit_event SET remark = 'forged' WHERE position = 2")
    check = chain.verify(since=3)

    assert (check.problem, check.rows, check.position) == ("", 2, 5)


def test_new_column_does_not_change_old_hashes(
    five: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "CONTENT", (*chain.CONTENT, "of_a_later_release"))

    assert chain.verify().problem == ""
    assert "of_a_later_release" not in json.dumps(chain.content(record()))


# --- Saved checks -------------------------------------------------------------------------------
def test_checks_are_kept(five: list[Event]) -> None:
    for number in range(4):
        chain.run_check(NOW + timedelta(days=number))
    check = chain.last_check()

    assert [check.checked_at.day for check in ChainCheck.objects.order_by("pk")] == [22, 23, 24, 25]
    assert check is not None
    assert (check.checked_at, check.rows, check.problem) == (NOW + timedelta(days=3), 5, "")


# --- The command --------------------------------------------------------------------------------
def test_command_prints_number_of_rows_and_head(
    five: list[Event], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("verify_audit")

    assert capsys.readouterr().out == f"5 rows, head {five[4].hash}\n"


def test_command_fails_and_names_the_row(five: list[Event]) -> None:
    forge("UPDATE audit_event SET remark = 'forged' WHERE position = 3")

    with pytest.raises(CommandError, match=rf"row 3 \({five[2].pk}\)") as failed:
        call_command("verify_audit")
    assert failed.value.returncode == 1


@pytest.mark.parametrize("since", [-1, 6, 999_999])
def test_command_refuses_a_position_that_no_row_has_had(five: list[Event], since: int) -> None:
    with pytest.raises(CommandError, match="--since") as failed:
        call_command("verify_audit", since=since)

    assert failed.value.returncode == 2
    assert chain.last_check() is None


def test_a_removed_row_is_no_wrong_usage(five: list[Event]) -> None:
    forge("DELETE FROM audit_event WHERE position = 5")
    with pytest.raises(CommandError, match="row 5") as failed:
        call_command("verify_audit", since=5)

    assert failed.value.returncode == 1
