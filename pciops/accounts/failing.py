"""The accounts at the threshold of failures, found by one scan that every page shares.

Keystone has no index on failures, so each question about locked accounts is a scan of `local_user`.
Overview, lists and their counts ask the same one. It reads ids only: what a page shows of an
account is read again, and judged by the rules of its states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import Q, QuerySet

from pciops.accounts import privileged
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind, AccountKinds
from pciops.accounts.states.lock import lock_ends
from pciops.accounts.states.state import option_is_true
from pciops.keystone import database, options
from pciops.keystone.models import LocalUser
from pciops.lib.keyset import Column, Order
from pciops.lib.shared import Codec, Shared, shared

# Of more than these only the newest are kept: a list or a count then asks the database for itself.
MOST: Final = 20_000
NEWEST: Final = 2000

NEWEST_FAILURE: Order[LocalUser] = Order(
    (
        Column(name="failed_auth_at", kind=datetime, falling=True),
        Column(name="id", kind=int, falling=True),
    )
)


class FailingAccount(NamedTuple):
    """An account at the threshold of failures: locked, or exempt and under attack."""

    local_id: int  # of local_user
    user_id: str
    name: str
    domain_id: str
    failed_auth_at: datetime | None
    exempt: bool

    def locked(self, policy: Policy, now: datetime) -> bool:
        """Return whether it is locked at `now`, as `Locked.holds` says."""
        ends = lock_ends(self.failed_auth_at, policy)
        return not self.exempt and (ends is None or ends > now)


@dataclass(frozen=True, kw_only=True)
class Failing:
    """The accounts at the threshold, the newest failure first, and the kinds of the privileged."""

    accounts: list[FailingAccount]
    kinds: Mapping[str, AccountKinds]
    complete: bool  # False: there are more than `MOST`, and these are the newest of them

    def locked(
        self, policy: Policy, now: datetime, *, domain_id: str = "", kind: AccountKind | None = None
    ) -> list[FailingAccount]:
        """Return those that are locked at `now`, in the domain and of the kind if given."""
        return [
            account
            for account in self.accounts
            if account.locked(policy, now)
            and domain_id in {"", account.domain_id}
            and (kind is None or kind in self.kinds.get(account.user_id, ()))
        ]


def read(*, scope: str | None, policy: Policy, now: datetime, fresh: bool) -> Shared[Failing]:
    """Return the accounts at the threshold.

    Args:
        fresh: whether to read in any case instead of sharing a reading of the last seconds.

    Raises:
        KeystoneDatabaseDownError
    """
    key = ("failing", scope, policy.lockout_failure_attempts, policy.lockout_duration)
    codec = Codec(encode=_encode, decode=_decode)
    return shared(key, lambda: _read(scope, policy, now), codec=codec, now=now, fresh=fresh)


@database.reading()
def _read(scope: str | None, policy: Policy, now: datetime) -> Failing:
    threshold = policy.lockout_failure_attempts
    if threshold is None:
        return Failing(accounts=[], kinds={}, complete=True)
    rows = LocalUser.objects.filter(failed_auth_count__gte=threshold)
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    if policy.lockout is not None:
        recent = Q(failed_auth_at__gt=now - policy.lockout) | Q(failed_auth_at=None)
        rows = rows.filter(recent | Q(option_is_true(options.IGNORE_LOCKOUT)))
    accounts = _accounts(rows[: MOST + 1])
    complete = len(accounts) <= MOST
    if not complete:
        accounts = _accounts(NEWEST_FAILURE.sort(rows)[:NEWEST])
    accounts.sort(key=lambda one: NEWEST_FAILURE.key((one.failed_auth_at, one.local_id)))
    kinds = privileged.kinds_of([account.user_id for account in accounts])
    return Failing(accounts=accounts, kinds=kinds, complete=complete)


def _accounts(rows: QuerySet[LocalUser]) -> list[FailingAccount]:
    exempt = option_is_true(options.IGNORE_LOCKOUT)
    columns = ("pk", "user_id", "name", "domain_id", "failed_auth_at", exempt)
    return [FailingAccount._make(row) for row in rows.values_list(*columns)]


def _encode(failing: Failing) -> Any:
    accounts = [
        (*account[:4], at and at.isoformat(), account.exempt)
        for account in failing.accounts
        for at in [account.failed_auth_at]
    ]
    return accounts, failing.kinds, failing.complete


def _decode(content: Any) -> Failing:
    accounts, kinds, complete = content
    return Failing(
        accounts=[
            FailingAccount._make((*ids, at and datetime.fromisoformat(at), exempt))
            for *ids, at, exempt in accounts
        ],
        kinds={user_id: tuple(map(AccountKind, names)) for user_id, names in kinds.items()},
        complete=complete,
    )
