"""Takes notifications in, many at once: what they say is there whole, once, or not at all."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import DatabaseError, DataError, IntegrityError, OperationalError, transaction

from pciops.events.intake import aggregate
from pciops.events.intake.aggregate import Aggregate
from pciops.events.intake.cadf import Change, Event, Foreign, SignIn, Unreadable, clean, parse
from pciops.events.intake.upsert import ADDED, GREATEST, LEAST, REPLACED, upsert
from pciops.events.models import BODY, Activity, Attempts, DeadLetter, ProcessedNotification
from pciops.events.names import NOBODY, Named, Names
from pciops.keystone import database

TRIES: Final = 6  # of a batch that another consumer's has come into conflict with
_VALUES: Final = {1292, 1366, 1406}  # MySQL: incorrect, incorrect for its column, too long
JUST_NOW: Final = timedelta(seconds=5)
REFUSED: Final = "refused by pciops' database"

Odd = tuple[Unreadable, bytes | str]
Body = bytes | str

log = logging.getLogger(__name__)


def take_in(bodies: Sequence[Body], *, names: Names, now: datetime) -> int:
    """Keep what these messages say; how many of them are of accounts and were not known.

    It may be called again with any of them, by anybody, at the same time: what was taken in
    before is left out.

    Raises:
        DatabaseError: nothing is kept; ours does not answer, or is in conflict again and again.
    """
    events: dict[UUID, tuple[Event, Body]] = {}
    odd: list[Odd] = []
    for body in bodies:
        read = parse(body)
        if isinstance(read, Unreadable):
            odd.append((read, body))
        elif not isinstance(read, Foreign):
            events[aggregate.digest(read.event_id)] = (read, body)
    if not events and not odd:
        return 0
    try:
        return _insist(events, odd, names, now)
    except DatabaseError as error:
        if not _is_of_data(error):
            raise
        return _one_by_one(events, odd, names, now)


def _insist(
    events: dict[UUID, tuple[Event, Body]], odd: Sequence[Odd], names: Names, now: datetime
) -> int:
    """Two consumers that got the same message, or wait for each other: one of them tries again."""
    alone = {key: event for key, (event, _) in events.items()}
    named = _look_up(alone.values(), names, now)  # it may take its time: before the transaction
    for turn in range(TRIES):
        try:
            with transaction.atomic():
                fresh = _keep(alone, odd, named, now)
                names.keep(named, now)
            names.remember(named, now)
            return fresh
        except (IntegrityError, OperationalError) as error:
            if turn == TRIES - 1 or _is_of_data(error):
                raise
            time.sleep(random.uniform(0.01, 0.05) * 2**turn)  # noqa: S311 (no secret)
    raise AssertionError("it has returned or raised")


def _is_of_data(error: DatabaseError) -> bool:
    """Whether the database refused a value; some of these PyMySQL takes for faults of operation."""
    return isinstance(error, DataError) or bool(error.args and error.args[0] in _VALUES)


def _one_by_one(
    events: dict[UUID, tuple[Event, Body]], odd: Sequence[Odd], names: Names, now: datetime
) -> int:
    """The database does not take a value of one of them: that one is set aside."""
    total, refused = 0, list(odd)
    for key, (event, body) in events.items():
        try:
            total += _insist({key: (event, body)}, [], names, now)
        except DatabaseError as error:
            if not _is_of_data(error):
                raise
            log.warning("a notification is set aside: %s", database.reason(error))
            refused.append((Unreadable(REFUSED), body))
    _insist({}, refused, names, now)
    return total


def _keep(
    events: dict[UUID, Event], odd: Sequence[Odd], named: dict[str, Named], now: datetime
) -> int:
    known = set(
        ProcessedNotification.objects.filter(event__in=events).values_list("event", flat=True)
    )
    fresh = {key: event for key, event in events.items() if key not in known}
    ProcessedNotification.objects.bulk_create(
        [ProcessedNotification(event=key, at=now) for key in sorted(fresh)]
    )
    sign_ins = [event for event in fresh.values() if isinstance(event, SignIn)]
    changes = [event for event in fresh.values() if isinstance(event, Change)]
    _add(aggregate.aggregate(sign_ins), named)
    Activity.objects.bulk_create(_activities(changes, named, now))
    _set_aside(odd, now)
    return len(fresh)


def _look_up(events: Iterable[Event], names: Names, now: datetime) -> dict[str, Named]:
    heard: dict[str, str] = {}
    changed: set[str] = set()
    for event in events:
        if isinstance(event, Change):
            changed.add(event.user_id)
            heard.setdefault(event.user_id, "")
            if event.doer_id:
                heard[event.doer_id] = event.doer_name or heard.get(event.doer_id, "")
        elif event.user_id and event.reason is not Attempts.Reason.UNKNOWN_NAME:
            heard[event.user_id] = event.name
    return names.look_up(heard, changed=changed, now=now)


def _add(aggregates: dict[UUID, Aggregate], named: dict[str, Named]) -> None:
    homes = {key: _home(aggregate.example, named) for key, aggregate in aggregates.items()}
    rows = [
        Attempts(
            fold=key,
            window=aggregate.window,
            user_id=aggregate.example.user_id,
            name=aggregate.example.name,
            domain_id=homes[key].domain_id,
            domain_name=homes[key].domain_name,
            outcome=aggregate.example.outcome,
            reason=aggregate.example.reason,
            address=aggregate.example.address,
            agent=aggregate.example.agent,
            partial_hash=aggregate.example.partial_hash,
            first_at=aggregate.first_at,
            last_at=aggregate.last_at,
            count=aggregate.count,
        )
        for key, aggregate in aggregates.items()
    ]
    otherwise = {"count": ADDED, "first_at": LEAST, "last_at": GREATEST}
    upsert(Attempts, rows, unique="fold", otherwise=otherwise)


def _home(event: SignIn, named: dict[str, Named]) -> Named | SignIn:
    """What has the domain of a sign-in: Keystone says it of unknown names alone."""
    return event if event.domain_id else named.get(event.user_id, NOBODY)


def _activities(
    changes: Sequence[Change], named: dict[str, Named], now: datetime
) -> Iterator[Activity]:
    """In their order.

    What a change did Keystone does not say. Where its row has been enabled or disabled since we
    looked last, that was this change, if it is of just now and the only one; otherwise somebody
    might be named for what another did.
    """
    updates = Counter(it.user_id for it in changes if it.action is Activity.Action.UPDATED)
    for change in sorted(changes, key=lambda change: change.at):
        row, subject = _activity(change, named), named.get(change.user_id, NOBODY)
        alone = change.action is Activity.Action.UPDATED and updates[change.user_id] == 1
        if alone and subject.turned and abs(now - change.at) <= JUST_NOW:
            row.action = Activity.Action.ENABLED if subject.enabled else Activity.Action.DISABLED
        yield row


def _activity(change: Change, named: dict[str, Named]) -> Activity:
    subject, doer = named.get(change.user_id, NOBODY), named.get(change.doer_id, NOBODY)
    return Activity(
        event_id=change.event_id,
        at=change.at,
        action=change.action,
        outcome=change.outcome,
        reason=change.reason,
        words=change.words,
        user_id=change.user_id,
        name=subject.name,
        domain_id=subject.domain_id,
        domain_name=subject.domain_name,
        doer_id=change.doer_id,
        doer_name=change.doer_name or doer.name,
        doer_domain_id=doer.domain_id,
        doer_domain_name=doer.domain_name,
        address=change.address,
        agent=change.agent,
        detail=change.detail,
    )


def _set_aside(odd: Sequence[Odd], now: datetime) -> None:
    rows: dict[UUID, DeadLetter] = {}
    for unreadable, body in odd:
        key = aggregate.digest(f"{unreadable.reason}\x1f{unreadable.event_type}")
        count = rows[key].count + 1 if key in rows else 1
        rows[key] = DeadLetter(
            fold=key,
            reason=unreadable.reason,
            event_type=unreadable.event_type,
            body=_shown(body),
            first_at=now,
            last_at=now,
            count=count,
        )
    otherwise = {"count": ADDED, "last_at": GREATEST, "body": REPLACED}
    upsert(DeadLetter, list(rows.values()), unique="fold", otherwise=otherwise)


def _shown(body: Body) -> str:
    text = body[: 4 * BODY]
    return clean(text if isinstance(text, str) else text.decode("utf-8", "replace"), BODY)
