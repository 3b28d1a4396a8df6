"""Lockout storms: who locks many accounts at once, or looks for names, stops a cloud.

Looked for every minute in what was heard in the last ten. A storm is one row from its first
minute to its last, and one alert.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Min, Q, QuerySet, Sum

from pciops.accounts import loading, privileged
from pciops.accounts.account import Account
from pciops.accounts.census import census
from pciops.accounts.census.counting import EVERY
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import LOCKED
from pciops.events.diagnosis import histories
from pciops.events.models import Attempts, Outcome, Storm, StormAccount
from pciops.events.storms import alerts
from pciops.keystone import database
from pciops.keystone.models import User
from pciops.lib.addresses import storable

log = logging.getLogger(__name__)

PERIOD: Final = timedelta(minutes=10)
CALM: Final = timedelta(minutes=15)  # without it being seen, a storm is over
FEW: Final = 5  # addresses
SHARE: Final = 0.8  # of all that is tried, that comes from these few
SCATTERED: Final = 5  # times as much is a storm wherever it comes from
KEPT: Final = 10  # addresses of a storm
READ: Final = 100  # addresses that are looked at
MOST: Final = 5000  # accounts that are looked up at a time
PER_CLOUD: Final = 10_000  # one account of so many is what a large cloud locks by itself

Reason = Attempts.Reason


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What one address did in the period."""

    address: str
    accounts: int
    names: int
    tries: int
    shared: bool = False


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """What was heard in the period."""

    began_at: datetime | None
    streams: Sequence[Stream]  # the worst first
    accounts: int
    names: int
    tries: int
    locked: int  # accounts that were locked in it


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much is a storm."""

    accounts: int
    names: int


def limits(cloud: int) -> Limits:
    """What the settings say; in a cloud of so many accounts that more is usual, more."""
    return Limits(
        accounts=max(settings.STORM_ACCOUNTS, cloud // PER_CLOUD),
        names=max(settings.STORM_NAMES, cloud // PER_CLOUD),
    )


def is_storm(seen: Suspicion, limits: Limits) -> bool:
    """Whether an administrator has to be woken."""
    few = from_few(seen)
    locks = limits.accounts * (1 if few else SCATTERED)
    names = limits.names * (1 if few else SCATTERED)
    return seen.locked >= locks or seen.names >= names


def from_few(seen: Suspicion) -> bool:
    """Whether most of it comes from a handful of addresses, which can be blocked."""
    tried = seen.accounts + seen.names
    worst = sum(stream.accounts + stream.names for stream in seen.streams[:FEW])
    return worst >= SHARE * tried


def watch(*, policy: Policy, now: datetime) -> Storm | None:
    """Look for a storm; begins one with its alert, or follows the one that is on, or ends it."""
    seen = _seen(_streams(now), now)
    locked, many = _locked_and_many(_tried(seen, now), policy=policy, now=now)
    seen = replace(seen, locked=many)
    on = Storm.objects.filter(ended_at=None).order_by("-began_at").first()
    if not is_storm(seen, limits(_size())):
        if on is not None and now - on.last_at >= CALM:
            Storm.objects.filter(pk=on.pk, ended_at=None).update(ended_at=on.last_at)
        return None
    with transaction.atomic():
        if on is None:
            storm = _begun(seen, now)
            _add(storm, locked)
            alerts.raise_for(storm, now=now)
        else:
            storm = _followed(on, seen, now)
            _add(storm, locked)
    return storm


def going_on(*, scope: str | None, now: datetime) -> Storm | None:
    """The storm that is on; for the operator of a domain only one that locked an account of it."""
    storm = Storm.objects.filter(ended_at=None, last_at__gt=now - CALM).first()
    if storm is None or scope is None:
        return storm
    return storm if storm.locked.filter(domain_id=scope).exists() else None


# --- What was heard -----------------------------------------------------------------------------
def _failures(now: datetime) -> QuerySet[Attempts]:
    reasons = (Reason.WRONG_PASSWORD, Reason.LOCKED, Reason.UNKNOWN_NAME)
    rows = Attempts.objects.filter(outcome=Outcome.FAILURE, reason__in=reasons)
    return rows.filter(window__gt=now - PERIOD)


_NUMBERS: Final = {
    "accounts": Count("user_id", distinct=True, filter=~Q(reason=Reason.UNKNOWN_NAME)),
    "names": Count("name", distinct=True, filter=Q(reason=Reason.UNKNOWN_NAME)),
    "tries": Sum("count"),
}


def _streams(now: datetime) -> list[Stream]:
    rows = _failures(now).values("address").annotate(**_NUMBERS)
    worst: Any = rows.order_by((F("accounts") + F("names")).desc(), "address")[:READ]
    return [
        Stream(
            address=row["address"], accounts=row["accounts"], names=row["names"], tries=row["tries"]
        )
        for row in worst
    ]


def _seen(streams: Sequence[Stream], now: datetime) -> Suspicion:
    """What was heard; who was locked is not looked up yet."""
    rows = _failures(now)
    total = rows.aggregate(**_NUMBERS) if streams else {"accounts": 0, "names": 0, "tries": 0}
    worst = _worst(streams)
    began = rows.filter(address__in=worst).aggregate(at=Min("first_at"))["at"] if worst else None
    return Suspicion(began_at=began, streams=streams, locked=0, **total)


def _worst(streams: Sequence[Stream]) -> list[str]:
    """The few addresses that make a storm, without bystanders."""
    return [
        stream.address
        for place, stream in enumerate(streams[:FEW])
        if not place or stream.accounts + stream.names >= alerts.WORST
    ]


def _tried(seen: Suspicion, now: datetime) -> QuerySet[Attempts]:
    """The failures of a storm: those from the few, where it is few."""
    rows = _failures(now).exclude(user_id="")
    return rows.filter(address__in=_worst(seen.streams)) if from_few(seen) else rows


def _locked_and_many(
    tried: QuerySet[Attempts], *, policy: Policy, now: datetime
) -> tuple[list[Account], int]:
    """The accounts that were locked in the period, and how many they are.

    Without Keystone's database nobody knows them; how many, by what was heard.
    """
    try:
        locked = _locked(tried, policy=policy, now=now)
    except database.KeystoneDatabaseDownError as error:
        log.warning("storms are judged by notifications alone: %s", error)
    else:
        return locked, len(locked)
    if policy.lockout_failure_attempts is None:
        return [], 0
    wrong = Sum("count", filter=Q(reason=Reason.WRONG_PASSWORD))
    refused = Sum("count", filter=Q(reason=Reason.LOCKED))
    heard = (
        tried.values("user_id")
        .annotate(wrong=wrong, refused=refused)
        .filter(Q(wrong__gte=policy.lockout_failure_attempts) | Q(refused__gt=0))
    )
    return [], heard.count()


def _locked(tried: QuerySet[Attempts], *, policy: Policy, now: datetime) -> list[Account]:
    """The accounts among those tried that were locked in the period, as Keystone has them.

    Raises:
        KeystoneDatabaseDownError
    """
    ids = list(tried.order_by().values_list("user_id", flat=True).distinct()[:MOST])
    found = list[Account]()
    for start in range(0, len(ids), 1000):
        with database.reading():
            users = User.objects.filter(pk__in=ids[start : start + 1000])
            users = users.filter(local_user__failed_auth_at__gt=now - PERIOD)
            found += loading.accounts(loading.user_rows(users), kinds={})
    return [account for account in found if LOCKED.holds(account, policy, now)]


def _size() -> int:
    counted = census.numbers(scope=None)
    return counted.number(EVERY) if counted else 0


# --- What is kept -------------------------------------------------------------------------------
def _begun(seen: Suspicion, now: datetime) -> Storm:
    return Storm.objects.create(
        began_at=seen.began_at or now,
        last_at=now,
        few=from_few(seen),
        sources=_sources(seen, now),
        accounts=seen.accounts,
        names=seen.names,
        tries=seen.tries,
    )


def _followed(storm: Storm, seen: Suspicion, now: datetime) -> Storm:
    """The same with what it has become: its numbers are those of its worst ten minutes."""
    storm.last_at = now
    if seen.accounts + seen.names >= storm.accounts + storm.names:
        storm.sources, storm.few = _sources(seen, now), from_few(seen)
    for number in ("accounts", "names", "tries"):
        setattr(storm, number, max(getattr(storm, number), getattr(seen, number)))
    storm.save()
    return storm


def _sources(seen: Suspicion, now: datetime) -> list[dict[str, object]]:
    shared = histories.shared_addresses(now)
    return [
        {**asdict(stream), "shared": stream.address in shared} for stream in seen.streams[:KEPT]
    ]


def _add(storm: Storm, locked: Collection[Account]) -> None:
    known = set(storm.locked.values_list("user_id", flat=True))
    new = [account for account in locked if account.id not in known]
    with database.reading():
        of_kind = privileged.kinds_of([account.id for account in new]) if new else {}
    StormAccount.objects.bulk_create(
        [
            StormAccount(
                storm=storm,
                user_id=account.id,
                name=storable(account.name),
                domain_id=account.domain_id,
                domain_name=storable(account.domain_name),
                kinds=" ".join(kind.value for kind in of_kind.get(account.id, ())),
                locked_at=account.failed_auth_at,
            )
            for account in new
            if account.failed_auth_at is not None
        ],
        batch_size=500,
        ignore_conflicts=True,
    )
