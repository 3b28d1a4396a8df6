"""The orders of lists of accounts: by their column heads, in URLs, API, files and commands."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any, cast

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from pciops.accounts.query import AccountQuery
from pciops.accounts.states import STATES
from tests.api.call import get
from tests.api.call import token as token
from tests.factories import (
    NOW,
    PasswordRow,
    make_locked_user,
    make_user,
)
from tests.signin.visit import Response, shown
from tests.web.pages import account_names

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("state", STATES, ids=str)
def test_each_list_has_sorts_that_say_its_order(state: Any) -> None:
    failed, dated = ("failed", "name"), ("date", "name")
    special = {
        "locked": ("privileged", *failed),
        **dict.fromkeys(("lock_lapsed", "near_lockout", "attacked_exempt"), failed),
        **dict.fromkeys(("expiring", "inactive_soon"), dated),
        "not_covered": ("id",),
    }

    assert AccountQuery(state=state).sorts == special.get(state.name, ("name",))


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", ["ben", "cyd", "ann"]),
        ("failed", ["ben", "cyd", "ann"]),
        ("name", ["ann", "ben", "cyd"]),
    ],
)
def test_page_api_file_and_command_sort_alike(
    site: Client, token: str, capsys: pytest.CaptureFixture[str], sort: str, expected: list[str]
) -> None:
    for name, minutes in (("ann", 20), ("ben", 1), ("cyd", 10)):
        make_locked_user(name, at=NOW - minutes * MINUTE)
    query = {"state": "locked"} | ({"sort": sort} if sort else {})
    exported = cast("Any", site.get("/accounts/export", query | {"format": "json"}))
    call_command("accounts", "--state=locked", f"--sort={sort}", "--format=json")
    files = [
        json.loads(exported.getvalue()),
        json.loads(capsys.readouterr().out),
        get(token, **query).json(),
    ]

    assert account_names(site.get("/accounts/", query)) == expected
    assert [[row["name"] for row in file["accounts"]] for file in files] == [expected] * 3


@pytest.mark.parametrize(
    ("filters", "valid"),
    [
        ({"state": "locked", "sort": "size"}, "privileged, failed, name"),
        ({"state": "inactive", "sort": "failed"}, "name"),
        ({"sort": "failed"}, "name"),
        ({"state": "not_covered", "sort": "name"}, "id"),
    ],
)
def test_an_unknown_sort_is_refused_with_the_valid_ones(
    site: Client, token: str, filters: dict[str, str], valid: str
) -> None:
    responses = [
        site.get("/accounts/", filters),
        site.get("/accounts/export", {"format": "csv", **filters}),
        get(token, **filters),
    ]
    with pytest.raises(CommandError) as error:
        call_command("accounts", *(f"--{name}={value}" for name, value in filters.items()))

    assert [response.status_code for response in responses] == [400] * 3
    assert error.value.returncode == 2
    for text in (*map(shown, responses), str(error.value)):
        assert re.search(rf"sort: .*'{filters['sort']}'.* {valid}\.", text)


def heads(response: Response) -> dict[str, tuple[str, str]]:
    """Return each column that can be sorted, with its order and the link for another one."""
    found = re.findall(
        r'<th role="columnheader" scope="col"[^>]*?( aria-sort="(\w+)")?>'
        r'(?:<a class="sort" href="([^"]*)">|<span class="sort">)?([\w ]+)<',
        response.content.decode(),
    )
    return {
        label: (order, href.replace("&amp;", "&"))
        for _, order, href, label in found
        if order or href
    }


EXPIRING_HEADS = {
    "Account": ("", "?state=expiring&sort=name"),
    "Password expires": ("ascending", ""),
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "?state=locked",
            {
                "Account": ("", "?state=locked&sort=name"),
                "Last failure": ("", "?state=locked&sort=failed"),
            },
        ),
        (
            "?state=locked&sort=failed",
            {"Account": ("", "?state=locked&sort=name"), "Last failure": ("descending", "")},
        ),
        (
            "?state=locked&sort=name&q=ann",
            {
                "Account": ("ascending", ""),
                "Last failure": ("", "?state=locked&q=ann&sort=failed"),
            },
        ),
        ("?state=expiring", EXPIRING_HEADS),
        ("?state=expiring&sort=name", {"Account": ("ascending", "")}),
        ("", {}),
        ("?state=disabled", {}),
    ],
)
def test_column_heads_show_the_order_and_link_to_the_other(
    site: Client, query: str, expected: dict[str, tuple[str, str]]
) -> None:
    make_locked_user()
    make_user("ben", enabled=False)
    soon = PasswordRow(created_at=NOW, expires_at=NOW + timedelta(days=5))
    make_user("cyd", passwords=[soon])

    assert heads(site.get(f"/accounts/{query}")) == expected


@pytest.mark.parametrize(
    ("query", "others"),
    [
        (
            {"state": "locked"},
            [
                {"state": "locked", "sort": "name"},
                {"state": "lock_lapsed"},
                {"sort": "name"},
                {},
                {"state": "not_covered"},
            ],
        ),
        ({"state": "disabled"}, [{"state": "no_password"}]),
        ({}, [{"state": "disabled"}]),
    ],
)
def test_a_marker_of_another_list_or_sort_is_refused(
    token: str, site: Client, query: dict[str, str], others: list[dict[str, str]]
) -> None:
    for name in ("ann", "ben"):
        make_locked_user(name, enabled=False)
    following = get(token, **query, limit="1").json()["links"]["next"]
    marker = following.partition("marker=")[2]

    for other in others:
        assert get(token, **other, marker=marker).status_code == 400
        assert site.get("/accounts/", {**other, "marker": marker}).status_code == 400
