"""The census: takes, keeps, thins out and reads the counts of accounts.

Pages and metrics ask it for what would take too long to count for each of them, and say its age.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import TruncDate

from pciops.accounts import privileged
from pciops.accounts.census import counting
from pciops.accounts.census.counting import CLOUD, EVERY, Kinds, Tally
from pciops.accounts.models import Census, CensusAttention, CensusCount, CensusDay, CensusGap
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import EXPIRED, INACTIVE

STALE: Final = timedelta(minutes=15)  # a census runs every five
# How far back all censuses are kept, then the last of each UTC hour, then of each UTC day.
KEEP_ALL: Final = timedelta(days=2)
KEEP_HOURLY: Final = timedelta(days=31)
KEEP_DAILY: Final = timedelta(days=731)
BATCH: Final = 100  # censuses that are deleted by one statement


@dataclass(frozen=True, kw_only=True)
class Day:
    """A UTC day to come (the first is the rest of today), and what it will do to accounts."""

    day: date
    inactive: int
    expired: int


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """How many accounts of a domain or of the whole cloud the newest census counted."""

    counted_at: datetime
    numbers: Mapping[tuple[str, str], int]  # (state, kind) → accounts

    def number(self, state: str, kind: str = EVERY) -> int:
        """How many accounts were in the state of this name; "": how many there were."""
        return self.numbers.get((state, kind), 0)


@dataclass(frozen=True, kw_only=True)
class Counted(Numbers):
    """All that the newest census says of a domain or of the whole cloud."""

    took: timedelta
    domains: int  # that have accounts
    attention: list[str]  # ids of administrators and service accounts, the most urgent first
    days: list[Day]

    @property
    def accounts(self) -> int:
        """All accounts, those that are not covered among them."""
        return self.number(EVERY)


@dataclass(frozen=True, kw_only=True)
class Point:
    """The last census of a day; a state without accounts is not in `numbers`."""

    counted_at: datetime
    numbers: Mapping[str, int]  # state → accounts; "": all


def take(*, policy: Policy, now: datetime) -> Census:
    """Count all accounts and keep the counts; nothing is kept where the counting fails.

    Raises:
        KeystoneDatabaseDownError
    """
    return keep(count(policy=policy, now=now))


def count(*, policy: Policy, now: datetime) -> Tally:
    """Count all accounts.

    Raises:
        KeystoneDatabaseDownError
    """
    return counting.count(policy=policy, now=now, kinds=_kinds())


def _kinds() -> Kinds:
    """User id → what makes the account matter."""
    return {user_id: tuple(of) for user_id, of in privileged.everyone().items()}


@transaction.atomic
def keep(tally: Tally) -> Census:
    """Write a census; forecast and attention of those before it are of no more use."""
    CensusDay.objects.all().delete()
    CensusAttention.objects.all().delete()
    last = _newest()
    if last is not None and tally.counted_at - last.counted_at > STALE:
        CensusGap.objects.get_or_create(begins=last.counted_at, defaults={"ends": tally.counted_at})
    milliseconds = tally.took // timedelta(milliseconds=1)
    census = Census.objects.create(counted_at=tally.counted_at, milliseconds=milliseconds)
    CensusCount.objects.bulk_create(
        CensusCount(census=census, domain_id=domain, state=state, kind=kind, number=number)
        for (domain, state, kind), number in tally.numbers.items()
        if number
    )
    CensusDay.objects.bulk_create(
        CensusDay(census=census, domain_id=domain, day=day, state=state, number=number)
        for (domain, day, state), number in tally.days.items()
    )
    CensusAttention.objects.bulk_create(
        CensusAttention(census=census, domain_id=domain, user_id=user_id, place=place)
        for place, (domain, user_id) in enumerate(tally.attention)
    )
    return census


def latest(*, scope: str | None) -> Counted | None:
    """The newest census, for a domain or the whole cloud (None); None where there is none yet."""
    census = _newest()
    if census is None:
        return None
    domain = CLOUD if scope is None else scope
    return Counted(
        counted_at=census.counted_at,
        took=timedelta(milliseconds=census.milliseconds),
        domains=_domains(census) if scope is None else 1,
        numbers=_numbers(census, domain),
        attention=_attention(census, scope=scope),
        days=_days(census, domain),
    )


def numbers(*, scope: str | None) -> Numbers | None:
    """The numbers of the newest census alone, in two queries: for what every list shows."""
    census = _newest()
    if census is None:
        return None
    domain = CLOUD if scope is None else scope
    return Numbers(counted_at=census.counted_at, numbers=_numbers(census, domain))


def _newest() -> Census | None:
    return Census.objects.order_by("-counted_at").first()


def _numbers(census: Census, domain: str) -> dict[tuple[str, str], int]:
    counts = census.counts.filter(domain_id=domain)
    return {(state, kind): n for state, kind, n in counts.values_list("state", "kind", "number")}


def trend(*, scope: str | None, since: datetime, until: datetime) -> list[Point]:
    """The last census of each UTC day between two instants (both included), oldest first."""
    within = Census.objects.filter(counted_at__gte=since, counted_at__lte=until)
    by_day = within.values(day=TruncDate("counted_at", tzinfo=UTC)).order_by()
    last = list(by_day.annotate(last=Max("counted_at")).values_list("last", flat=True))
    instants = dict(Census.objects.filter(counted_at__in=last).values_list("pk", "counted_at"))
    numbers: dict[int, dict[str, int]] = {pk: {} for pk in instants}
    rows = CensusCount.objects.filter(
        census__in=instants, domain_id=CLOUD if scope is None else scope, kind=EVERY
    )
    for row in rows:
        numbers[row.census_id][row.state] = row.number
    points = [Point(counted_at=instants[pk], numbers=numbers[pk]) for pk in instants]
    return sorted(points, key=lambda point: point.counted_at)


def thin(now: datetime) -> int:
    """Delete the censuses that are not kept any longer; returns how many."""
    rows = Census.objects.filter(counted_at__lt=now - KEEP_ALL).order_by("counted_at")
    kept: dict[str, int] = {}  # an hour or a day → the last census in it
    old: list[int] = []
    for pk, counted_at in rows.values_list("pk", "counted_at"):
        old.append(pk)
        if counted_at >= now - KEEP_DAILY:
            slot = "%Y-%m-%d %H" if counted_at >= now - KEEP_HOURLY else "%Y-%m-%d"
            kept[counted_at.astimezone(UTC).strftime(slot)] = pk
    doomed = sorted(set(old) - set(kept.values()))
    for start in range(0, len(doomed), BATCH):
        Census.objects.filter(pk__in=doomed[start : start + BATCH]).delete()
    return len(doomed)


def _domains(census: Census) -> int:
    everyone = census.counts.filter(state=EVERY, kind=EVERY)
    return everyone.exclude(domain_id=CLOUD).count()


def _attention(census: Census, *, scope: str | None) -> list[str]:
    rows = census.attention.order_by("place")
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    return list(rows.values_list("user_id", flat=True)[: counting.ATTENTION])


def _days(census: Census, domain: str) -> list[Day]:
    numbers = {(row.day, row.state): row.number for row in census.days.filter(domain_id=domain)}
    return [
        Day(
            day=day,
            inactive=numbers.get((day, INACTIVE.name), 0),
            expired=numbers.get((day, EXPIRED.name), 0),
        )
        for day in counting.days_from(census.counted_at)
    ]
