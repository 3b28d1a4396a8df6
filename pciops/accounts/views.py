"""The five views of the list of accounts, and several states as one filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import Final

from django.db.models import Q

from pciops.accounts import privileged
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import (
    ATTACKED_EXEMPT,
    DISABLED,
    EXEMPT,
    EXPIRED,
    EXPIRING,
    INACTIVE,
    INACTIVE_SOON,
    LOCK_LAPSED,
    LOCKED,
    NEAR_LOCKOUT,
    STATES,
    blocking,
)
from pciops.accounts.states.remedies import Remedy
from pciops.accounts.states.state import Ids, State
from pciops.keystone.models import LocalUser

BY_FAILURES: Final = frozenset({LOCKED, LOCK_LAPSED, NEAR_LOCKOUT, ATTACKED_EXEMPT})


class AnyOf(State):
    """Several states as one filter of a list. LDAP and federated users are not in such lists."""

    def __init__(self, states: Sequence[State], *, name: str = "", title: str = "") -> None:
        self.states = tuple(states)
        self.name = name or "-".join(state.name for state in states)
        self.label = " or ".join(state.label.lower() for state in states)
        self.title = title or "Accounts in any of these states"
        self.explanation = " ".join(state.explanation for state in states)

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return any(state.holds(account, policy, now) for state in self.states)

    def condition(self, policy: Policy, now: datetime) -> Q:
        return reduce(or_, (state.condition(policy, now) for state in self.states))

    def candidates(self, policy: Policy, now: datetime) -> Ids:
        first, *others = (_candidates(state, policy, now) for state in self.states)
        return first.union(*others) if others else first

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(sentence="")

    @property
    def by_failures(self) -> bool:
        """Whether all its states depend on failures; such lists are short."""
        return BY_FAILURES.issuperset(self.states)


class NeedsAttention(AnyOf):
    """Locked, attacked or near a lock; or privileged, in use, and stopped or about to stop.

    The overview takes the same states from here, but names no account that is near a lock.
    """

    failing: Final = (LOCKED, ATTACKED_EXEMPT, NEAR_LOCKOUT)
    # A privileged account needs attention in these, the most urgent first, unless it is out of use.
    stopping: Final[tuple[State, ...]] = (EXPIRED, INACTIVE_SOON, EXPIRING)
    out_of_use: Final[tuple[State, ...]] = (DISABLED, INACTIVE)

    def __init__(self) -> None:
        states = (*self.failing, *self.stopping)
        super().__init__(states, name="attention", title="Accounts that need attention")

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        if any(state.holds(account, policy, now) for state in self.failing):
            return True
        if not account.kinds or any(one.holds(account, policy, now) for one in self.out_of_use):
            return False
        return any(state.holds(account, policy, now) for state in self.stopping)

    def condition(self, policy: Policy, now: datetime) -> Q:
        """Return the condition; reads the ids of all privileged accounts at once."""
        failing = reduce(or_, (state.condition(policy, now) for state in self.failing))
        in_use = reduce(and_, (~state.condition(policy, now) for state in self.out_of_use))
        stopping = reduce(or_, (state.condition(policy, now) for state in self.stopping))
        return failing | (Q(user_id__in=list(privileged.all_kinds())) & in_use & stopping)

    def candidates(self, policy: Policy, now: datetime) -> Ids:
        failing = (_candidates(state, policy, now) for state in self.failing)
        held = LocalUser.objects.filter(user_id__in=list(privileged.all_kinds()))
        return held.order_by().values_list("pk", flat=True).union(*failing)

    @property
    def by_failures(self) -> bool:
        return True


def _candidates(state: State, policy: Policy, now: datetime) -> Ids:
    found = state.candidates(policy, now)
    if found is None:
        found = state.filter(LocalUser.objects.all(), policy, now).values_list("pk", flat=True)
    return found.order_by()


@dataclass(frozen=True, kw_only=True)
class AccountView:
    """A choice of states that answers a question; None: all accounts."""

    name: str  # in URLs
    label: str
    state: State | None

    @property
    def states(self) -> tuple[State, ...]:
        """Its states as filters; without an own choice, all states."""
        if self.state is None:
            return STATES
        return self.state.states if isinstance(self.state, AnyOf) else (self.state,)


VIEWS: Final = (
    AccountView(name="attention", label="Needs attention", state=NeedsAttention()),
    AccountView(
        name="blocked",
        label="Can't sign in",
        state=AnyOf(blocking(STATES), name="blocked", title="Accounts that can't sign in"),
    ),
    AccountView(
        name="soon",
        label="Expiring soon",
        state=AnyOf((EXPIRING, INACTIVE_SOON), name="soon", title="Accounts that expire soon"),
    ),
    AccountView(name="exempt", label="Exempt", state=EXEMPT),
    AccountView(name="all", label="All", state=None),
)
BY_NAME: Final = {view.name: view for view in VIEWS}
ALL: Final = BY_NAME["all"]


def view_of(state: State | None) -> AccountView:
    """Return the view of a list of this state: the first that has it, or all accounts."""
    for view in VIEWS:
        if view.state is state:
            return view
    parts = state.states if isinstance(state, AnyOf) else (state,)
    return next((view for view in VIEWS[:-1] if set(parts) <= set(view.states)), ALL)
