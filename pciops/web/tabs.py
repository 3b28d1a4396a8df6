"""The strip of tabs above a list: one for each state, with its number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pciops.accounts import selectors
from pciops.accounts.census import census
from pciops.accounts.census.census import STALE, CensusCounts
from pciops.accounts.census.counting import EVERY
from pciops.accounts.policy.policy import Policy
from pciops.accounts.selectors import AccountQuery
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
    MUST_CHANGE,
    NEAR_LOCKOUT,
    NO_EXPIRY,
    NO_PASSWORD,
    NOT_COVERED,
    UNREADABLE,
)
from pciops.accounts.states.state import State
from pciops.web import lists

# Attacks and locks, then who stopped or will stop without having been meant to, then the rest.
ORDER: Final = (
    *(LOCKED, ATTACKED_EXEMPT, NEAR_LOCKOUT, INACTIVE, INACTIVE_SOON, EXPIRED, EXPIRING),
    *(MUST_CHANGE, DISABLED, EXEMPT, NO_EXPIRY, NO_PASSWORD, UNREADABLE, LOCK_LAPSED),
    NOT_COVERED,
)


@dataclass(frozen=True, kw_only=True)
class Tab:
    """A list beside the one that is open."""

    label: str
    url: str
    number: int | None  # None: not counted
    current: bool


@dataclass(frozen=True, kw_only=True)
class Strip:
    """The tabs, and how old their numbers are."""

    tabs: list[Tab]
    counted_at: datetime | None  # None: no census yet, or none that could say
    uncounted: bool  # nobody has counted yet
    stale: bool  # the census has not run for longer than it should


def strip(
    query: AccountQuery,
    *,
    scope: str | None,
    policy: Policy,
    now: datetime,
    whole: int | None = None,
) -> Strip:
    """The tabs beside this list.

    Locked is counted now, everything else by the newest census. That knows no search: with one
    only the open list of locked accounts has a number.

    Args:
        whole: how many accounts the open list has, where its one page shows all of them.

    Raises:
        KeystoneDatabaseDownError
    """
    counted = None if query.text else census.numbers(scope=query.domain_id or scope)
    locked = whole if query.state is LOCKED else None
    if locked is None and (not query.text or query.state is LOCKED):
        live = replace(query, state=LOCKED, sort="")
        locked = selectors.count(live, scope=scope, policy=policy, now=now)
    return Strip(
        tabs=[
            Tab(
                label=state.label if state else "All",
                url=lists.address(lists.of_state(query, state)),
                number=locked if state is LOCKED else _number(counted, query, state),
                current=state is query.state,
            )
            for state in (*ORDER, None)
        ],
        counted_at=counted.counted_at if counted else None,
        uncounted=counted is None and not query.text,
        stale=counted is not None and now - counted.counted_at > STALE,
    )


def _number(counted: CensusCounts | None, query: AccountQuery, state: State | None) -> int | None:
    if counted is None:
        return None
    kind = query.kind.value if query.kind else EVERY
    if state is None:  # the list of all has local accounts alone
        return counted.number(EVERY, kind) - counted.number(NOT_COVERED.name, kind)
    return counted.number(state.name, kind)
