"""The filters of a list as a URL, the API and commands name them, and what of them does not do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pciops.accounts import privileged
from pciops.accounts.selectors import Domain, Query
from pciops.accounts.states import BY_NAME
from pciops.lib.filters import FilterError as FilterError

TEXT: Final = 255  # characters of a search: no name is longer
NAMED: Final = 20  # domains that an error names


def query(
    values: Mapping[str, str], *, domains: Sequence[Domain], domain_filter: str = "domain"
) -> Query:
    """The list that these filters ask for: `state`, `kind`, `q`, `sort` and one for the domain.

    Args:
        domains: those that whoever asks may see.
        domain_filter: what the filter for the domain's id is called.

    Raises:
        FilterError
    """
    state, kind = values.get("state", ""), values.get("kind", "")
    if state and state not in BY_NAME:
        raise FilterError(f"state: there is no state {state!r}. States are {_joined(BY_NAME)}.")
    if kind and kind not in privileged.BY_NAME:
        raise FilterError(
            f"kind: there is no kind {kind!r}. Kinds are {_joined(privileged.BY_NAME)}."
        )
    domain_id = values.get(domain_filter, "")
    if domain_id and domain_id not in {domain.id for domain in domains}:
        raise FilterError(
            f"{domain_filter}: there is no domain with the id {domain_id!r} here."
            f" Ids are {_of_domains(domains)}."
        )
    found = Query(
        state=BY_NAME.get(state),
        kind=privileged.BY_NAME.get(kind),
        domain_id=domain_id,
        text=values.get("q", "").replace("\0", "").strip()[:TEXT],
    )
    return sorted_by(found, values.get("sort", ""))


def sorted_by(query: Query, sort: str) -> Query:
    """The same list in this order; "" is its usual one.

    Raises:
        FilterError
    """
    if sort and sort not in query.sorts:
        raise FilterError(
            f"sort: this list has no sort {sort!r}."
            f" {'Sorts are' if len(query.sorts) > 1 else 'Its one sort is'} {_joined(query.sorts)}."
        )
    return replace(query, sort=sort)


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)


def _of_domains(domains: Sequence[Domain]) -> str:
    named = [f"{domain.id} ({domain.name})" for domain in domains[:NAMED]]
    more = len(domains) - len(named)
    return _joined(named) + (f" and {more} more" if more else "")
