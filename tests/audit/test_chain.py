"""The chain: gapless, linked, append-only, and hashed so that others can compute it again."""

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
from tests.audit.acts import environment, manage, open_event, record, write_at_once
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def rows() -> list[Event]:
    """The chain from its beginning."""
    return list(Event.objects.exclude(position=None).order_by("position"))


# --- What is hashed -----------------------------------------------------------------------------
def test_every_column_is_hashed_but_the_hash_itself() -> None:
    columns = {field.column for field in Event._meta.fields}

    assert set(chain.CONTENT) == columns - {"hash"}


def test_the_hash_of_a_row_is_what_it_always_was() -> None:
    """A change of this figure breaks the chain of every installation."""
    event = Event(
        id="f" * 32,
        event_time=NOW,
        settled_at=NOW + timedelta(microseconds=5),
        observer="host",
        action=Event.Action.UNLOCK,
        outcome=Event.Outcome.SUCCESS,
        initiator_name="Zoë",
        reason='said "please"\n',
        position=7,
        previous_hash="0" * 64,
    )
    text = (
        '{"action":"unlock","event_time":"2026-11-22T14:02:11.000000Z","id":"' + "f" * 32 + '",'
        '"initiator_name":"Zoë","observer":"host","outcome":"success","position":7,'
        '"previous_hash":"' + "0" * 64 + '","reason":"said \\"please\\"\\n",'
        '"settled_at":"2026-11-22T14:02:11.000005Z"}'
    )

    assert chain.digest(event) == hashlib.sha256(text.encode()).hexdigest()


def test_an_instant_is_hashed_alike_wherever_the_clock_stands() -> None:
    here = Event(event_time=NOW)
    tokyo = Event(id=here.id, event_time=NOW.astimezone(timezone(timedelta(hours=9))))

    assert chain.digest(here) == chain.digest(tokyo)


def test_what_is_read_from_the_database_has_the_hash_that_was_written() -> None:
    record(remark="Zoë 🐘 'quoted' \\ \t\n")

    assert [chain.digest(row) for row in rows()] == [row.hash for row in rows()]


def test_the_hash_can_be_computed_from_the_exported_content_alone() -> None:
    record()
    exported = json.loads(json.dumps(chain.content(rows()[0])))
    text = json.dumps(exported, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert hashlib.sha256(text.encode()).hexdigest() == rows()[0].hash


# --- Order --------------------------------------------------------------------------------------
def test_rows_are_numbered_without_gaps_and_linked() -> None:
    for _ in range(3):
        record()

    assert [row.position for row in rows()] == [1, 2, 3]
    assert [row.previous_hash for row in rows()] == ["", rows()[0].hash, rows()[1].hash]


def test_a_pending_row_is_not_in_the_chain() -> None:
    open_event()

    assert rows() == []


def test_a_row_enters_the_chain_when_it_settles() -> None:
    slow, quick = open_event(), open_event()
    services.settle(quick, Event.Outcome.SUCCESS)
    services.settle(slow, Event.Outcome.SUCCESS)

    assert [row.pk for row in rows()] == [quick.pk, slow.pk]


def test_the_settled_event_knows_its_place() -> None:
    event = services.settle(open_event(), Event.Outcome.SUCCESS)

    assert (event.position, event.hash) == (1, rows()[0].hash)


def test_the_head_is_the_last_row() -> None:
    record()
    last = record()
    head = ChainHead.objects.get()

    assert (head.position, head.hash) == (2, last.hash)


def test_what_a_caller_changed_in_memory_does_not_enter_the_chain() -> None:
    event = open_event(reason="true")
    event.reason = "forged"
    services.settle(event, Event.Outcome.SUCCESS)

    assert rows()[0].reason == "true"
    assert chain.digest(rows()[0]) == rows()[0].hash


def test_a_row_that_was_not_committed_leaves_no_gap() -> None:
    with transaction.atomic():
        record()
        transaction.set_rollback(True)
    record()

    assert [row.position for row in rows()] == [1]


def test_processes_that_write_at_once_make_one_chain(tmp_path: Path) -> None:
    env = environment(tmp_path)
    assert manage("migrate", "audit", "--verbosity", "0", env=env).returncode == 0

    assert write_at_once(4, 15, env=env) == [""] * 4
    assert "60 rows, head " in manage("verify_audit", env=env).stdout


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
def test_no_way_of_the_orm_changes_a_row(change: Any) -> None:
    event = record()

    with pytest.raises(AppendOnlyError):
        change(event)


def test_a_row_of_the_chain_is_not_settled_again_whatever_its_outcome_says() -> None:
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
def test_the_database_itself_refuses_to_change_a_row(statement: str) -> None:
    record()

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert [row.remark for row in rows()] == [""]


def test_the_database_refuses_what_avoids_our_query_sets() -> None:
    event = record()

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        models.QuerySet.update(Event.objects.filter(pk=event.pk), remark="x")


def test_triggers_that_a_migration_lost_come_back_with_the_next() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_event_no_update")
    apps.install_triggers()

    assert installed(apps.GUARDS) == {guard.name for guard in apps.GUARDS}
