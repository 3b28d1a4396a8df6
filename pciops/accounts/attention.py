"""Which accounts need a person now, and in which order: for the overview, and for mails.

Locks and attacks are read live, in one scan. Whose password or activity runs out is known to the
census alone; the accounts that it names are read again, and dropped where nothing holds any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final

from pciops.accounts import privileged, selectors
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.selectors import Failing
from pciops.accounts.states import (
    ATTACKED_EXEMPT,
    DISABLED,
    EXPIRED,
    EXPIRING,
    INACTIVE,
    INACTIVE_SOON,
    LOCKED,
)
from pciops.accounts.states.state import State
from pciops.accounts.verdict import Verdict, judge

MOST_LOCKED: Final = 10
MOST_ATTACKED: Final = 5
MOST_COUNTED: Final = 8  # of those that the census names
SCANNED: Final = 2000  # locked and attacked accounts that are looked at, the newest failure first

# What makes an administrator or service account somebody's business, the worst first.
TROUBLES: Final[tuple[State, ...]] = (EXPIRED, INACTIVE_SOON, EXPIRING)
OVER: Final[tuple[State, ...]] = (DISABLED, INACTIVE)  # it is out of use; that is not news
# A lock that is too old to be chosen, on an account that the census names, comes first.
RANK: Final = {state: place for place, state in enumerate((LOCKED, ATTACKED_EXEMPT, *TROUBLES))}


@dataclass(frozen=True, kw_only=True)
class Matter:
    """An account that needs a person, and the state that says why."""

    verdict: Verdict
    state: State

    @property
    def account(self) -> Account:
        return self.verdict.account

    @property
    def words(self) -> str:
        """What follows the state's label, with its instant; of a lock also what stands behind it.

        "Locked" and "until 14:31:11 UTC (29 min from now), and disabled".
        """
        states = [self.state, *self.verdict.also] if self.state is LOCKED else [self.state]
        words = ", and ".join(self.verdict.says(state) for state in states)
        return words.removeprefix(f"{self.state.label.lower()} ")


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Who needs a person at this instant."""

    matters: list[Matter]
    # Of the states that were read live; one that is missing was too much to read.
    numbers: Mapping[State, int]
    kinds: Mapping[State, Mapping[str, int]]

    @property
    def locked(self) -> int:
        """All that are locked."""
        return self.numbers[LOCKED]

    @property
    def hidden(self) -> int:
        """Locked accounts that are not among the matters."""
        return self.locked - sum(matter.state is LOCKED for matter in self.matters)


def gather(
    counted: Sequence[str], *, scope: str | None, policy: Policy, now: datetime
) -> Attention:
    """Who needs a person now.

    Args:
        counted: ids that the census names.

    Raises:
        KeystoneDatabaseDownError
    """
    failing = selectors.failing(scope=scope, policy=policy, now=now, limit=SCANNED)
    of_kind = privileged.of([one.user_id for one in failing])
    chosen = choose(failing, of_kind)
    accounts = selectors.these(list(dict.fromkeys([*chosen, *counted])), scope=scope)
    matters = in_order(matters_of(accounts, policy=policy, now=now), chosen)
    if len(failing) == SCANNED:
        query = selectors.Query(state=LOCKED)
        locked = selectors.count(query, scope=scope, policy=policy, now=now)
        return Attention(matters=matters, numbers={LOCKED: locked}, kinds={})
    ids: dict[State, list[str]] = {
        LOCKED: [one.user_id for one in failing if not one.exempt],
        ATTACKED_EXEMPT: [one.user_id for one in failing if one.exempt],
    }
    return Attention(
        matters=matters,
        numbers={state: len(among) for state, among in ids.items()},
        kinds={
            state: Counter(kind for user_id in among for kind in of_kind.get(user_id, ()))
            for state, among in ids.items()
        },
    )


def choose(failing: Iterable[Failing], of_kind: Mapping[str, Collection[str]]) -> list[str]:
    """Ids of the locked to show, then of the attacked: those of a kind first, then the newest.

    Args:
        failing: the newest failure first.
    """
    ranked = sorted(failing, key=lambda one: not of_kind.get(one.user_id))
    locked = [one.user_id for one in ranked if not one.exempt]
    attacked = [one.user_id for one in ranked if one.exempt]
    return locked[:MOST_LOCKED] + attacked[:MOST_ATTACKED]


def matters_of(accounts: Iterable[Account], *, policy: Policy, now: datetime) -> list[Matter]:
    """Those of the accounts that need a person, judged at this instant."""
    found = []
    for account in accounts:
        verdict = judge(account, policy, now)
        state = why(verdict)
        if state is not None:
            found.append(Matter(verdict=verdict, state=state))
    return found


def why(verdict: Verdict) -> State | None:
    """The state that needs a person; None where none does."""
    for state in (LOCKED, ATTACKED_EXEMPT):
        if state in verdict.states:
            return state
    if not verdict.account.kinds or any(state in verdict.states for state in OVER):
        return None
    return next((state for state in TROUBLES if state in verdict.states), None)


def in_order(matters: Iterable[Matter], chosen: Sequence[str]) -> list[Matter]:
    """Locked and attacked as they were chosen, then the others, the nearest instant first."""
    place = {user_id: number for number, user_id in enumerate(chosen)}
    live = [matter for matter in matters if matter.account.id in place]
    others = [matter for matter in matters if matter.account.id not in place]
    live.sort(key=lambda matter: (matter.state is not LOCKED, place[matter.account.id]))
    others.sort(key=lambda matter: (RANK[matter.state], _when(matter), _name(matter)))
    return live + others[:MOST_COUNTED]


def _when(matter: Matter) -> datetime:
    """When it happens, or happened."""
    never = datetime.max.replace(tzinfo=UTC)
    if matter.state is INACTIVE_SOON and matter.verdict.inactive_on is not None:
        return datetime.combine(matter.verdict.inactive_on, time.min, UTC)
    if matter.state in (EXPIRED, EXPIRING):
        return matter.account.password_expires_at or never
    return never


def _name(matter: Matter) -> tuple[str, str]:
    return matter.account.name, matter.account.id
