"""The accounts in states that few are in, found by a scan once an hour and by what is new since.

A list then looks at these few accounts instead of at a million, and the rule of the state decides
about each. None is missing, because Keystone changes no password in place: it adds a row, and an
account gets into one of these states by that row or, without a password, by its own. The scan keeps
every account that such a row may bring into the state at any time, under any policy and with any
option, and the list looks at all accounts with a row above the scan's watermark.

Only SQL that is not Keystone's can bring an account into the state otherwise. A list says since
when it would miss that. Exports and reports, and who asks for a fresh list, do not use this.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Max

from pciops.accounts.models import RareState
from pciops.accounts.policy.policy import Policy
from pciops.accounts.search import if_few
from pciops.accounts.states import MUST_CHANGE, NO_EXPIRY, NO_PASSWORD
from pciops.accounts.states.password import LastingPasswordState, superseded
from pciops.accounts.states.state import State
from pciops.keystone import database, limits
from pciops.keystone.models import LocalUser, Password
from pciops.lib import retries

EVERY: Final = timedelta(hours=1)
STALE: Final = timedelta(hours=3)
# A transaction may commit after others with greater ids. Keystone's are short: so few at a time.
MARGIN: Final = 200  # rows below the greatest id
# The rows that bring accounts into the state, and their column with the id of `local_user`.
_ROWS: Final[dict[State, tuple[Any, str]]] = {
    MUST_CHANGE: (Password, "local_user_id"),
    NO_EXPIRY: (Password, "local_user_id"),
    NO_PASSWORD: (LocalUser, "pk"),
}


@dataclass(frozen=True, kw_only=True)
class FewAccounts:
    """Ids of `local_user`, among which are all accounts in a state."""

    ids: set[int]
    scanned_at: datetime  # accounts that other SQL than Keystone's changed since may be missing


@limits.of_job()
def scan(policy: Policy, now: datetime) -> None:
    """Find the accounts of each of these states in Keystone's tables, and keep their ids."""
    for state in _ROWS:
        watermark, ids = _found(state, policy, now)
        _keep(state.name, scanned_at=now, watermark=watermark, local_ids=ids)


@retries.repeated
def _keep(state: str, **values: Any) -> None:
    RareState.objects.update_or_create(state=state, defaults=values)


@database.reading()
def _found(state: State, policy: Policy, now: datetime) -> tuple[int, list[int] | None]:
    """Return the watermark, and the ids if they are few."""
    watermark = max(_newest(state) - MARGIN, 0)  # before the scan, which finds all rows up to it
    if isinstance(state, LastingPasswordState):
        ids = if_few(Password.objects.filter(state.lasting()).values_list("pk", flat=True))
        if ids is not None:
            rows = Password.objects.filter(~superseded(), pk__in=ids)
            ids = set(rows.values_list("local_user_id", flat=True))
    else:
        ids = if_few(NO_PASSWORD.candidates(policy, now))
    return watermark, None if ids is None else sorted(ids)


def find(state: State | None, now: datetime) -> FewAccounts | None:
    """Return the accounts that may be in the state; None if they are many, or not known."""
    record = _record(state, now)
    if state is None or record is None or record.local_ids is None:
        return None
    if _newest(state) < record.watermark:
        return None  # Keystone's database is an older one: it was restored
    model, column = _ROWS[state]
    rows = model.objects.filter(pk__gt=record.watermark).order_by()
    newer = if_few(rows.values_list(column, flat=True))
    if newer is None:
        return None
    return FewAccounts(ids=newer.union(record.local_ids), scanned_at=record.scanned_at)


@database.reading_own()
def _record(state: State | None, now: datetime) -> RareState | None:
    if state not in _ROWS:
        return None
    return RareState.objects.filter(state=state.name, scanned_at__gt=now - STALE).first()


def _newest(state: State) -> int:
    """Return the greatest id among the rows that bring accounts into the state."""
    model, _ = _ROWS[state]
    return model.objects.aggregate(newest=Max("pk"))["newest"] or 0
