"""The forecast of the notices of the next days, counted and stored with every planning.

Owners who change a password or sign in meanwhile get none, so fewer notices are sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from operator import itemgetter
from typing import Any, Final

from django.db.models import QuerySet, Sum

from pciops.accounts import selectors
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import INACTIVE_SOON
from pciops.accounts.states.password import expires
from pciops.accounts.states.state import option_is_true
from pciops.keystone import database, limits, options
from pciops.keystone.models import Password, User
from pciops.lib import retries, upsert
from pciops.lib.keyset import chunks
from pciops.notices.candidates import CHUNK
from pciops.notices.models import NoticeForecast, NoticeKind
from pciops.notices.rules import DomainRules, RuleBook

DAYS: Final = 14

_Counts = Counter[tuple[str, date, str]]  # by domain id, day, kind


@limits.of_job()
def take(*, policy: Policy, book: RuleBook, now: datetime) -> None:
    """Count the notices of the next days and replace the stored forecast."""
    names = {domain.id: domain.name for domain in selectors.domains(scope=None)}
    rules = {domain_id: book.of_domain(domain_id, name) for domain_id, name in names.items()}
    counts: _Counts = Counter()
    _count_passwords(counts, rules, book, now)
    _count_activity(counts, rules, policy, book, now)
    rows = [
        NoticeForecast(domain_id=domain_id, day=day, kind=kind, number=number)
        for (domain_id, day, kind), number in counts.items()
    ]
    _replace(rows)


@retries.repeated
def _replace(rows: Sequence[NoticeForecast]) -> None:
    NoticeForecast.objects.all().delete()
    NoticeForecast.objects.bulk_create(rows, batch_size=upsert.ROWS)


def days(*, scope: str | None, now: datetime) -> list[tuple[date, dict[str, int]]]:
    """Return each of the next days with the number of each kind."""
    rows = NoticeForecast.objects.all()
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    grouped = rows.order_by().values_list("day", "kind").annotate(sum=Sum("number"))
    numbers = {(day, kind): number for day, kind, number in grouped}
    coming = [now.astimezone(UTC).date() + timedelta(days=ahead) for ahead in range(DAYS)]
    return [
        (day, {kind: numbers.get((day, kind), 0) for kind in NoticeKind.values}) for day in coming
    ]


def _count_passwords(
    counts: _Counts, rules: dict[str, DomainRules], book: RuleBook, now: datetime
) -> None:
    ahead = timedelta(days=DAYS + book.furthest(NoticeKind.PASSWORD_EXPIRING))
    rows = Password.objects.filter(
        expires(gt=now, lte=now + ahead),
        ~option_is_true(options.IGNORE_PASSWORD_EXPIRY, user_id="local_user__user_id"),
        local_user__user__enabled=True,
    )
    columns = ("local_user__domain_id", "expires_at_int", "expires_at")
    for domain_id, expires_at_int, expires_at in _streamed(rows, columns):
        domain_rules = rules.get(domain_id, book.default)
        at = expires_at_int or expires_at
        for step in domain_rules.steps_of(NoticeKind.PASSWORD_EXPIRING):
            _add(counts, domain_id, at - timedelta(days=step), NoticeKind.PASSWORD_EXPIRING, now)
        if domain_rules.steps_of(NoticeKind.PASSWORD_EXPIRED):
            _add(counts, domain_id, at, NoticeKind.PASSWORD_EXPIRED, now)


def _count_activity(
    counts: _Counts, rules: dict[str, DomainRules], policy: Policy, book: RuleBook, now: datetime
) -> None:
    limit = policy.disable_user_account_days_inactive
    if limit is None or not book.on(NoticeKind.INACTIVITY):
        return
    soon = replace(policy, inactive_soon_days=DAYS + book.furthest(NoticeKind.INACTIVITY))
    rows = User.objects.filter(INACTIVE_SOON.user_condition(soon, now))
    columns = ("domain_id", "last_active_at", "created_at")
    for domain_id, last_active_at, created_at in _streamed(rows, columns):
        active_on = last_active_at or created_at.astimezone(UTC).date()
        begins = datetime.combine(active_on + timedelta(days=limit), time.min, UTC)
        for step in rules.get(domain_id, book.default).steps_of(NoticeKind.INACTIVITY):
            _add(counts, domain_id, begins - timedelta(days=step), NoticeKind.INACTIVITY, now)


def _add(counts: _Counts, domain_id: str, at: datetime, kind: NoticeKind, now: datetime) -> None:
    """Count a notice on its day, if that is one of the next days."""
    day, today = at.astimezone(UTC).date(), now.astimezone(UTC).date()
    if today <= day < today + timedelta(days=DAYS):
        counts[domain_id, day, kind.value] += 1


def _streamed(rows: QuerySet[Any], columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the columns of all rows, with one chunk in memory."""

    @database.reading()
    def read(part: QuerySet[Any]) -> list[tuple[Any, ...]]:
        return list(part.values_list(*columns, "pk"))

    for chunk in chunks(rows, read, itemgetter(-1), size=CHUNK):
        yield from (row[:-1] for row in chunk)
