"""Parses the filters of a list, as URLs, the API and commands name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from pciops.accounts import by_date, privileged, views
from pciops.accounts.query import AccountQuery
from pciops.accounts.selectors import Domain
from pciops.accounts.states import BY_NAME
from pciops.accounts.states.state import State
from pciops.accounts.views import AnyOf
from pciops.lib import filters
from pciops.lib.filters import FilterError as FilterError

MACHINE: Final = {"yes": True, "no": False}
MATCH: Final = {"contains": False, "begins": True}  # → AccountQuery.begins
MAX_NAMED: Final = 20  # domains in an error


def query(
    values: Mapping[str, str],
    *,
    domains: Sequence[Domain],
    domain_filter: str = "domain",
    states: Sequence[str] = (),
    view: str = "",
) -> AccountQuery:
    """Return the query of these filters: `state`, `kind`, `machine`, `q`, `match`, `sort`, domain.

    Args:
        domains: the domains in the operator's scope.
        domain_filter: the name of the filter for the domain's id.
        states: the names of the states, if there may be several, instead of `state`.
        view: the name of the view whose states are listed without any.

    Raises:
        FilterError
    """
    kind = values.get("kind", "")
    if kind and kind not in privileged.BY_NAME:
        valid = ", ".join(privileged.BY_NAME)
        raise FilterError(f"kind: {kind!r} is unknown. Choose from {valid}.")
    domain_id = values.get(domain_filter, "")
    if domain_id and domain_id not in {domain.id for domain in domains}:
        raise FilterError(
            f"{domain_filter}: there is no domain with the ID {domain_id!r} here. IDs are "
            f"{_listed(domains)}."
        )
    text = filters.text(values, "q")
    unsorted = AccountQuery(
        state=_state(states or [values.get("state", "")], view),
        kind=privileged.BY_NAME.get(kind),
        domain_id=domain_id,
        text=text,
        begins=bool(text) and _begins(values.get("match", "")),
        machine=_machine(values.get("machine", "")),
        view=view,
    )
    return sorted_by(_on_days(unsorted, values), values.get("sort", ""))


def _state(names: Sequence[str], view: str) -> State | None:
    """Return the state of a list; without one it is that of the view.

    Raises:
        FilterError
    """
    chosen = list(dict.fromkeys(name for name in names if name))
    for name in chosen:
        if name not in BY_NAME:
            valid = ", ".join(BY_NAME)
            raise FilterError(f"state: {name!r} is unknown. Choose from {valid}.")
    if view and view not in views.BY_NAME:
        valid = ", ".join(views.BY_NAME)
        raise FilterError(f"view: {view!r} is unknown. Choose from {valid}.")
    if not chosen:
        return views.BY_NAME[view].state if view else None
    if len(chosen) == 1:
        return BY_NAME[chosen[0]]
    return AnyOf([BY_NAME[name] for name in chosen])


def _machine(value: str) -> bool | None:
    if value not in {"", *MACHINE}:
        raise FilterError(f"machine: {value!r} is not yes or no.")
    return MACHINE.get(value)


def _begins(value: str) -> bool:
    if value not in {"", *MATCH}:
        raise FilterError(f"match: {value!r} is not {' or '.join(MATCH)}.")
    return MATCH.get(value, False)


def _on_days(query: AccountQuery, values: Mapping[str, str]) -> AccountQuery:
    """Return the query for `within`, a number of days, or `on`, one day.

    Raises:
        FilterError
    """
    within, on = values.get("within", "").strip(), filters.day(values, "on")
    for name, given in (("within", within), ("on", on)):
        if given and query.state not in by_date.DATED:
            states = " and ".join(state.name for state in by_date.DATED)
            raise FilterError(f"{name}: only the lists of {states} have dates.")
    if within and on:
        raise FilterError("on: use either within or on.")
    if not within:
        return replace(query, on=on)
    if not (within.isascii() and within.isdigit() and 1 <= int(within[:4]) <= by_date.MAX_DAYS):
        raise FilterError(f"within: use a number of days from 1 to {by_date.MAX_DAYS}.")
    return replace(query, within=int(within[:4]))


def sorted_by(query: AccountQuery, sort: str) -> AccountQuery:
    """Return the query in this order ("" is its usual one), or raise FilterError."""
    if sort and sort not in query.sorts:
        valid = f"{'Choose from' if len(query.sorts) > 1 else 'Its only sort is'} "
        raise FilterError(f"sort: {sort!r} is unknown here. {valid}{', '.join(query.sorts)}.")
    return replace(query, sort=sort)


def _listed(domains: Sequence[Domain]) -> str:
    named = [f"{domain.id} ({domain.name})" for domain in domains[:MAX_NAMED]]
    more = len(domains) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
