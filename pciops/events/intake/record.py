"""Records notifications in batches: each is recorded once and completely, or not at all."""

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

from pciops.events.intake.aggregate import AttemptAggregate, aggregate, dedup_key
from pciops.events.intake.cadf import (
    AccountChange,
    Ignored,
    Notification,
    SignIn,
    Unreadable,
    clean,
    parse,
)
from pciops.events.intake.names import UNNAMED, NameResolver, ResolvedName
from pciops.events.intake.upsert import ADD, GREATEST, LEAST, REPLACE, upsert
from pciops.events.models import MAX_BODY, Activity, Attempts, DeadLetter, ProcessedNotification
from pciops.keystone import database

TURNS: Final = 6  # for a batch that conflicts with another consumer's
_VALUE_ERRORS: Final = {1292, 1366, 1406}  # MySQL: incorrect, incorrect for its column, too long
JUST_NOW: Final = timedelta(seconds=5)
REFUSED: Final = "refused by pciops' database"

Body = bytes | str
Names = dict[str, ResolvedName]
UnreadableMessage = tuple[Unreadable, Body]

log = logging.getLogger(__name__)


def record_messages(bodies: Sequence[Body], *, resolver: NameResolver, now: datetime) -> int:
    """Record the content of these messages and return how many of them were new.

    Messages may come again, also to other processes at the same time: those that were recorded
    before are ignored.

    Raises:
        DatabaseError: nothing was recorded; our database is down, or conflicts persist.
    """
    notifications: dict[UUID, tuple[Notification, Body]] = {}
    unreadable: list[UnreadableMessage] = []
    for body in bodies:
        content = parse(body)
        if isinstance(content, Unreadable):
            unreadable.append((content, body))
        elif not isinstance(content, Ignored):
            notifications[dedup_key(content.event_id)] = (content, body)
    if not notifications and not unreadable:
        return 0
    contents = {key: content for key, (content, _) in notifications.items()}
    try:
        return _store(contents, unreadable, resolver, now)
    except DatabaseError as error:
        if not _is_value_error(error):
            raise
        return _store_one_by_one(notifications, unreadable, resolver, now)


def _store(
    notifications: dict[UUID, Notification],
    unreadable: Sequence[UnreadableMessage],
    resolver: NameResolver,
    now: datetime,
) -> int:
    """Store in one transaction, again if it conflicts with that of another consumer."""
    # Before the transaction, since Keystone's database may be slow.
    names = _resolve_names(notifications.values(), resolver, now)
    for turn in range(TURNS):
        try:
            with transaction.atomic():
                number = _insert(notifications, unreadable, names, now)
                resolver.save(names, now)
            resolver.remember(names, now)
            return number
        except (IntegrityError, OperationalError) as error:
            if turn == TURNS - 1 or _is_value_error(error):
                raise
            time.sleep(random.uniform(0.01, 0.05) * 2**turn)  # noqa: S311 (no secret)
    raise AssertionError("the last turn returns or raises")


def _store_one_by_one(
    notifications: dict[UUID, tuple[Notification, Body]],
    unreadable: Sequence[UnreadableMessage],
    resolver: NameResolver,
    now: datetime,
) -> int:
    """Find the notifications with a value that the database refuses; they become dead letters."""
    total, dead = 0, list(unreadable)
    for key, (notification, body) in notifications.items():
        try:
            total += _store({key: notification}, [], resolver, now)
        except DatabaseError as error:
            if not _is_value_error(error):
                raise
            log.warning("a notification is set aside: %s", database.reason(error))
            dead.append((Unreadable(REFUSED), body))
    _store({}, dead, resolver, now)
    return total


def _is_value_error(error: DatabaseError) -> bool:
    """Return whether a value was refused; PyMySQL raises OperationalError for some of them."""
    return isinstance(error, DataError) or bool(error.args and error.args[0] in _VALUE_ERRORS)


def _resolve_names(
    notifications: Iterable[Notification], resolver: NameResolver, now: datetime
) -> Names:
    reported: dict[str, str] = {}
    changed: set[str] = set()
    for event in notifications:
        if isinstance(event, AccountChange):
            changed.add(event.user_id)
            reported.setdefault(event.user_id, "")
            if event.doer_id:
                reported[event.doer_id] = event.doer_name or reported.get(event.doer_id, "")
        elif event.user_id and event.reason is not Attempts.Reason.UNKNOWN_NAME:
            reported[event.user_id] = event.name
    return resolver.resolve(reported, changed=changed, now=now)


def _insert(
    notifications: dict[UUID, Notification],
    unreadable: Sequence[UnreadableMessage],
    names: Names,
    now: datetime,
) -> int:
    processed = set(
        ProcessedNotification.objects.filter(event__in=notifications).values_list(
            "event", flat=True
        )
    )
    new = {key: event for key, event in notifications.items() if key not in processed}
    ProcessedNotification.objects.bulk_create(
        [ProcessedNotification(event=key, at=now) for key in sorted(new)]
    )
    _add_attempts(aggregate(event for event in new.values() if isinstance(event, SignIn)), names)
    changes = [event for event in new.values() if isinstance(event, AccountChange)]
    Activity.objects.bulk_create(_activities(changes, names, now))
    _add_dead_letters(unreadable, now)
    return len(new)


def _add_attempts(aggregates: dict[UUID, AttemptAggregate], names: Names) -> None:
    rows = []
    for key, group in aggregates.items():
        sign_in = group.example
        # Keystone reports the domain only of unknown usernames.
        home = sign_in if sign_in.domain_id else names.get(sign_in.user_id, UNNAMED)
        rows.append(
            Attempts(
                dedup_key=key,
                window=group.window,
                user_id=sign_in.user_id,
                name=sign_in.name,
                domain_id=home.domain_id,
                domain_name=home.domain_name,
                outcome=sign_in.outcome,
                reason=sign_in.reason,
                address=sign_in.address,
                agent=sign_in.agent,
                partial_hash=sign_in.partial_hash,
                first_at=group.first_at,
                last_at=group.last_at,
                count=group.count,
            )
        )
    on_conflict = {"count": ADD, "first_at": LEAST, "last_at": GREATEST}
    upsert(Attempts, rows, unique="dedup_key", on_conflict=on_conflict)


def _activities(
    changes: Sequence[AccountChange], names: Names, now: datetime
) -> Iterator[Activity]:
    """Make rows in the order of time.

    Keystone does not report what an update changed. If the account was enabled or disabled since
    its last read, an update did it, provided that it is recent and the only one: otherwise one
    account might be named for the act of another.
    """
    updates = Counter(
        change.user_id for change in changes if change.action is Activity.Action.UPDATED
    )
    for change in sorted(changes, key=lambda change: change.at):
        row, subject = _activity(change, names), names.get(change.user_id, UNNAMED)
        only = change.action is Activity.Action.UPDATED and updates[change.user_id] == 1
        if only and subject.enabled_changed and abs(now - change.at) <= JUST_NOW:
            row.action = Activity.Action.ENABLED if subject.enabled else Activity.Action.DISABLED
        yield row


def _activity(change: AccountChange, names: Names) -> Activity:
    subject, doer = names.get(change.user_id, UNNAMED), names.get(change.doer_id, UNNAMED)
    return Activity(
        event_id=change.event_id,
        at=change.at,
        action=change.action,
        outcome=change.outcome,
        reason=change.reason,
        reason_text=change.reason_text,
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


def _add_dead_letters(messages: Sequence[UnreadableMessage], now: datetime) -> None:
    rows: dict[UUID, DeadLetter] = {}
    for unreadable, body in messages:
        key = dedup_key(unreadable.reason, unreadable.event_type)
        count = rows[key].count + 1 if key in rows else 1
        rows[key] = DeadLetter(
            dedup_key=key,
            reason=unreadable.reason,
            event_type=unreadable.event_type,
            body=_excerpt(body),
            first_at=now,
            last_at=now,
            count=count,
        )
    on_conflict = {"count": ADD, "last_at": GREATEST, "body": REPLACE}
    upsert(DeadLetter, list(rows.values()), unique="dedup_key", on_conflict=on_conflict)


def _excerpt(body: Body) -> str:
    start = body[: 4 * MAX_BODY]
    text = start if isinstance(start, str) else start.decode("utf-8", "replace")
    return clean(text, MAX_BODY)
