"""What will go out in the next days, as it stands now: counted with every planning, and kept.

Who changes a password or signs in meanwhile gets nothing, so the days to come bring less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet, Sum

from pciops.accounts import selectors
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import INACTIVE_SOON
from pciops.accounts.states.password import expires
from pciops.accounts.states.state import option_is_true
from pciops.keystone import database, options
from pciops.keystone.models import Password, User
from pciops.lib.inserts import ROWS
from pciops.lib.keyset import chunks
from pciops.notices.models import Notice, NoticeForecast
from pciops.notices.plan import CHUNK
from pciops.notices.rules import Book, Rules

Kind = Notice.Kind

DAYS: Final = 14

_Count = Counter[tuple[str, date, str]]  # domain id, day, kind


def take(*, policy: Policy, book: Book, now: datetime) -> None:
    """Count anew, and keep it in the place of the count before.

    Raises:
        KeystoneDatabaseDownError
    """
    names = {domain.id: domain.name for domain in selectors.domains(scope=None)}
    rules = {domain_id: book.of_domain(domain_id, name) for domain_id, name in names.items()}
    found: _Count = Counter()
    _count_passwords(found, rules, book, now)
    _count_activity(found, rules, policy, book, now)
    rows = [
        NoticeForecast(domain_id=domain_id, day=day, kind=kind, number=number)
        for (domain_id, day, kind), number in found.items()
    ]
    with transaction.atomic():
        NoticeForecast.objects.all().delete()
        NoticeForecast.objects.bulk_create(rows, batch_size=ROWS)


def days(*, scope: str | None, now: datetime) -> list[tuple[date, dict[str, int]]]:
    """Each of the next days with the number of each kind; nothing where none is known."""
    rows = NoticeForecast.objects.all()
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    grouped = rows.order_by().values_list("day", "kind").annotate(sum=Sum("number"))
    numbers = {(day, kind): number for day, kind, number in grouped}
    coming = [now.astimezone(UTC).date() + timedelta(days=ahead) for ahead in range(DAYS)]
    return [(day, {kind: numbers.get((day, kind), 0) for kind in Kind.values}) for day in coming]


def _count_passwords(found: _Count, rules: dict[str, Rules], book: Book, now: datetime) -> None:
    ahead = timedelta(days=DAYS + book.furthest(Kind.PASSWORD_EXPIRING))
    rows = Password.objects.filter(
        expires(gt=now, lte=now + ahead),
        ~option_is_true(options.IGNORE_PASSWORD_EXPIRY, user_id="local_user__user_id"),
        local_user__user__enabled=True,
    )
    columns = ("local_user__domain_id", "expires_at_int", "expires_at")
    for domain_id, new, old in _streamed(rows, columns):
        of_domain = rules.get(domain_id, book.usual)
        at = new or old
        for step in of_domain.steps_of(Kind.PASSWORD_EXPIRING):
            _add(found, domain_id, at - timedelta(days=step), Kind.PASSWORD_EXPIRING, now)
        if of_domain.steps_of(Kind.PASSWORD_EXPIRED):
            _add(found, domain_id, at, Kind.PASSWORD_EXPIRED, now)


def _count_activity(
    found: _Count, rules: dict[str, Rules], policy: Policy, book: Book, now: datetime
) -> None:
    limit = policy.disable_user_account_days_inactive
    if limit is None or not book.on(Kind.INACTIVITY):
        return
    soon = replace(policy, inactive_soon_days=DAYS + book.furthest(Kind.INACTIVITY))
    rows = User.objects.filter(INACTIVE_SOON.user_condition(soon, now), local_user__isnull=False)
    columns = ("local_user__domain_id", "last_active_at", "created_at")
    for domain_id, last, made in _streamed(rows, columns):
        active = last or made.astimezone(UTC).date()
        first = datetime.combine(active + timedelta(days=limit), datetime.min.time(), UTC)
        for step in rules.get(domain_id, book.usual).steps_of(Kind.INACTIVITY):
            _add(found, domain_id, first - timedelta(days=step), Kind.INACTIVITY, now)


def _add(found: _Count, domain_id: str, at: datetime, kind: Notice.Kind, now: datetime) -> None:
    """Count it on its day; what came due before today has been planned already."""
    day, today = at.astimezone(UTC).date(), now.astimezone(UTC).date()
    if today <= day < today + timedelta(days=DAYS):
        found[domain_id, day, kind.value] += 1


def _streamed(rows: QuerySet[Any], columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """The columns of all rows, a chunk in memory at a time."""

    @database.reading()
    def read(part: QuerySet[Any]) -> list[tuple[Any, ...]]:
        return list(part.values_list(*columns, "pk"))

    for found in chunks(rows, read, itemgetter(-1), size=CHUNK):
        yield from (row[:-1] for row in found)
