"""Views, states, sorting, and links of the list of accounts: every link keeps the filters."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.accounts.census import census
from pciops.accounts.states import STATES
from pciops.web import account_list
from pciops.web.account_list import STATE_ORDER
from tests.api.call import token as token
from tests.factories import (
    NOW,
    POLICY,
    grant,
    make_domain,
    make_ldap_user,
    make_locked_user,
    make_user,
)
from tests.signin.visit import Response, shown
from tests.web.pages import account_names, next_page
from tests.web.selecting import values

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MINUTE = timedelta(minutes=1)
VIEWS = ["Needs attention", "Can't sign in", "Expiring soon", "Exempt", "All"]


def take_census(at: Any = NOW) -> None:
    census.take(policy=POLICY, now=at)


def tabs(response: Response) -> dict[str, tuple[str, str]]:
    """Return the number ("" without one) and the URL of each view, by its label."""
    nav = response.content.decode().partition('<nav class="tabs"')[2].partition("</nav>")[0]
    found = re.findall(
        r'<a href="([^"]*)"[^>]*>([^<]*?)(?: <span class="count"[^>]*>([^<]*)</span>)?</a>', nav
    )
    return {html.unescape(label): (number, html.unescape(url)) for url, label, number in found}


def numbers(response: Response) -> dict[str, str]:
    """Return the number of each view that has one."""
    return {label: number for label, (number, _) in tabs(response).items() if number}


def states(response: Response) -> dict[str, str]:
    """Return the number ("" without one) of each state that the list can be limited to."""
    found = re.findall(
        r'name="state" value="[^"]*"[^>]*><span>([^<]*)</span>'
        r'(?:<span class="count"[^>]*>([^<]*))?',
        response.content.decode(),
    )
    return dict(found)


# --- Views and states ---------------------------------------------------------------------------
def test_there_are_five_views_and_every_state_is_a_filter(site: Client) -> None:
    page = site.get("/accounts/")

    assert list(tabs(page)) == VIEWS
    assert sorted(STATE_ORDER, key=STATES.index) == list(STATES)
    assert set(states(page)) == {state.label for state in STATES}


@pytest.mark.parametrize(
    ("query", "view"),
    [
        ("", "All"),
        ("?view=attention", "Needs attention"),
        ("?view=blocked", "Can't sign in"),
        ("?state=locked", "Needs attention"),
        ("?state=locked&view=blocked", "Can't sign in"),
        ("?state=disabled", "Can't sign in"),
        ("?state=expiring&state=inactive_soon&view=soon", "Expiring soon"),
        ("?state=exempt", "Exempt"),
        ("?state=never_signed_in", "All"),
        ("?state=locked&state=never_signed_in", "All"),
    ],
)
def test_the_view_of_a_list_is_marked(site: Client, query: str, view: str) -> None:
    page = site.get(f"/accounts/{query}").content.decode()

    assert re.findall(r'aria-current="page">([^<]*?)(?: <span class="count|</a>)', page)[-1:] == [
        html.escape(view)
    ]


def test_several_states_are_listed_together_and_each_can_be_taken_away(site: Client) -> None:
    make_user("ann", enabled=False)
    make_locked_user("bob")
    make_user("cyd")
    page = site.get("/accounts/?state=locked&state=disabled&view=blocked")
    without = re.findall(r'href="([^"]*)"[^>]*>.{0,400}?Remove the filter (\w+)', flat(page))

    assert account_names(page) == ["ann", "bob"]
    assert {label: parse_qs(html.unescape(url)[1:]) for url, label in without} == {
        "Locked": {"state": ["disabled"]},
        "Disabled": {"state": ["locked"], "view": ["blocked"]},
    }


def flat(response: Response) -> str:
    """Return the page without its icons."""
    return re.sub(r"(?s)<svg.*?</svg>", "", response.content.decode())


@pytest.mark.parametrize("query", ["state=locked&state=nope", "view=nope", "view=locked"])
def test_an_unknown_state_or_view_is_refused(site: Client, query: str) -> None:
    response = site.get(f"/accounts/?{query}")

    assert response.status_code == 400
    assert "Choose from" in shown(response) or "Choose from" in shown(response)


def test_a_file_has_the_accounts_of_its_view(site: Client) -> None:
    make_user("ann", enabled=False)
    make_user("bob")
    response: Any = site.get("/accounts/export?view=blocked&format=csv")
    lines = b"".join(response.streaming_content).decode()

    assert "ann" in lines
    assert "bob" not in lines
    assert "accounts-blocked" in response["Content-Disposition"]


# --- Numbers ------------------------------------------------------------------------------------
@pytest.fixture
def _disabled() -> None:
    """Six disabled accounts, one of them a service account and two of domain shops; one of LDAP."""
    for name in ("ann", "ben", "cyd"):
        make_user(name, enabled=False)
    grant(make_user("nova", enabled=False), "service")
    for name in ("dee", "eve"):
        make_user(name, domain_id="shops", enabled=False)
    make_ldap_user("lena")
    take_census()


@pytest.mark.usefixtures("_disabled")
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {"Disabled": "6", "Not covered": "1", "Inactive": "0", "All": "6"}),
        ({"state": "never_signed_in"}, {"Disabled": "6", "Can't sign in": "6"}),
        ({"domain": "shops"}, {"Disabled": "2", "All": "2", "Can't sign in": "2"}),
        ({"kind": "service"}, {"Disabled": "1", "All": "1", "Can't sign in": "1"}),
        ({"kind": "service", "domain": "shops"}, {"Disabled": "0", "Can't sign in": "0"}),
        ({"state": "disabled", "q": "ann"}, {}),
    ],
)
def test_views_and_states_have_numbers_by_the_same_filters(
    site: Client, filters: dict[str, str], expected: dict[str, str]
) -> None:
    response = site.get("/accounts/", filters)
    shown_numbers = {**states(response), **numbers(response)}

    assert {label: shown_numbers.get(label) for label in expected} == expected
    if "q" in filters:  # a census knows no search
        assert numbers(response) == {}
        assert set(states(response).values()) == {""}
        assert "Counted" not in shown(response)


def test_an_operator_of_one_domain_has_its_numbers(shops: Client) -> None:
    make_user("ours", domain_id="shops", enabled=False)
    make_user("theirs", domain_id="payments", enabled=False)
    take_census()

    assert states(shops.get("/accounts/"))["Disabled"] == "1"


@pytest.mark.usefixtures("_disabled")
def test_locked_is_counted_now_in_every_list(site: Client) -> None:
    for name in ("ann", "anna", "bob"):
        make_locked_user(f"{name} after the census")

    for query in ("?state=locked", "?view=blocked", ""):
        assert states(site.get(f"/accounts/{query}"))["Locked"] == "3"
    assert numbers(site.get("/accounts/"))["Needs attention"] == "3"


@pytest.mark.usefixtures("_disabled")
def test_views_of_a_large_cloud_are_not_counted(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_list, "COUNTED", 5)

    assert numbers(site.get("/accounts/")) == {"Exempt": "0", "All": "6"}


def test_without_the_rule_no_account_is_locked(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_duration": "1800"}
    make_locked_user()

    assert states(site.get("/accounts/?state=disabled"))["Locked"] == "0"


def test_numbers_have_thousands_separators(site: Client) -> None:
    tally = census.count(policy=POLICY, now=NOW)
    object.__setattr__(tally, "numbers", {("", "expired", ""): 144_232})
    census.keep(tally)

    assert states(site.get("/accounts/"))["Password expired"] == "144,232"


@pytest.mark.usefixtures("_disabled")
def test_a_view_without_accounts_is_quieter_unless_it_is_open(site: Client) -> None:
    page = site.get("/accounts/?view=exempt").content.decode()

    assert re.search(r'class="zero">Expiring soon ', page)
    assert not re.search(r'class="zero"[^>]*>(Exempt|Can) ', page)


# --- Age of the numbers -------------------------------------------------------------------------
def test_without_a_census_only_locked_has_a_number(site: Client) -> None:
    response = site.get("/accounts/?view=blocked")

    assert {label for label, number in states(response).items() if number} == {"Locked"}
    assert "pciops census" in shown(response)


@pytest.mark.parametrize(
    ("minutes", "old", "age"), [(15, False, "13:47 UTC"), (16, True, "13:46 UTC")]
)
def test_the_age_of_the_numbers_is_shown_once_and_an_old_census_is_a_warning(
    site: Client,
    minutes: int,
    old: bool,  # noqa: FBT001 (a parameter of the table)
    age: str,
) -> None:
    take_census(NOW - minutes * MINUTE)
    page = shown(site.get("/accounts/"))

    assert page.count(age) == 1
    assert ("these numbers are out of date" in page) is old
    assert ("pciops census" in page) is old


@pytest.mark.parametrize(("state", "queries"), [("", 8), ("locked", 10), ("inactive", 8)])
def test_queries_for_the_numbers(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries, state: str, queries: int
) -> None:
    """Session and operator; the census and its numbers; alerts (4); in the locked list also whether
    a batch of unlocks is running, and the requests that wait.
    """
    for minutes in range(5):
        take_census(NOW - minutes * MINUTE)
    site.get("/accounts/")  # notes once a minute that Keystone's database answers

    with django_assert_num_queries(queries, using="default"):
        site.get("/accounts/", {"state": state}, headers={"Cache-Control": "no-cache"})


# --- Links --------------------------------------------------------------------------------------
FILTERS: list[dict[str, str]] = [
    {},
    {"state": "locked"},
    {"view": "attention"},
    {"view": "blocked", "domain": "shops"},
    {"domain": "shops"},
    {"kind": "service"},
    {"q": "user"},
    {"q": "a&b"},
    {"state": "locked", "sort": "name"},
    {"state": "locked", "kind": "service"},
    {"state": "locked", "view": "blocked", "kind": "service"},
    {"state": "locked", "kind": "service", "domain": "shops", "q": "user", "sort": "name"},
]


def parameters(url: str) -> dict[str, str]:
    """Return the filters in a URL."""
    return dict(parse_qsl(url.partition("?")[2], keep_blank_values=True))


def linked(response: Response, pattern: str) -> dict[str, str]:
    """Return the filters of the link that matches."""
    found = re.search(pattern, response.content.decode())
    assert found
    return parameters(html.unescape(found[1]))


def test_every_link_of_a_list_keeps_its_filters(site: Client, subtests: pytest.Subtests) -> None:
    make_domain()  # a second domain, so that there is a filter for it
    for number in range(51):
        grant(make_locked_user(f"user-{number:02}", domain_id="shops"), "service")
    for filters in FILTERS:
        with subtests.test(filters=urlencode(filters)):
            page = site.get("/accounts/", filters)
            urls = {label: parameters(url) for label, (_, url) in tabs(page).items()}
            stateless = {k: value for k, value in filters.items() if k not in {"state", "view"}}

            empty = filters.get("q") == "a&b"
            way = {"match": "contains"} if empty else {}  # no name begins with it

            assert urls["Needs attention"] == {**stateless, **way, "view": "attention"}
            assert urls["Can't sign in"] == {**stateless, **way, "view": "blocked"}
            assert urls["Exempt"] == {**stateless, **way, "state": "exempt"}
            assert urls["All"] == {**stateless, **way}
            check_search_form(page, filters)
            if empty:
                continue
            way = {"match": "begins"} if "q" in filters else {}
            for form in ("csv", "json"):
                pattern = rf'href="(/accounts/export[^"]*format={form})" download'
                assert linked(page, pattern) == {**filters, **way, "format": form}
            check_second_page(site, page, filters)


def check_search_form(page: Response, filters: dict[str, str]) -> None:
    """Check that the form sends view and sort, and shows the other filters."""
    forms = page.content.decode().split('role="search"')
    form = next(form for form in forms if 'id="f-q"' in form).partition("</form>")[0]
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form))
    selected = set(re.findall(r'<option value="([^"]+)" selected', form))
    checked = re.findall(r'name="state" value="([^"]*)" checked', form)
    typed = re.search(r'name="q"[^>]* value="([^"]*)"', form)

    assert hidden.pop("view") in {filters.get("view"), "attention", "all"}
    assert hidden == {name: filters[name] for name in ("sort",) if name in filters}
    assert checked == [filters[name] for name in ("state",) if name in filters]
    assert selected == {filters[name] for name in ("kind", "domain") if name in filters}
    assert typed
    assert html.unescape(typed[1]) == filters.get("q", "")


def check_second_page(site: Client, first: Response, filters: dict[str, str]) -> None:
    """Check the link to the next page, that to the first, and the form of unlocks."""
    second_url = next_page(first)
    second = site.get(f"/accounts/{second_url}")

    assert {**parameters(second_url), "marker": ""} == {**filters, "marker": ""}
    assert len(account_names(first)) + len(account_names(second)) == 51
    assert linked(second, r'href="([^"]*)">First page') == filters
    if "state" in filters or filters.get("view") == "attention":
        found = re.search(r'selection" method="post" action="([^"]*)"', str(second.content))
        assert found
        form = site.post(html.unescape(found[1]), {"account": values(second)})

        assert parameters(html.unescape(found[1])) == parameters(second_url)
        assert linked(form, r'href="(/accounts/\?[^"]*)">Cancel') == parameters(second_url)


def test_a_view_without_this_sort_leaves_it_out(site: Client) -> None:
    make_user()
    urls = {
        label: url
        for label, (_, url) in tabs(site.get("/accounts/?state=locked&sort=failed")).items()
    }

    assert urls["Needs attention"] == "?view=attention&sort=failed"
    assert urls["Can't sign in"] == "?view=blocked"
    assert urls["Exempt"] == "?state=exempt"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("view=blocked", True),
        ("view=attention", True),
        ("state=disabled&state=inactive", True),
        ("state=disabled", False),
        ("view=all", False),
    ],
)
def test_a_list_without_ldap_users_says_so(site: Client, query: str, told: bool) -> None:
    assert (
        "LDAP and federated users are in no list" in shown(site.get(f"/accounts/?{query}"))
    ) is told
