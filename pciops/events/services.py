"""Takes notifications in, many at once: what they say is there whole, once, or not at all."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import DataError, IntegrityError, OperationalError, transaction

from pciops.events import folding
from pciops.events.cadf import Change, Event, Foreign, SignIn, Unreadable, clean, parse
from pciops.events.folding import Fold
from pciops.events.models import BODY, Activity, Attempts, Seen, SetAside
from pciops.events.names import NOBODY, Named, Names
from pciops.events.upsert import ADDED, GREATEST, LEAST, REPLACED, upsert

TRIES: Final = 6  # of a batch that another consumer's has come into conflict with
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
            events[folding.digest(read.event_id)] = (read, body)
    if not events and not odd:
        return 0
    try:
        return _insist(events, odd, names, now)
    except DataError:
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
        except (IntegrityError, OperationalError):
            if turn == TRIES - 1:
                raise
            time.sleep(random.uniform(0.01, 0.05) * 2**turn)  # noqa: S311 (no secret)
    raise AssertionError("it has returned or raised")


def _one_by_one(
    events: dict[UUID, tuple[Event, Body]], odd: Sequence[Odd], names: Names, now: datetime
) -> int:
    """The database does not take a value of one of them: that one is set aside."""
    total, refused = 0, list(odd)
    for key, (event, body) in events.items():
        try:
            total += _insist({key: (event, body)}, [], names, now)
        except DataError as error:
            log.warning("a notification is set aside: %s", type(error).__name__)
            refused.append((Unreadable(REFUSED), body))
    _insist({}, refused, names, now)
    return total


def _keep(
    events: dict[UUID, Event], odd: Sequence[Odd], named: dict[str, Named], now: datetime
) -> int:
    known = set(Seen.objects.filter(event__in=events).values_list("event", flat=True))
    fresh = {key: event for key, event in events.items() if key not in known}
    Seen.objects.bulk_create([Seen(event=key, at=now) for key in sorted(fresh)])
    sign_ins = [event for event in fresh.values() if isinstance(event, SignIn)]
    changes = [event for event in fresh.values() if isinstance(event, Change)]
    _add(folding.fold(sign_ins))
    Activity.objects.bulk_create(_activities(changes, named))
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


def _add(folds: dict[UUID, Fold]) -> None:
    rows = [
        Attempts(
            fold=key,
            window=fold.window,
            user_id=fold.example.user_id,
            name=fold.example.name,
            domain_id=fold.example.domain_id,
            domain_name=fold.example.domain_name,
            outcome=fold.example.outcome,
            reason=fold.example.reason,
            address=fold.example.address,
            agent=fold.example.agent,
            partial_hash=fold.example.partial_hash,
            first_at=fold.first_at,
            last_at=fold.last_at,
            count=fold.count,
        )
        for key, fold in folds.items()
    ]
    otherwise = {"count": ADDED, "first_at": LEAST, "last_at": GREATEST}
    upsert(Attempts, rows, unique="fold", otherwise=otherwise)


def _activities(changes: Sequence[Change], named: dict[str, Named]) -> Iterator[Activity]:
    """In their order. Of several changes, the first is taken for the one that turned `enabled`."""
    turned: set[str] = set()
    for change in sorted(changes, key=lambda change: change.at):
        row, subject = _activity(change, named), named.get(change.user_id, NOBODY)
        if change.action is Activity.Action.UPDATED and subject.turned:
            if change.user_id not in turned:
                row.action = (
                    Activity.Action.ENABLED if subject.enabled else Activity.Action.DISABLED
                )
            turned.add(change.user_id)
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
    rows: dict[UUID, SetAside] = {}
    for unreadable, body in odd:
        key = folding.digest(f"{unreadable.reason}\x1f{unreadable.event_type}")
        count = rows[key].count + 1 if key in rows else 1
        rows[key] = SetAside(
            fold=key,
            reason=unreadable.reason,
            event_type=unreadable.event_type,
            body=_shown(body),
            first_at=now,
            last_at=now,
            count=count,
        )
    otherwise = {"count": ADDED, "last_at": GREATEST, "body": REPLACED}
    upsert(SetAside, list(rows.values()), unique="fold", otherwise=otherwise)


def _shown(body: Body) -> str:
    text = body[: 4 * BODY]
    return clean(text if isinstance(text, str) else text.decode("utf-8", "replace"), BODY)
