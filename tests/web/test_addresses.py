"""Every filter of a list is in every address that leads on from it."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qsl, urlencode

import pytest
from django.test import Client

from tests.factories import grant, make_domain, make_locked_user, make_user
from tests.signin.visit import Response
from tests.web.selecting import values
from tests.web.test_lists import names, next_page
from tests.web.test_tabs import addresses

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

FILTERS = [
    {},
    {"state": "locked"},
    {"domain": "shops"},
    {"kind": "service"},
    {"q": "user"},
    {"state": "locked", "sort": "name"},
    {"state": "locked", "kind": "service"},
    {"state": "locked", "kind": "service", "domain": "shops", "q": "user", "sort": "name"},
]
filtered = pytest.mark.parametrize("filters", FILTERS, ids=urlencode)


@pytest.fixture
def users() -> None:
    """More than a page of locked accounts that fit all filters."""
    make_domain()  # another one, so that there is a filter for it
    for number in range(51):
        grant(make_locked_user(f"user-{number:02}", domain_id="shops"), "service")


def led_to(address: str) -> dict[str, str]:
    """The filters of an address."""
    return dict(parse_qsl(address.partition("?")[2], keep_blank_values=True))


def href(response: Response, pattern: str) -> dict[str, str]:
    """The filters of the link that looks like this."""
    found = re.search(pattern, response.content.decode())
    assert found
    return led_to(html.unescape(found[1]))


@filtered
@pytest.mark.usefixtures("users")
def test_the_tabs_keep_every_filter_but_the_state(site: Client, filters: dict[str, str]) -> None:
    tabs = addresses(site.get("/accounts/", filters))

    assert led_to(tabs["Lock lapsed"]) == {**filters, "state": "lock_lapsed"}
    assert led_to(tabs["Inactive"]) == {**filters, "state": "inactive"}
    assert led_to(tabs["All"]) == {k: v for k, v in filters.items() if k != "state"}


@filtered
@pytest.mark.usefixtures("users")
def test_the_next_page_and_the_first_keep_every_filter(
    site: Client, filters: dict[str, str]
) -> None:
    more = next_page(site.get("/accounts/", filters))
    later = site.get(f"/accounts/{more}")

    assert {k: v for k, v in led_to(more).items() if k != "marker"} == filters
    assert len(names(later)) == 1
    assert href(later, r'href="([^"]*)">First page') == filters


@filtered
@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.usefixtures("users")
def test_the_exports_keep_every_filter(site: Client, filters: dict[str, str], form: str) -> None:
    found = href(
        site.get("/accounts/", filters), rf'href="(/accounts/export[^"]*format={form})" download'
    )

    assert found == {**filters, "format": form}


@filtered
@pytest.mark.usefixtures("users")
def test_the_search_form_keeps_state_and_sort_and_shows_the_rest(
    site: Client, filters: dict[str, str]
) -> None:
    form = site.get("/accounts/", filters).content.decode()
    form = form.partition('role="search"')[2].partition("</form>")[0]
    kept = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form))
    chosen = re.findall(r'<option value="([^"]+)" selected', form)
    typed = re.search(r'name="q"[^>]* value="([^"]*)"', form)

    assert kept == {k: v for k, v in filters.items() if k in {"state", "sort"}}
    assert set(chosen) == {v for k, v in filters.items() if k in {"kind", "domain"}}
    assert typed
    assert typed[1] == filters.get("q", "")


@pytest.mark.parametrize("filters", [it for it in FILTERS if it.get("state")], ids=urlencode)
@pytest.mark.usefixtures("users")
def test_the_form_of_an_unlock_leads_back_to_the_same_page(
    site: Client, filters: dict[str, str]
) -> None:
    here = next_page(site.get("/accounts/", filters))
    page = site.get(f"/accounts/{here}")
    found = re.search(r'class="selection" method="post" action="([^"]*)"', page.content.decode())
    assert found
    form = site.post(html.unescape(found[1]), {"account": values(page)})

    assert led_to(html.unescape(found[1])) == led_to(here)
    assert href(form, r'href="(/accounts/\?[^"]*)">Cancel') == led_to(here)


def test_a_tab_whose_list_has_no_such_sort_leaves_it_out(site: Client) -> None:
    make_user()
    tabs = addresses(site.get("/accounts/?state=locked&sort=failed"))

    assert tabs["Lock lapsed"] == "?state=lock_lapsed&sort=failed"
    assert tabs["Inactive"] == "?state=inactive"
    assert tabs["Not covered"] == "?state=not_covered"
