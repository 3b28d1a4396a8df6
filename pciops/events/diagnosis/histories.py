"""Reads what a diagnosis is made of: as many queries for a page of accounts as for one.

Whoever attacks decides how many rows there are. So of each account and of each address only the
newest are read, each by an index.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from pciops.accounts.policy.policy import Policy
from pciops.events import selectors
from pciops.events.diagnosis.diagnosis import (
    Diagnosis,
    Elsewhere,
    Heard,
    History,
    diagnose,
    failures,
)
from pciops.events.diagnosis.rhythm import Tries
from pciops.events.models import Attempts, Outcome

BACK: Final = timedelta(hours=24)  # how far a history goes
OF_ACCOUNT: Final = 300  # rows of one account
OF_ADDRESS: Final = 500  # rows of one address
OF_ALL: Final = 2000  # rows that show who signs in from where
ADDRESSES: Final = 5  # of one account that are looked at
MOST_ADDRESSES: Final = 50  # of a page
HOUR: Final = timedelta(hours=1)
# So much of the cloud comes through an address that it is a proxy's.
SHARE: Final = 0.5
LEAST_PEOPLE: Final = 10

_COLUMNS: Final = (
    *("user_id", "name", "first_at", "last_at", "count", "outcome", "reason"),
    *("address", "agent", "partial_hash"),
)


class Row(NamedTuple):
    """The columns of `Attempts` that a diagnosis needs."""

    user_id: str
    name: str
    first_at: datetime
    last_at: datetime
    many: int
    outcome: str
    reason: str
    address: str
    agent: str
    partial_hash: str


def diagnoses(
    user_ids: Collection[str], *, policy: Policy, now: datetime, scope: str | None = None
) -> dict[str, Diagnosis]:
    """The diagnosis of each of these accounts.

    Args:
        scope: the one domain that the reader sees: what an address did to accounts of others
            changes nothing then.
    """
    wanted = list(dict.fromkeys(user_ids))
    since = now - BACK
    tries: dict[str, list[Tries]] = {user_id: [] for user_id in wanted}
    hashes: dict[str, set[str]] = defaultdict(set)
    for row in _of_accounts(wanted, since):
        tries[row.user_id].append(_tries(row))
        if row.partial_hash:
            hashes[row.user_id].add(row.partial_hash)
    sample = _rows(_since(since, scope))
    gaps = tuple(selectors.gaps(since, now))
    heard = Heard(
        since=since,
        events=bool(sample) or gaps != ((since, now),),
        successes=any(row.outcome == Outcome.SUCCESS for row in sample),
        gaps=gaps if sample else (),
    )
    addresses = {user_id: _addresses(rows) for user_id, rows in tries.items()}
    common = Counter(address for found in addresses.values() for address in found)
    chosen = [address for address, _ in common.most_common(MOST_ADDRESSES)]
    neighbours = _of_addresses(chosen, since, scope)
    shared = _shared(sample)
    return {
        user_id: diagnose(
            History(
                tries=tries[user_id],
                heard=heard,
                elsewhere={
                    address: _elsewhere(
                        neighbours.get(address, ()),
                        but=user_id,
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
    """The addresses that are most likely proxies'."""
    return _shared(_rows(_since(now - BACK, None)))


def _tries(row: Row) -> Tries:
    return Tries(
        first_at=row.first_at,
        last_at=row.last_at,
        count=row.many,
        outcome=Outcome(row.outcome),
        reason=Attempts.Reason(row.reason),
        address=row.address,
        agent=row.agent,
        partial_hash=row.partial_hash,
    )


def _addresses(tries: Sequence[Tries]) -> list[str]:
    """Where most of the failures came from."""
    found: Counter[str] = Counter()
    for row in failures(tries):
        found[row.address] += row.count
    return [address for address, _ in found.most_common(ADDRESSES)]


# --- What an address did to others ---------------------------------------------------------------
def _elsewhere(
    rows: Iterable[Row], *, but: str, hashes: Collection[str], shared: bool
) -> Elsewhere:
    """What an address did to all others in its worst hour.

    Args:
        rows: of that address, the oldest first.
        but: the account whose history it is.
        hashes: of the wrong passwords of that account.
    """
    inside: deque[tuple[datetime, str]] = deque()
    tried: Counter[str] = Counter()
    worst = Elsewhere(shared=shared)
    signed_in, same = set(), set()
    for row in rows:
        if row.user_id == but:
            continue
        if row.outcome == Outcome.SUCCESS:
            signed_in.add(row.user_id)
            continue
        who = f"id {row.user_id}" if row.user_id else f"name {row.name}"
        if row.user_id and row.partial_hash in hashes:
            same.add(row.user_id)
        inside.append((row.first_at, who))
        tried[who] += 1
        while row.first_at - inside[0][0] > HOUR:
            _, left = inside.popleft()
            tried[left] -= 1
            if not tried[left]:
                del tried[left]
        if len(tried) > worst.tried:
            accounts = sum(1 for one in tried if one.startswith("id "))
            worst = Elsewhere(accounts=accounts, unknown_names=len(tried) - accounts, shared=shared)
    return Elsewhere(
        accounts=worst.accounts,
        unknown_names=worst.unknown_names,
        same_hash=len(same),
        signed_in=len(signed_in),
        shared=shared,
    )


def _shared(sample: Iterable[Row]) -> set[str]:
    """The addresses from which so many people sign in, of all who do, that they are proxies'.

    Failures say nothing here: whoever attacks could make any share of them.
    """
    people: dict[str, set[str]] = defaultdict(set)
    for row in sample:
        if row.outcome == Outcome.SUCCESS:
            people[row.address].add(row.user_id)
    everybody = len(set().union(*people.values()))
    least = max(LEAST_PEOPLE, SHARE * everybody)
    return {address for address, found in people.items() if len(found) >= least}


# --- Queries --------------------------------------------------------------------------------------
def _of_accounts(user_ids: Sequence[str], since: datetime) -> list[Row]:
    rows = Attempts.objects.filter(window__gte=since)
    return _newest([rows.filter(user_id=user_id) for user_id in user_ids if user_id], OF_ACCOUNT)


def _since(since: datetime, scope: str | None) -> QuerySet[Attempts]:
    rows = Attempts.objects.filter(window__gte=since)
    return rows if scope is None else rows.filter(domain_id=scope)


def _of_addresses(
    addresses: Sequence[str], since: datetime, scope: str | None
) -> Mapping[str, list[Row]]:
    rows = _since(since, scope)
    found: dict[str, list[Row]] = defaultdict(list)
    of_each = [rows.filter(address=address) for address in addresses if address]
    for row in sorted(_newest(of_each, OF_ADDRESS), key=lambda row: row.first_at):
        found[row.address].append(row)
    return found


def _rows(rows: QuerySet[Attempts]) -> list[Row]:
    newest = rows.order_by("-window", "-id").values_list(*_COLUMNS)[:OF_ALL]
    return [Row._make(row) for row in newest]


def _newest(of_each: Sequence[QuerySet[Attempts]], limit: int) -> list[Row]:
    """The newest rows of each of several queries, in one statement.

    Django's `union` refuses limits within on SQLite, which takes them in subqueries; the
    statements in these are Django's own.
    """
    parts: list[str] = []
    values: list[Any] = []
    for number, rows in enumerate(of_each):
        newest = rows.order_by("-window", "-id").values("id", *_COLUMNS)[:limit]
        statement, its = newest.query.get_compiler(connection=connection).as_sql()
        parts.append(f"SELECT * FROM ({statement}) part{number}")  # noqa: S608 (no values in it)
        values += its
    if not parts:
        return []
    found = Attempts.objects.raw(" UNION ALL ".join(parts), values)
    return [Row._make(getattr(row, name) for name in _COLUMNS) for row in found]
