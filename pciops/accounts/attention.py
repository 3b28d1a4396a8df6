"""The accounts that need attention, in order of urgency, for the overview and emails.

Locks and attacks are read live, in one scan. Expiring passwords and inactivity come from the
census; the accounts that it names are read again, and left out if they need no attention any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final

from pciops.accounts import failing, selectors
from pciops.accounts.account import Account
from pciops.accounts.failing import FailingAccount
from pciops.accounts.policy.policy import Policy
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import (
    ATTACKED_EXEMPT,
    EXPIRED,
    EXPIRING,
    INACTIVE_SOON,
    LOCKED,
)
from pciops.accounts.states.state import State
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.accounts.views import NeedsAttention

MAX_LOCKED: Final = 10
MAX_ATTACKED: Final = 5
MAX_COUNTED: Final = 8  # of the accounts that the census names

# An old lock may not be among the chosen ones and still be on an account of the census.
RANK: Final = {
    state: place for place, state in enumerate((LOCKED, ATTACKED_EXEMPT, *NeedsAttention.stopping))
}


@dataclass(frozen=True, kw_only=True)
class AttentionItem:
    """An account that needs attention, and the state that is the reason."""

    verdict: SigninVerdict
    state: State

    @property
    def account(self) -> Account:
        return self.verdict.account

    @property
    def text(self) -> str:
        """The text after the state's label; for a lock with the other states that block.

        After "Locked": "until 14:31:11 UTC (in 29 min), and disabled".
        """
        states = [self.state]
        if self.state is LOCKED:
            states += self.verdict.blocking_after_unlock
        text = ", and ".join(map(self.verdict.describe, states))
        return text.removeprefix(f"{self.state.label.lower()} ")


@dataclass(frozen=True, kw_only=True)
class Attention:
    """The accounts that need attention at one time."""

    items: list[AttentionItem]
    # Of the states that were read live; a missing state had too many accounts to read.
    numbers: Mapping[State, int]
    kinds: Mapping[State, Mapping[str, int]]
    read_at: datetime  # of numbers and kinds

    @property
    def locked(self) -> int:
        """The number of locked accounts."""
        return self.numbers[LOCKED]

    @property
    def more_locked(self) -> int:
        """The number of locked accounts that are not among the items."""
        return self.locked - sum(item.state is LOCKED for item in self.items)


def gather(
    counted: Sequence[str],
    *,
    scope: str | None,
    policy: Policy,
    now: datetime,
    fresh: bool = True,
) -> Attention:
    """Return the accounts that need attention now.

    Args:
        counted: the ids that the census names.
        fresh: False if a lock or an unlock of the last seconds may be missing.
    """
    seen = failing.read(scope=scope, policy=policy, now=now, fresh=fresh)
    kinds = seen.value.kinds
    at_threshold = [
        account for account in seen.value.accounts if account.exempt or account.locked(policy, now)
    ]
    chosen = choose_failing(at_threshold, kinds)
    accounts = selectors.get_many(list(dict.fromkeys([*chosen, *counted])), scope=scope)
    items = ranked(items_of(accounts, policy=policy, now=now), chosen)
    if not seen.value.complete:
        query = AccountQuery(state=LOCKED)
        locked = selectors.count(query, scope=scope, policy=policy, now=now, fresh=fresh)
        return Attention(
            items=items, numbers={LOCKED: locked.value}, kinds={}, read_at=locked.read_at
        )
    ids: dict[State, list[str]] = {
        LOCKED: [account.user_id for account in at_threshold if not account.exempt],
        ATTACKED_EXEMPT: [account.user_id for account in at_threshold if account.exempt],
    }
    return Attention(
        items=items,
        numbers={state: len(user_ids) for state, user_ids in ids.items()},
        kinds={
            state: Counter(kind for user_id in user_ids for kind in kinds.get(user_id, ()))
            for state, user_ids in ids.items()
        },
        read_at=seen.read_at,
    )


def choose_failing(
    failing: Iterable[FailingAccount], kinds: Mapping[str, Collection[str]]
) -> list[str]:
    """Return the ids of the locked accounts to show, then of the attacked, privileged ones first.

    Args:
        failing: the newest failure first.
    """
    privileged_first = sorted(failing, key=lambda account: not kinds.get(account.user_id))
    locked = [account.user_id for account in privileged_first if not account.exempt]
    attacked = [account.user_id for account in privileged_first if account.exempt]
    return locked[:MAX_LOCKED] + attacked[:MAX_ATTACKED]


def items_of(accounts: Iterable[Account], *, policy: Policy, now: datetime) -> list[AttentionItem]:
    """Return an item for each of the accounts that needs attention."""
    verdicts = (judge(account, policy, now) for account in accounts)
    return [
        AttentionItem(verdict=verdict, state=state)
        for verdict in verdicts
        if (state := reason(verdict)) is not None
    ]


def reason(verdict: SigninVerdict) -> State | None:
    """Return the state for which the account needs attention; None if there is none."""
    for state in (LOCKED, ATTACKED_EXEMPT):
        if state in verdict.states:
            return state
    states = verdict.states
    if not verdict.account.kinds or any(state in states for state in NeedsAttention.out_of_use):
        return None
    return next((state for state in NeedsAttention.stopping if state in states), None)


def ranked(items: Iterable[AttentionItem], chosen: Sequence[str]) -> list[AttentionItem]:
    """Sort locked and attacked accounts as chosen, then the others by urgency and time."""
    place = {user_id: number for number, user_id in enumerate(chosen)}
    live = [item for item in items if item.account.id in place]
    others = [item for item in items if item.account.id not in place]
    live.sort(key=lambda item: (item.state is not LOCKED, place[item.account.id]))
    others.sort(
        key=lambda item: (RANK[item.state], _time(item), item.account.name, item.account.id)
    )
    return live + others[:MAX_COUNTED]


def _time(item: AttentionItem) -> datetime:
    """Return the time, past or future, at which the account stops."""
    never = datetime.max.replace(tzinfo=UTC)
    if item.state is INACTIVE_SOON and item.verdict.inactive_on is not None:
        return datetime.combine(item.verdict.inactive_on, time.min, UTC)
    if item.state in (EXPIRED, EXPIRING):
        return item.account.password_expires_at or never
    return never
