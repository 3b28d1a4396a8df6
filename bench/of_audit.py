"""What bench.audit measures; Django is set up when this is imported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from bench.measure import Memory, Row, once, say
from pciops.audit import chain, evidence
from pciops.audit.models import Event

BATCH = 5000
LIMIT = 3  # times the floor


def measured(rows: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    say(f"{rows:,} rows were written in {once(lambda: _fill(rows)):.0f} s")
    floor = once(_read_and_check_seals)
    with Memory([os.getpid()]) as memory:
        took = once(lambda: _verify(rows))
    yield Row(
        what=f"verify_audit of {rows:,} rows",
        ours=took,
        bare=floor,
        limit=f"{LIMIT} × reading and signatures",
        kept=took <= LIMIT * floor,
    )
    yield Row(
        what="its memory over idle",
        ours=memory.over / 2**20,
        bare=None,
        limit="100 MiB",
        kept=memory.over <= 100 * 2**20,
        unit="MiB",
    )


def _verify(rows: int) -> None:
    check = chain.verify()
    assert (check.rows, check.problem) == (rows, ""), check.problem


def _fill(rows: int) -> None:
    with connection.cursor() as cursor:  # its trigger lets the head take one step at a time
        cursor.execute("DROP TRIGGER audit_head_no_update")
    began = timezone.now() - timedelta(days=390)
    for first in range(0, rows, BATCH):
        with transaction.atomic():
            head = chain.locked_head()
            events = []
            for number in range(first, min(first + BATCH, rows)):
                event = _event(number, began + timedelta(seconds=number))
                chain.append(event, head)
                event.seal = evidence.seal("row", event.hash)
                events.append(event)
            QuerySet[Event](Event).bulk_create(events)
            head.save()


def _event(number: int, at: datetime) -> Event:
    return Event(
        event_time=at,
        settled_at=at,
        observer="pciops.example",
        action=Event.Action.UNLOCK,
        outcome=Event.Outcome.SUCCESS,
        initiator_type=Event.InitiatorType.KEYSTONE,
        initiator_id=f"{number % 40:032x}",
        initiator_name=f"operator-{number % 40}",
        initiator_domain_id="default",
        initiator_domain_name="Default",
        initiator_address="192.0.2.7",
        initiator_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        initiator_scope="*",
        via=Event.Via.PAGE,
        target_id=f"{number:032x}",
        target_name=f"user-{number}",
        target_domain_id="default",
        target_domain_name="Default",
        reason="INC-4711",
        identity=Event.Identity.TICKET,
    )


def _read_and_check_seals() -> None:
    """Read all columns in order with the driver alone, and check each row's signature."""
    last = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT hash, seal, position, audit_event.* FROM audit_event"
                " WHERE position > %s ORDER BY position LIMIT %s",
                (last, BATCH),
            )
            batch = cursor.fetchall()
            if not batch:
                return
            for hash_, seal, *_ in batch:
                evidence.check_seal("row", hash_, seal)
            last = batch[-1][2]
