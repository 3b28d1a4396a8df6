"""Tests of the search of the list of accounts: beginnings of names first, then any part."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from tests.factories import make_locked_user, make_user
from tests.signin.visit import shown
from tests.web.pages import account_names, csv_rows

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def link(site: Client, url: str, pattern: str) -> str:
    """Return the address of the link whose text or address matches."""
    for address, text in re.findall(r'<a[^>]* href="([^"]*)"[^>]*>([^<]*)', page(site, url)):
        if re.search(pattern, text) or re.search(pattern, address):
            return html.unescape(address)
    raise AssertionError(pattern)


def page(site: Client, url: str) -> str:
    """Return the HTML of a page."""
    return site.get(url).content.decode()


@pytest.fixture
def _three() -> None:
    make_user("ann", email="first@corp.example")
    make_user("anna")
    make_user("joann", email="annie@corp.example")


@pytest.mark.usefixtures("_three")
def test_search_shows_beginnings_of_names_and_links_to_any_part(site: Client) -> None:
    first = site.get("/accounts/?q=ann")
    wider = link(site, "/accounts/?q=ann", "Find it anywhere")
    second = site.get(f"/accounts/{wider}")

    assert account_names(first) == ["ann", "anna"]
    assert "Accounts whose name begins with" in shown(first)
    assert account_names(second) == ["ann", "anna", "joann"]
    assert "anywhere in their name or email address" in shown(second)
    narrower = link(site, f"/accounts/{wider}", "Find only")
    assert account_names(site.get(f"/accounts/{narrower}")) == account_names(first)


@pytest.mark.usefixtures("_three")
@pytest.mark.parametrize(
    ("query", "names"),
    [("q=oan", ["joann"]), ("q=corp.ex", ["ann", "joann"]), ("q=annie@", ["joann"])],
)
def test_search_without_such_a_name_looks_everywhere(
    site: Client, query: str, names: list[str]
) -> None:
    response = site.get(f"/accounts/?{query}")

    assert account_names(response) == names
    assert "No name begins with" in shown(response)


@pytest.mark.usefixtures("_three")
def test_search_in_a_state_is_not_widened_if_another_account_has_such_a_name(site: Client) -> None:
    make_user("joanna", enabled=False)
    response = site.get("/accounts/?state=disabled&q=ann")

    assert account_names(response) == []
    assert "No disabled account here begins with “ ann ”" in shown(response)
    assert account_names(site.get("/accounts/?state=disabled&q=oan")) == ["joanna"]


@pytest.mark.usefixtures("_three")
def test_search_that_the_operator_chose_is_not_widened(site: Client) -> None:
    response = site.get("/accounts/?q=oan&match=begins")

    assert account_names(response) == []
    assert "No account here begins with “ oan ”" in shown(response)
    assert link(site, "/accounts/?q=oan&match=begins", "Find it anywhere").endswith("contains")


@pytest.mark.usefixtures("_three")
@pytest.mark.parametrize("query", ["q=ann", "q=oan", "q=ann&match=contains"])
def test_export_has_the_accounts_of_its_page(site: Client, query: str) -> None:
    url = f"/accounts/?{query}"
    rows = csv_rows(site, link(site, url, "format=csv").replace("&amp;", "&"))

    assert [row["name"] for row in rows] == account_names(site.get(url))


@pytest.mark.usefixtures("_three")
def test_export_without_a_way_of_searching_is_by_any_part(site: Client) -> None:
    rows = csv_rows(site, "/accounts/export?q=ann&format=csv")

    assert [row["name"] for row in rows] == ["ann", "anna", "joann"]


def test_exact_name_comes_before_a_page_of_longer_ones(site: Client) -> None:
    for number in range(70):
        make_user(f"user-7{number:03}", domain_id="d1")
    make_user("user-7", domain_id="d2")
    first = site.get("/accounts/?q=user-7")
    url = link(site, "/accounts/?q=user-7", "Next page")
    second = site.get(f"/accounts/{url}")
    names = [*account_names(first), *account_names(second)]

    assert len(account_names(first)) == 41
    assert names[0] == "user-7"
    assert set(names) == {f"user-7{number:03}" for number in range(70)} | {"user-7"}


def test_exact_name_or_id_comes_first_on_the_only_page(site: Client) -> None:
    make_user("ann-1", domain_id="d1", user_id="c0ffee")
    make_user("Ann", domain_id="d2")
    make_user("c0ffee shop", domain_id="d0")

    assert account_names(site.get("/accounts/?q=ann")) == ["Ann", "ann-1"]
    assert account_names(site.get("/accounts/?q=c0ffee")) == ["ann-1", "c0ffee shop"]


def test_widened_search_goes_on_to_its_next_page(site: Client) -> None:
    for number in range(60):
        make_user(f"a-{number:03}-user")
    url = link(site, "/accounts/?q=-user", "Next page")
    second = site.get(f"/accounts/{url}")

    assert account_names(second) == [f"a-{number:03}-user" for number in range(50, 60)]


def test_accounts_of_a_widened_search_can_be_unlocked_together(site: Client) -> None:
    for number in range(60):
        make_locked_user(f"a-{number:02}-user")
    form = re.search(
        r'selection" method="post" action="([^"]*)"',
        page(site, "/accounts/?state=locked&q=-user"),
    )
    assert form
    response = site.post(html.unescape(form[1]), {"all": "yes"})

    assert "60" in shown(response)
