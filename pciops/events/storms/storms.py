"""Detects lockout storms: many accounts are locked, or many unknown usernames tried, at once.

Every minute, the notifications of the last ten minutes are searched. A storm is one row from its
first minute to its last.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, F, Min, Q, QuerySet, Sum

from pciops.accounts import loading, privileged
from pciops.accounts.account import Account
from pciops.accounts.census import census
from pciops.accounts.census.counting import EVERY
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import LOCKED
from pciops.events.diagnosis.selectors import shared_addresses
from pciops.events.models import Attempts, Outcome, Storm, StormAccount
from pciops.events.storms.summary import WORST
from pciops.keystone import database
from pciops.keystone.models import User
from pciops.lib import retries
from pciops.lib.addresses import storable

log = logging.getLogger(__name__)

PERIOD: Final = timedelta(minutes=10)
CALM: Final = timedelta(minutes=15)  # after the last detection, a storm is over
FEW: Final = 5  # addresses
SHARE: Final = 0.8  # of all attempts, for a storm from few addresses
SCATTERED: Final = 5  # factor of the limits for a storm from many addresses
KEPT: Final = 10  # addresses of a storm
READ: Final = 100  # addresses that are read
MAX_ACCOUNTS: Final = 5000  # that are looked up
CHUNK: Final = 1000
PER_CLOUD: Final = 10_000  # one lock per so many accounts is usual in a large cloud


@dataclass(frozen=True, kw_only=True)
class AddressAttempts:
    """The attempts from one address in the period."""

    address: str
    accounts: int
    names: int
    tries: int


@dataclass(frozen=True, kw_only=True)
class PeriodAttempts:
    """The attempts in the period."""

    began_at: datetime | None
    addresses: Sequence[AddressAttempts]  # the worst first
    accounts: int
    names: int
    tries: int
    locked: int  # accounts that were locked


def is_storm(attempts: PeriodAttempts, *, cloud_size: int) -> bool:
    """Return whether administrators have to be alerted; the limits of a large cloud are higher."""
    usual = cloud_size // PER_CLOUD
    factor = 1 if from_few(attempts) else SCATTERED
    locks = max(settings.STORM_ACCOUNTS, usual) * factor
    names = max(settings.STORM_NAMES, usual) * factor
    return attempts.locked >= locks or attempts.names >= names


def from_few(attempts: PeriodAttempts) -> bool:
    """Return whether most attempts come from a few addresses, which can be blocked."""
    worst = sum(address.accounts + address.names for address in attempts.addresses[:FEW])
    return worst >= SHARE * (attempts.accounts + attempts.names)


def watch(*, policy: Policy, now: datetime) -> Storm | None:
    """Begin a storm, update the current one, or end it; return the current one."""
    attempts = _attempts(now)
    locked, number = _locked_accounts(_storm_rows(attempts, now), policy=policy, now=now)
    attempts = replace(attempts, locked=number)
    current = Storm.objects.filter(ended_at=None).order_by("-began_at").first()
    if not is_storm(attempts, cloud_size=_cloud_size()):
        if current is not None and now - current.last_at >= CALM:
            Storm.objects.filter(pk=current.pk, ended_at=None).update(ended_at=current.last_at)
        return None
    return _store(current, attempts, locked, now)


def current_storm(*, scope: str | None, now: datetime) -> Storm | None:
    """Return the current storm, if it locked an account of this domain (None for any)."""
    storm = Storm.objects.filter(ended_at=None, last_at__gt=now - CALM).first()
    if storm is None or scope is None:
        return storm
    return storm if storm.locked.filter(domain_id=scope).exists() else None


# --- Attempts -----------------------------------------------------------------------------------
def _failures(now: datetime) -> QuerySet[Attempts]:
    reasons = (
        Attempts.Reason.WRONG_PASSWORD,
        Attempts.Reason.LOCKED,
        Attempts.Reason.UNKNOWN_NAME,
    )
    rows = Attempts.objects.filter(outcome=Outcome.FAILURE, reason__in=reasons)
    return rows.filter(window__gt=now - PERIOD)


_NUMBERS: Final = {
    "accounts": Count("user_id", distinct=True, filter=~Q(reason=Attempts.Reason.UNKNOWN_NAME)),
    "names": Count("name", distinct=True, filter=Q(reason=Attempts.Reason.UNKNOWN_NAME)),
    "tries": Sum("count"),
}


def _attempts(now: datetime) -> PeriodAttempts:
    """Return the attempts of the period, without the number of locked accounts."""
    rows = _failures(now)
    worst: Any = (
        rows.values("address")
        .annotate(**_NUMBERS)
        .order_by((F("accounts") + F("names")).desc(), "address")[:READ]
    )
    addresses = [
        AddressAttempts(
            address=row["address"], accounts=row["accounts"], names=row["names"], tries=row["tries"]
        )
        for row in worst
    ]
    if not addresses:
        return PeriodAttempts(began_at=None, addresses=(), accounts=0, names=0, tries=0, locked=0)
    began = rows.filter(address__in=_storm_addresses(addresses)).aggregate(at=Min("first_at"))
    total = rows.aggregate(**_NUMBERS)
    return PeriodAttempts(began_at=began["at"], addresses=addresses, locked=0, **total)


def _storm_addresses(addresses: Sequence[AddressAttempts]) -> list[str]:
    """Return the few addresses that make a storm, without bystanders."""
    return [
        address.address
        for place, address in enumerate(addresses[:FEW])
        if not place or address.accounts + address.names >= WORST
    ]


def _storm_rows(attempts: PeriodAttempts, now: datetime) -> QuerySet[Attempts]:
    """Return the failures of a storm: only those of the few addresses, if it has few."""
    rows = _failures(now).exclude(user_id="")
    if from_few(attempts):
        rows = rows.filter(address__in=_storm_addresses(attempts.addresses))
    return rows


def _locked_accounts(
    rows: QuerySet[Attempts], *, policy: Policy, now: datetime
) -> tuple[list[Account], int]:
    """Return the accounts that were locked in the period, and their number.

    Without Keystone's database, only the number is estimated from notifications.
    """
    try:
        locked = _read_locked(rows, policy=policy, now=now)
    except database.KeystoneDatabaseDownError as error:
        log.warning("judging possible attacks by notifications only: %s", error)
    else:
        return locked, len(locked)
    if policy.lockout_failure_attempts is None:
        return [], 0
    wrong = Sum("count", filter=Q(reason=Attempts.Reason.WRONG_PASSWORD))
    refused = Sum("count", filter=Q(reason=Attempts.Reason.LOCKED))
    estimated = (
        rows.values("user_id")
        .annotate(wrong=wrong, refused=refused)
        .filter(Q(wrong__gte=policy.lockout_failure_attempts) | Q(refused__gt=0))
    )
    return [], estimated.count()


def _read_locked(rows: QuerySet[Attempts], *, policy: Policy, now: datetime) -> list[Account]:
    """Return the accounts of these rows that Keystone locked in the period."""
    ids = list(rows.order_by().values_list("user_id", flat=True).distinct()[:MAX_ACCOUNTS])
    accounts = list[Account]()
    for start in range(0, len(ids), CHUNK):
        with database.reading():
            users = User.objects.filter(pk__in=ids[start : start + CHUNK])
            users = users.filter(local_user__failed_auth_at__gt=now - PERIOD)
            accounts += loading.accounts(loading.user_rows(users), kinds={})
    return [account for account in accounts if LOCKED.holds(account, policy, now)]


def _cloud_size() -> int:
    counted = census.numbers(scope=None)
    return counted.number(EVERY) if counted else 0


# --- Storms -------------------------------------------------------------------------------------
@retries.repeated
def _store(
    current: Storm | None, attempts: PeriodAttempts, locked: Collection[Account], now: datetime
) -> Storm:
    storm = _begin(attempts, now) if current is None else _update(current, attempts, now)
    _add(storm, locked)
    return storm


def _begin(attempts: PeriodAttempts, now: datetime) -> Storm:
    return Storm.objects.create(
        began_at=attempts.began_at or now,
        last_at=now,
        few=from_few(attempts),
        sources=_sources(attempts, now),
        accounts=attempts.accounts,
        names=attempts.names,
        tries=attempts.tries,
    )


def _update(storm: Storm, attempts: PeriodAttempts, now: datetime) -> Storm:
    """Update the storm; its numbers are those of its worst ten minutes."""
    storm.last_at = now
    if attempts.accounts + attempts.names >= storm.accounts + storm.names:
        storm.sources, storm.few = _sources(attempts, now), from_few(attempts)
    storm.accounts = max(storm.accounts, attempts.accounts)
    storm.names = max(storm.names, attempts.names)
    storm.tries = max(storm.tries, attempts.tries)
    storm.save()
    return storm


def _sources(attempts: PeriodAttempts, now: datetime) -> list[dict[str, object]]:
    shared = shared_addresses(now)
    return [
        {**asdict(address), "shared": address.address in shared}
        for address in attempts.addresses[:KEPT]
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
