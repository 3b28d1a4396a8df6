"""Tests of the filters of a list."""

from __future__ import annotations

import pytest

from pciops.accounts import filters
from pciops.accounts.filters import FilterError
from pciops.accounts.privileged import AccountKind
from pciops.accounts.query import AccountQuery
from pciops.accounts.selectors import Domain
from pciops.accounts.states import LOCKED

SHOPS = Domain(id="d1", name="Shops")


def test_filters_become_a_query() -> None:
    assert filters.query({}, domains=[]) == AccountQuery()
    values = {"state": "locked", "kind": "service", "domain": "d1", "q": " an\0n ", "sort": "name"}

    assert filters.query(values, domains=[SHOPS]) == AccountQuery(
        state=LOCKED, kind=AccountKind.SERVICE, domain_id="d1", text="ann", sort="name"
    )


@pytest.mark.parametrize(
    ("values", "begins"),
    [
        ({"q": "ann"}, False),
        ({"q": "ann", "match": "contains"}, False),
        ({"q": "ann", "match": "begins"}, True),
        ({"q": " ", "match": "begins"}, False),
    ],
)
def test_search_is_by_any_part_unless_it_is_by_the_beginning(
    values: dict[str, str], begins: bool
) -> None:
    assert filters.query(values, domains=[]).begins is begins


@pytest.mark.parametrize(
    ("values", "begins", "names"),
    [
        ({"state": "x"}, "state: 'x' is unknown.", "locked, disabled,"),
        ({"kind": "x"}, "kind: 'x' is unknown.", "administrator, service."),
        ({"domain": "x"}, "domain: there is no domain with the ID 'x' here.", "d1 (Shops)."),
        ({"q": "x", "match": "y"}, "match: 'y' is not", "contains or begins."),
        ({"sort": "x"}, "sort: 'x' is unknown here.", "name."),
    ],
)
def test_invalid_filter_is_an_error_with_the_valid_values(
    values: dict[str, str], begins: str, names: str
) -> None:
    with pytest.raises(FilterError) as error:
        filters.query(values, domains=[SHOPS])

    assert str(error.value).startswith(begins)
    assert names in str(error.value)


def test_filter_for_the_domain_can_have_another_name() -> None:
    with pytest.raises(FilterError, match="^domain_id: there is no domain"):
        filters.query({"domain_id": "x"}, domains=[SHOPS], domain_filter="domain_id")


@pytest.mark.parametrize(
    ("number", "end"), [(20, "d19 (Domain 19)."), (23, "d19 (Domain 19) and 3 more.")]
)
def test_error_names_at_most_twenty_domains(number: int, end: str) -> None:
    domains = [Domain(id=f"d{n}", name=f"Domain {n}") for n in range(number)]
    with pytest.raises(FilterError) as error:
        filters.query({"domain": "x"}, domains=domains)

    assert str(error.value).endswith(end)
