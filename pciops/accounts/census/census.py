"""The census: takes, stores, thins out and reads the counts of accounts.

Pages and metrics use it for numbers that take too long to count each time, and show its age.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db.models import Max
from django.db.models.functions import TruncDate

from pciops.accounts import privileged
from pciops.accounts.census import counting
from pciops.accounts.census.counting import CLOUD, EVERY, CensusTally
from pciops.accounts.models import Census, CensusAttention, CensusCount, CensusDay, CensusGap
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import EXPIRED, INACTIVE
from pciops.keystone import limits
from pciops.lib import retries
from pciops.lib.keyset import batched

STALE: Final = timedelta(minutes=15)  # a census runs every five
# How long all censuses are kept, then the last of each UTC hour, then the last of each UTC day.
KEEP_ALL: Final = timedelta(days=2)
KEEP_HOURLY: Final = timedelta(days=31)
KEEP_DAILY: Final = timedelta(days=731)
BATCH: Final = 100  # censuses in one DELETE


@dataclass(frozen=True, kw_only=True)
class ForecastDay:
    """The accounts that a UTC day will put into a state; the first day is the rest of today."""

    day: date
    inactive: int
    expired: int


@dataclass(frozen=True, kw_only=True)
class CensusCounts:
    """The numbers of the newest census for a domain or the whole cloud."""

    counted_at: datetime
    numbers: Mapping[tuple[str, str], int]  # (state, kind) → accounts

    def number(self, state: str, kind: str = EVERY) -> int:
        """Return the number of accounts in the state with this name, or of all accounts for ""."""
        return self.numbers.get((state, kind), 0)


@dataclass(frozen=True, kw_only=True)
class CensusSummary(CensusCounts):
    """The newest census for a domain or the whole cloud."""

    took: timedelta
    domains: int  # with accounts
    attention: list[str]  # ids of administrators and service accounts, the most urgent first
    days: list[ForecastDay]

    @property
    def accounts(self) -> int:
        """The number of all accounts, with those that are not covered."""
        return self.number(EVERY)


@dataclass(frozen=True, kw_only=True)
class TrendPoint:
    """The last census of a day; `numbers` has no zeros."""

    counted_at: datetime
    numbers: Mapping[str, int]  # state → accounts; "": all


def take(*, policy: Policy, now: datetime) -> Census:
    """Count all accounts and store the counts."""
    return keep(count(policy=policy, now=now))


@limits.of_job()
def count(*, policy: Policy, now: datetime, passwords: bool = True) -> CensusTally:
    """Count all accounts, as `counting.count` does."""
    kinds = privileged.all_kinds()
    return counting.count(policy=policy, now=now, kinds=kinds, passwords=passwords)


@retries.repeated
def keep(tally: CensusTally) -> Census:
    """Store a census; forecast and attention of earlier ones are deleted."""
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


def latest(*, scope: str | None) -> CensusSummary | None:
    """Return the newest census for a domain or the whole cloud (None); None without a census."""
    census = _newest()
    if census is None:
        return None
    domain = CLOUD if scope is None else scope
    return CensusSummary(
        counted_at=census.counted_at,
        took=timedelta(milliseconds=census.milliseconds),
        domains=_domains(census) if scope is None else 1,
        numbers=_numbers(census, domain),
        attention=_attention(census, scope=scope),
        days=_days(census, domain),
    )


def numbers(*, scope: str | None) -> CensusCounts | None:
    """Return only the numbers of the newest census, in two queries."""
    census = _newest()
    if census is None:
        return None
    domain = CLOUD if scope is None else scope
    return CensusCounts(counted_at=census.counted_at, numbers=_numbers(census, domain))


def _newest() -> Census | None:
    return Census.objects.order_by("-counted_at").first()


def _numbers(census: Census, domain: str) -> dict[tuple[str, str], int]:
    counts = census.counts.filter(domain_id=domain)
    return {(state, kind): n for state, kind, n in counts.values_list("state", "kind", "number")}


def trend(*, scope: str | None, since: datetime, until: datetime) -> list[TrendPoint]:
    """Return the last census of each UTC day between two times (both included), oldest first."""
    within = Census.objects.filter(counted_at__gte=since, counted_at__lte=until)
    by_day = within.values(day=TruncDate("counted_at", tzinfo=UTC)).order_by()
    last = list(by_day.annotate(last=Max("counted_at")).values_list("last", flat=True))
    times = dict(Census.objects.filter(counted_at__in=last).values_list("pk", "counted_at"))
    numbers: dict[int, dict[str, int]] = {pk: {} for pk in times}
    rows = CensusCount.objects.filter(
        census__in=times, domain_id=CLOUD if scope is None else scope, kind=EVERY
    )
    for row in rows:
        numbers[row.census_id][row.state] = row.number
    points = [TrendPoint(counted_at=times[pk], numbers=numbers[pk]) for pk in times]
    return sorted(points, key=lambda point: point.counted_at)


def thin(now: datetime) -> int:
    """Delete the censuses that are not kept any longer; return their number."""
    rows = Census.objects.filter(counted_at__lt=now - KEEP_ALL).order_by("counted_at")
    kept: dict[str, int] = {}  # an hour or a day → the last census in it
    old: list[int] = []
    for pk, counted_at in rows.values_list("pk", "counted_at"):
        old.append(pk)
        if counted_at >= now - KEEP_DAILY:
            slot = "%Y-%m-%d %H" if counted_at >= now - KEEP_HOURLY else "%Y-%m-%d"
            kept[counted_at.astimezone(UTC).strftime(slot)] = pk
    expired = sorted(set(old) - set(kept.values()))
    for pks in batched(expired, BATCH):
        Census.objects.filter(pk__in=pks).delete()
    return len(expired)


def _domains(census: Census) -> int:
    totals = census.counts.filter(state=EVERY, kind=EVERY)
    return totals.exclude(domain_id=CLOUD).count()


def _attention(census: Census, *, scope: str | None) -> list[str]:
    rows = census.attention.order_by("place")
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    return list(rows.values_list("user_id", flat=True)[: counting.ATTENTION])


def _days(census: Census, domain: str) -> list[ForecastDay]:
    numbers = {(row.day, row.state): row.number for row in census.days.filter(domain_id=domain)}
    return [
        ForecastDay(
            day=day,
            inactive=numbers.get((day, INACTIVE.name), 0),
            expired=numbers.get((day, EXPIRED.name), 0),
        )
        for day in counting.days_from(census.counted_at)
    ]
