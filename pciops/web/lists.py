"""Addresses of lists: every filter is in them, so that a list can be sent to a colleague."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from pciops.accounts.selectors import AccountQuery
from pciops.accounts.states.state import State


def address(query: AccountQuery, *, marker: str = "") -> str:
    """`?state=locked&domain=shops`: what is not asked for is left out."""
    filters = {
        "state": query.state.name if query.state else "",
        "kind": query.kind.value if query.kind else "",
        "domain": query.domain_id,
        "q": query.text,
        "sort": query.sort,
        "marker": marker,
    }
    return "?" + urlencode({name: value for name, value in filters.items() if value})


def sorted_by(query: AccountQuery, sort: str) -> AccountQuery:
    """The same list in this order; its usual one needs no word."""
    return replace(query, sort="" if sort == query.sorts[0] else sort)


def of_state(query: AccountQuery, state: State | None) -> AccountQuery:
    """The list of another state by the same filters, in the same order where it has that."""
    other = replace(query, state=state)
    return other if query.sort in other.sorts else replace(other, sort="")
