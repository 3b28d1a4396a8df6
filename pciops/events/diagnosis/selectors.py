"""Reads the facts for diagnoses, in as many queries for a page of accounts as for one.

Attackers decide how many rows there are, so only the newest rows of each account and address are
read, each by an index.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet

from pciops.accounts.account import Account
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.audit.models import Event
from pciops.events import liveness
from pciops.events.diagnosis import rules
from pciops.events.diagnosis.cadence import AttemptRow
from pciops.events.diagnosis.explanation import Explanation, explain
from pciops.events.models import Attempts, Outcome

PERIOD: Final = timedelta(hours=24)  # of a history
ROWS_OF_ACCOUNT: Final = 300
ROWS_OF_ADDRESS: Final = 500
ROWS_OF_CLOUD: Final = 2000  # the sample that shows which addresses are shared
ADDRESSES_OF_ACCOUNT: Final = 5
ADDRESSES_OF_PAGE: Final = 50
HOUR: Final = timedelta(hours=1)
# An address is a proxy if at least so many of all accounts that sign in use it.
SHARE: Final = 0.5
LEAST_ACCOUNTS: Final = 10
RELOCK: Final = timedelta(hours=24)  # a lock so soon after an unlock has the same cause

_COLUMNS: Final = tuple(field.name for field in fields(AttemptRow))


# --- Diagnoses ------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class AttemptOrigin:
    """The source of an account's failures, as Keystone reported it."""

    address: str  # may be a proxy's or forged
    agent: str
    summary: str  # such as "the same wrong password every 300 s from 10.2.3.4"


def explain_lock(
    account: Account, *, policy: Policy, now: datetime, scope: str | None
) -> Explanation | None:
    """Explain why Keystone counts failures of this account; None if it counts none.

    Args:
        scope: the only domain that the operator sees; None for all.
    """
    if not account.covered or not account.failed_auth_count:
        return None
    return explain(
        diagnoses([account.id], policy=policy, now=now, scope=scope)[account.id], now=now
    )


def causes(
    user_ids: Sequence[str], *, policy: Policy, now: datetime, scope: str | None
) -> dict[str, rules.Cause]:
    """Return the cause for each account of a page; nothing if there are no notifications."""
    found = diagnoses(user_ids, policy=policy, now=now, scope=scope)
    if not any(diagnosis.history.coverage.events for diagnosis in found.values()):
        return {}
    return {user_id: diagnosis.cause for user_id, diagnosis in found.items()}


def origins(user_ids: Sequence[str], now: datetime) -> Mapping[str, AttemptOrigin]:
    """Return the main source of each account's failures, if it is known."""
    found = diagnoses(user_ids, policy=policies.current(), now=now)
    return {
        user_id: AttemptOrigin(
            address=diagnosis.sources[0].address,
            agent=diagnosis.sources[0].agent,
            summary=explain(diagnosis, now=now).sentence,
        )
        for user_id, diagnosis in found.items()
        if diagnosis.sources
    }


def locked_again(account: Account, unlock: Event | None) -> bool:
    """Return whether the account was locked again within a day after this unlock.

    Attempts on a locked account do not change its row, so the last failure is the one that locked
    it.
    """
    at = account.failed_auth_at
    if unlock is None or at is None:
        return False
    return unlock.event_time <= at <= unlock.event_time + RELOCK


def diagnoses(
    user_ids: Collection[str], *, policy: Policy, now: datetime, scope: str | None = None
) -> dict[str, rules.Diagnosis]:
    """Return the diagnosis of each account.

    Args:
        scope: the only domain that the reader sees; attempts on accounts of others are ignored.
    """
    wanted = list(dict.fromkeys(user_ids))
    since = now - PERIOD
    attempts: dict[str, list[AttemptRow]] = {user_id: [] for user_id in wanted}
    hashes: dict[str, set[str]] = defaultdict(set)
    for row in _of_accounts(wanted, since):
        attempts[row.user_id].append(row)
        if row.partial_hash:
            hashes[row.user_id].add(row.partial_hash)
    sample = _newest(_since(since, scope))
    gaps = tuple(liveness.gaps(since, now))
    coverage = rules.Coverage(
        since=since,
        events=bool(sample) or gaps != ((since, now),),
        successes=any(row.outcome == Outcome.SUCCESS for row in sample),
        gaps=gaps if sample else (),
    )
    addresses = {user_id: _main_addresses(rows) for user_id, rows in attempts.items()}
    frequent = Counter(address for found in addresses.values() for address in found)
    chosen = [address for address, _ in frequent.most_common(ADDRESSES_OF_PAGE)]
    rows_of_address = _of_addresses(chosen, since, scope)
    shared = _shared(sample)
    return {
        user_id: rules.diagnose(
            rules.History(
                attempts=attempts[user_id],
                coverage=coverage,
                addresses={
                    address: _activity_of(
                        rows_of_address.get(address, ()),
                        except_for=user_id,
                        hashes=hashes[user_id],
                        shared=address in shared,
                    )
                    for address in addresses[user_id]
                },
            ),
            policy=policy,
            now=now,
        )
        for user_id in wanted
    }


def shared_addresses(now: datetime) -> set[str]:
    """Return the addresses that are most likely proxies."""
    return _shared(_newest(_since(now - PERIOD, None)))


# --- Addresses ------------------------------------------------------------------------------------
def _main_addresses(rows: Sequence[AttemptRow]) -> list[str]:
    """Return the addresses with the most failures."""
    failures: Counter[str] = Counter()
    for row in rules.failures_of(rows):
        failures[row.address] += row.count
    return [address for address, _ in failures.most_common(ADDRESSES_OF_ACCOUNT)]


def _activity_of(
    rows: Iterable[AttemptRow], *, except_for: str, hashes: Collection[str], shared: bool
) -> rules.AddressActivity:
    """Return what an address did to other accounts in its worst hour.

    Args:
        rows: of the address, the oldest first.
        except_for: the account under diagnosis.
        hashes: of the wrong passwords of that account.
    """
    hour: deque[tuple[datetime, str]] = deque()
    targets: Counter[str] = Counter()
    worst = rules.AddressActivity()
    signed_in, same_hash = set(), set()
    for row in rows:
        if row.user_id == except_for:
            continue
        if row.outcome == Outcome.SUCCESS:
            signed_in.add(row.user_id)
            continue
        target = f"id {row.user_id}" if row.user_id else f"name {row.name}"
        if row.user_id and row.partial_hash in hashes:
            same_hash.add(row.user_id)
        hour.append((row.first_at, target))
        targets[target] += 1
        while row.first_at - hour[0][0] > HOUR:
            _, left = hour.popleft()
            targets[left] -= 1
            if not targets[left]:
                del targets[left]
        if len(targets) > worst.targets:
            accounts = sum(1 for target in targets if target.startswith("id "))
            worst = rules.AddressActivity(accounts=accounts, unknown_names=len(targets) - accounts)
    return rules.AddressActivity(
        accounts=worst.accounts,
        unknown_names=worst.unknown_names,
        same_hash=len(same_hash),
        signed_in=len(signed_in),
        shared=shared,
    )


def _shared(sample: Iterable[AttemptRow]) -> set[str]:
    """Return the addresses from which so many accounts sign in that they must be proxies.

    Only successes count: an attacker could produce any share of failures.
    """
    accounts: dict[str, set[str]] = defaultdict(set)
    for row in sample:
        if row.outcome == Outcome.SUCCESS:
            accounts[row.address].add(row.user_id)
    total = len(set().union(*accounts.values()))
    least = max(LEAST_ACCOUNTS, SHARE * total)
    return {address for address, found in accounts.items() if len(found) >= least}


# --- Queries --------------------------------------------------------------------------------------
def _of_accounts(user_ids: Sequence[str], since: datetime) -> list[AttemptRow]:
    rows = Attempts.objects.filter(window__gte=since)
    queries = [rows.filter(user_id=user_id) for user_id in user_ids if user_id]
    return _newest_of_each(queries, ROWS_OF_ACCOUNT)


def _since(since: datetime, scope: str | None) -> QuerySet[Attempts]:
    rows = Attempts.objects.filter(window__gte=since)
    return rows if scope is None else rows.filter(domain_id=scope)


def _of_addresses(
    addresses: Sequence[str], since: datetime, scope: str | None
) -> Mapping[str, list[AttemptRow]]:
    queries = [_since(since, scope).filter(address=address) for address in addresses if address]
    found: dict[str, list[AttemptRow]] = defaultdict(list)
    for row in sorted(_newest_of_each(queries, ROWS_OF_ADDRESS), key=lambda row: row.first_at):
        found[row.address].append(row)
    return found


def _newest(rows: QuerySet[Attempts]) -> list[AttemptRow]:
    newest = rows.order_by("-window", "-id").values_list(*_COLUMNS)[:ROWS_OF_CLOUD]
    return [AttemptRow(*row) for row in newest]


def _newest_of_each(queries: Sequence[QuerySet[Attempts]], limit: int) -> list[AttemptRow]:
    """Return the newest rows of each query, in one statement.

    On SQLite, Django's `union` refuses limits in its parts; SQLite accepts them in subqueries. The
    statements in these are Django's own.
    """
    parts: list[str] = []
    values: list[Any] = []
    for number, rows in enumerate(queries):
        newest = rows.order_by("-window", "-id").values("id", *_COLUMNS)[:limit]
        statement, parameters = newest.query.get_compiler(connection=connection).as_sql()
        parts.append(f"SELECT * FROM ({statement}) part{number}")  # noqa: S608 (no values in it)
        values += parameters
    if not parts:
        return []
    found = Attempts.objects.raw(" UNION ALL ".join(parts), values)
    return [AttemptRow(*(getattr(row, name) for name in _COLUMNS)) for row in found]
