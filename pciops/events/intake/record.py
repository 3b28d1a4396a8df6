"""Records notifications in batches: each is recorded once and completely, or not at all."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import DatabaseError, DataError, IntegrityError

from pciops.events.intake.aggregate import aggregate, dedup_key
from pciops.events.intake.cadf import Ignored, Notification, SignIn, Unreadable, clean, parse
from pciops.events.intake.names import UNNAMED, NameResolver, ResolvedName
from pciops.events.models import MAX_BODY, Activity, Attempts, DeadLetter, ProcessedNotification
from pciops.keystone import database
from pciops.lib import retries
from pciops.lib.upsert import ADD, GREATEST, LEAST, REPLACE, upsert

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


def oldest(bodies: Sequence[Body]) -> datetime | None:
    """Return the time of the first of these messages that has one, in the order of arrival."""
    contents = map(parse, bodies)
    return next(
        (content.at for content in contents if isinstance(content, SignIn | Activity)), None
    )


def _store(
    notifications: dict[UUID, Notification],
    unreadable: Sequence[UnreadableMessage],
    resolver: NameResolver,
    now: datetime,
) -> int:
    """Store in one transaction, again if it conflicts with that of another consumer."""
    # Before the transaction, since Keystone's database may be slow.
    names = _resolve_names(notifications.values(), resolver, now)

    def write() -> int:
        number = _insert(notifications, unreadable, names, now)
        resolver.save(names, now)
        return number

    # Another consumer may have recorded the same notification.
    number = retries.run(write, idempotent=True, again_after=(IntegrityError,))
    resolver.remember(names, now)
    return number


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
            log.warning("cannot process a notification: %s", database.reason(error))
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
        if isinstance(event, Activity):
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
    changes = [event for event in new.values() if isinstance(event, Activity)]
    _add_changes(changes, names, now)
    _add_dead_letters(unreadable, now)
    return len(new)


def _add_attempts(rows: Sequence[Attempts], names: Names) -> None:
    for row in rows:
        if not row.domain_id:  # Keystone reports it only of unknown usernames
            name = names.get(row.user_id, UNNAMED)
            row.domain_id, row.domain_name = name.domain_id, name.domain_name
    on_conflict = {"count": ADD, "first_at": LEAST, "last_at": GREATEST}
    upsert(Attempts, rows, unique="dedup_key", on_conflict=on_conflict)


def _add_changes(changes: Sequence[Activity], names: Names, now: datetime) -> None:
    """Insert changes in the order of time, with names.

    Keystone does not report what an update changed. If the account was enabled or disabled since
    its last read, an update did it, provided that it is recent and the only one: otherwise one
    account might be named for the act of another.
    """
    updates = Counter(row.user_id for row in changes if row.action == Activity.Action.UPDATED)
    rows = []
    for change in sorted(changes, key=lambda change: change.at):
        subject, doer = names.get(change.user_id, UNNAMED), names.get(change.doer_id, UNNAMED)
        row = copy(change)  # the original stays as it is, for a repeated transaction
        row.name = subject.name
        row.domain_id, row.domain_name = subject.domain_id, subject.domain_name
        row.doer_name = row.doer_name or doer.name
        row.doer_domain_id, row.doer_domain_name = doer.domain_id, doer.domain_name
        only = row.action == Activity.Action.UPDATED and updates[row.user_id] == 1
        if only and subject.enabled_changed and abs(now - row.at) <= JUST_NOW:
            row.action = Activity.Action.ENABLED if subject.enabled else Activity.Action.DISABLED
        rows.append(row)
    Activity.objects.bulk_create(rows)


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
