"""What a list can be sorted by, in the pages, the API and on the command line."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from pciops.accounts.selectors import AccountQuery
from pciops.accounts.states import STATES
from tests.api.call import get
from tests.api.call import token as token
from tests.factories import NOW, make_locked_user, make_user
from tests.signin.visit import Response, shown
from tests.web.test_lists import names, next_page

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

FAILURES = {"locked", "lock_lapsed", "near_lockout", "attacked_exempt"}
ORDERS = [("", ["ben", "cyd", "ann"]), ("failed", ["ben", "cyd", "ann"])]
ORDERS += [("name", ["ann", "ben", "cyd"])]
ordered = pytest.mark.parametrize(("sort", "order"), ORDERS)


@pytest.fixture
def _locked() -> None:
    """Three whose failures have another order than their names."""
    for name, minutes in (("ann", 20), ("ben", 1), ("cyd", 10)):
        make_locked_user(name, at=NOW - timedelta(minutes=minutes))


def heads(response: Response) -> dict[str, tuple[str, str]]:
    """The columns that a list can be sorted by → how it is sorted, and where its link leads."""
    found = re.findall(
        r'<th role="columnheader" scope="col"( aria-sort="(\w+)")?>'
        r'(?:<a href="([^"]*)">)?([\w ]+)<',
        response.content.decode(),
    )
    return {
        label: (order, href.replace("&amp;", "&"))
        for _, order, href, label in found
        if order or href
    }


@pytest.mark.parametrize("state", STATES, ids=str)
def test_lists_that_failures_make_have_two_sorts_and_others_one(state: Any) -> None:
    expected = ("failed", "name") if state.name in FAILURES else ("name",)
    if state.name == "not_covered":
        expected = ("id",)

    assert AccountQuery(state=state).sorts == expected


@ordered
@pytest.mark.usefixtures("_locked")
def test_a_page_is_sorted_as_asked(site: Client, sort: str, order: list[str]) -> None:
    assert names(site.get("/accounts/", {"state": "locked", "sort": sort})) == order


@ordered
@pytest.mark.usefixtures("_locked")
def test_the_api_sorts_as_asked(token: str, sort: str, order: list[str]) -> None:
    found = get(token, state="locked", sort=sort).json()["accounts"]

    assert [account["name"] for account in found] == order


@ordered
@pytest.mark.usefixtures("_locked")
def test_an_export_is_sorted_as_asked(site: Client, sort: str, order: list[str]) -> None:
    response = site.get("/accounts/export", {"state": "locked", "sort": sort, "format": "json"})
    found = json.loads(response.getvalue())["accounts"]

    assert [account["name"] for account in found] == order


@ordered
@pytest.mark.usefixtures("_locked")
def test_the_command_sorts_as_asked(
    capsys: pytest.CaptureFixture[str], sort: str, order: list[str]
) -> None:
    call_command("accounts", "--state=locked", f"--sort={sort}", "--format=json")
    found = json.loads(capsys.readouterr().out)["accounts"]

    assert [account["name"] for account in found] == order


def test_a_list_by_name_is_walked_once(site: Client) -> None:
    for number in range(120):
        at = NOW - timedelta(seconds=number * 7 % 100)
        make_locked_user(f"user-{number:03}", at=at)
    pages = [site.get("/accounts/?state=locked&sort=name")]
    while more := next_page(pages[-1]):
        pages.append(site.get(f"/accounts/{more}"))

    assert [name for page in pages for name in names(page)] == [
        f"user-{number:03}" for number in range(120)
    ]


# --- The heads of the columns -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            "?state=locked",
            {"Account": ("", "?state=locked&sort=name"), "Last failure": ("descending", "")},
        ),
        (
            "?state=locked&sort=name&q=ann",
            {"Account": ("ascending", ""), "Last failure": ("", "?state=locked&q=ann")},
        ),
    ],
)
def test_the_heads_say_the_order_and_lead_to_the_other(
    site: Client, address: str, expected: dict[str, tuple[str, str]]
) -> None:
    make_locked_user()

    assert heads(site.get(f"/accounts/{address}")) == expected


def test_a_list_of_failures_shows_the_last_one(site: Client) -> None:
    make_user(failed_auth_count=2, failed_auth_at=NOW - timedelta(minutes=3))
    page = shown(site.get("/accounts/?state=near_lockout"))

    assert "13:59:11 UTC 3 min ago" in page


@pytest.mark.parametrize("address", ["", "?state=disabled"])
def test_a_list_with_one_sort_has_no_links_in_its_heads(site: Client, address: str) -> None:
    make_user(enabled=False)

    assert heads(site.get(f"/accounts/{address}")) == {}


# --- Sorts that there are not -------------------------------------------------------------------
REFUSED = [
    ({"state": "locked", "sort": "size"}, "this list has no sort 'size'. Sorts are failed, name."),
    (
        {"state": "inactive", "sort": "failed"},
        "this list has no sort 'failed'. Its one sort is name.",
    ),
    ({"sort": "failed"}, "this list has no sort 'failed'. Its one sort is name."),
    ({"state": "not_covered", "sort": "name"}, "this list has no sort 'name'. Its one sort is id."),
]
refused = pytest.mark.parametrize(("filters", "sentence"), REFUSED)


@refused
@pytest.mark.parametrize("path", ["/accounts/", "/accounts/export?format=csv"])
def test_a_page_and_an_export_refuse_it(
    site: Client, path: str, filters: dict[str, str], sentence: str
) -> None:
    response = site.get(path, {"format": "csv", **filters} if "export" in path else filters)

    assert response.status_code == 400
    assert f"sort: {sentence}" in shown(response)


@refused
def test_the_api_refuses_it(token: str, filters: dict[str, str], sentence: str) -> None:
    response = get(token, **filters)

    assert response.status_code == 400
    assert response.json()["error"]["message"] == f"sort: {sentence}"


@refused
def test_the_command_refuses_it(filters: dict[str, str], sentence: str) -> None:
    words = [f"--{name}={value}" for name, value in filters.items()]
    with pytest.raises(CommandError) as error:
        call_command("accounts", *words)

    assert str(error.value) == f"--sort: {sentence}"
    assert error.value.returncode == 2


# --- Markers ------------------------------------------------------------------------------------
@pytest.mark.usefixtures("_locked")
@pytest.mark.parametrize(
    "other",
    [
        {"state": "locked", "sort": "name"},
        {"state": "lock_lapsed"},
        {"sort": "name"},
        {},
        {"state": "not_covered"},
    ],
)
def test_a_marker_of_another_list_or_sort_is_refused(
    token: str, site: Client, other: dict[str, str]
) -> None:
    following = get(token, state="locked", limit="1").json()["links"]["next"]
    marker = following.partition("marker=")[2]

    assert get(token, **other, marker=marker).status_code == 400
    assert site.get("/accounts/", {**other, "marker": marker}).status_code == 400


@pytest.mark.parametrize(("one", "other"), [("disabled", "no_password"), ("", "disabled")])
def test_a_marker_of_a_list_in_the_same_order_is_refused_too(
    token: str, one: str, other: str
) -> None:
    for name in ("ann", "ben"):
        make_user(name, enabled=False)
    following = get(token, state=one, limit="1").json()["links"]["next"]

    assert get(token, state=other, marker=following.partition("marker=")[2]).status_code == 400
