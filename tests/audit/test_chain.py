"""Tests of the chain: gapless, linked, append-only, and hashed so that others can compute it."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, models, transaction

from pciops.audit import apps, chain, services
from pciops.audit.models import AppendOnlyError, ChainHead, Event
from pciops.lib.triggers import installed
from tests.audit.helpers import environment, manage, open_event, record, write_at_once
from tests.factories import NOW, make_initiator

pytestmark = pytest.mark.django_db


def rows() -> list[Event]:
    return list(Event.rows.exclude(position=None).order_by("position"))


# --- Hashes -------------------------------------------------------------------------------------
def test_every_column_is_hashed_but_the_hash_itself() -> None:
    columns = {field.column for field in Event._meta.fields}

    assert set(chain.CONTENT) == columns - {"hash", "seal"}


def test_hash_of_a_row_never_changes() -> None:
    """Another hash would break the chain of every installation."""
    event = Event(
        id="f" * 32,
        event_time=NOW,
        settled_at=NOW + timedelta(microseconds=5),
        observer="host",
        action=Event.Action.UNLOCK,
        outcome=Event.Outcome.SUCCESS,
        initiator_name="Zoë",
        reason='said "please"\n',
        precondition="3@2026-11-22T14:02:11+00:00",
        position=7,
        previous_hash="0" * 64,
    )
    text = (
        '{"action":"unlock","event_time":"2026-11-22T14:02:11.000000Z","id":"' + "f" * 32 + '",'
        '"initiator_name":"Zoë","observer":"host","outcome":"success","position":7,'
        '"previous_hash":"' + "0" * 64 + '","reason":"said \\"please\\"\\n",'
        '"seen":"3@2026-11-22T14:02:11+00:00","settled_at":"2026-11-22T14:02:11.000005Z"}'
    )

    assert chain.digest(event) == hashlib.sha256(text.encode()).hexdigest()


def test_hash_does_not_depend_on_the_time_zone() -> None:
    utc = Event(event_time=NOW)
    tokyo = Event(id=utc.id, event_time=NOW.astimezone(timezone(timedelta(hours=9))))

    assert chain.digest(utc) == chain.digest(tokyo)


def test_hash_can_be_computed_from_the_stored_row_and_from_its_export() -> None:
    record(remark="Zoë 🐘 'quoted' \\ \t\n")
    [row] = rows()
    exported = json.loads(json.dumps(chain.content(row)))
    text = json.dumps(exported, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert chain.digest(row) == row.hash
    assert hashlib.sha256(text.encode()).hexdigest() == row.hash


# --- Order --------------------------------------------------------------------------------------
def test_rows_are_numbered_without_gaps_and_linked_up_to_the_head() -> None:
    for _ in range(3):
        record()
    head = ChainHead.objects.get()

    assert [row.position for row in rows()] == [1, 2, 3]
    assert [row.previous_hash for row in rows()] == ["", rows()[0].hash, rows()[1].hash]
    assert (head.position, head.hash) == (3, rows()[2].hash)


def test_rows_enter_the_chain_when_they_are_settled() -> None:
    slow, quick = open_event(), open_event()
    assert [row.action for row in rows()] == ["begin/act"] * 2
    services.settle(quick, Event.Outcome.SUCCESS)
    services.settle(slow, Event.Outcome.SUCCESS)

    assert [row.pk for row in rows()[2:]] == [quick.pk, slow.pk]
    assert (quick.position, quick.hash) == (3, rows()[2].hash)


def test_changes_of_the_object_in_memory_do_not_enter_the_chain() -> None:
    event = open_event(reason="true")
    event.reason = "forged"
    services.settle(event, Event.Outcome.SUCCESS)

    assert rows()[1].reason == "true"
    assert chain.digest(rows()[1]) == rows()[1].hash


def test_row_that_is_rolled_back_leaves_no_gap() -> None:
    with transaction.atomic():
        record()
        transaction.set_rollback(True)
    record()

    assert [row.position for row in rows()] == [1]


def test_concurrent_processes_write_one_chain(tmp_path: Path) -> None:
    env = environment(tmp_path)
    assert manage("migrate", "--verbosity", "0", env=env).returncode == 0

    assert write_at_once(4, 15, env=env) == [""] * 4
    assert "120 rows, head " in manage("verify_audit", env=env).stdout


# --- Append-only --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.save(),
        lambda event: event.delete(),
        lambda event: Event.objects.update(remark="x"),
        lambda event: Event.objects.filter(pk=event.pk).update(remark="x"),
        lambda event: Event.objects.filter(pk=event.pk).delete(),
        lambda event: Event.objects.bulk_update([event], ["remark"]),
        lambda event: Event.objects.bulk_create([Event(event_time=NOW)]),
        lambda event: Event.objects.update_or_create(pk=event.pk, defaults={"remark": "x"}),
    ],
    ids=["save", "delete", "update", "update some", "delete some", "bulk", "create", "or create"],
)
def test_models_refuse_to_change_a_row(change: Any) -> None:
    event = record()

    with pytest.raises(AppendOnlyError):
        change(event)


def test_settle_ignores_rows_of_the_chain_whatever_their_outcome() -> None:
    record(outcome=Event.Outcome.PENDING)

    assert Event.objects.filter(outcome=Event.Outcome.PENDING).settle(remark="x") == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET remark = 'x'",
        "UPDATE audit_event SET position = NULL",
        "DELETE FROM audit_event",
    ],
)
def test_database_refuses_to_change_a_row(statement: str) -> None:
    record()

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert [row.remark for row in rows()] == [""]


def test_database_refuses_changes_by_other_query_sets() -> None:
    event = record()

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        models.QuerySet.update(Event.objects.filter(pk=event.pk), remark="x")


def test_lost_triggers_are_created_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_event_no_update")
    apps.install_triggers()

    assert installed(apps.GUARDS) == {guard.name for guard in apps.GUARDS}


def test_an_act_refused_at_the_end_of_a_session_needs_no_intent() -> None:
    services.settle(open_event(), Event.Outcome.SUCCESS)
    services.record(
        Event.Action.UNLOCK,
        Event.Outcome.FAILURE,
        initiator=make_initiator(),
        resource="/accounts/1/unlock/",
        now=NOW,
    )

    assert chain.verify().problem == ""
