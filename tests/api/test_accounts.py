"""The accounts over the API: the list, its pages, and one account."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from pciops.accounts.states import STATES
from pciops.keystone.models import User
from tests.api.call import ACCOUNTS, assert_refused, get, pages
from tests.events.factories import SCRIPT, save_attempts, stale_script
from tests.factories import (
    NOW,
    PasswordRow,
    grant,
    make_federated_user,
    make_ldap_user,
    make_locked_user,
    make_project,
    make_user,
)
from tests.signin.visit import Response

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def names(page: Response | dict[str, Any]) -> list[str]:
    """Return the names in a list, in its order."""
    accounts = (page if isinstance(page, dict) else page.json())["accounts"]
    return [account["name"] for account in accounts]


# --- One account --------------------------------------------------------------------------------
def test_account_has_all_fields(token: str) -> None:
    user = make_locked_user(
        domain_id="payments",
        email="ann@example.test",
        at=NOW - timedelta(minutes=2),
        last_active_at=NOW.date(),
        options={"1001": True},
        passwords=[
            PasswordRow(created_at=NOW - timedelta(days=30), expires_at=NOW + timedelta(days=1.5))
        ],
    )
    grant(user, "admin", on=make_project("service"))

    account = get(token, f"{ACCOUNTS}/{user.id}").json()["account"]

    assert account == {
        "id": user.id,
        "name": "ann",
        "domain_id": "payments",
        "domain_name": "Payments",
        "email": "ann@example.test",
        "enabled": True,
        "states": ["locked", "exempt"],
        "kinds": ["administrator", "service"],
        "failed_auth_count": 3,
        "failed_auth_at": "2026-11-22T14:00:11Z",
        "locked_until": "2026-11-22T14:30:11Z",
        "last_active_at": "2026-11-22",
        "inactive_on": None,
        "password_created_at": "2026-10-23T14:02:11Z",
        "password_expires_at": "2026-11-24T02:02:11Z",
        "exemptions": ["ignore_password_expiry"],
        "second_factor": "none",
        "second_factor_explanation": "it has no rule",
        "machine": "role",
        "ec2_credentials": 0,
        "created_at": "2026-10-23T14:02:11Z",
    }
    del account["ec2_credentials"]  # of one account only
    assert get(token).json()["accounts"] == [account]


def test_unknown_fields_are_null(token: str) -> None:
    user = make_user(created_at=None, email=None, passwords=[])
    account = get(token, f"{ACCOUNTS}/{user.id}").json()["account"]

    assert {name for name, value in account.items() if value is None} == {
        "email",
        "failed_auth_at",
        "locked_until",
        "last_active_at",
        "inactive_on",
        "password_created_at",
        "password_expires_at",
        "created_at",
        "machine",
    }


@pytest.mark.parametrize("make", [make_ldap_user, make_federated_user])
def test_ldap_and_federated_users_have_their_name(token: str, make: Callable[[str], User]) -> None:
    user = make("lena")

    assert get(token, f"{ACCOUNTS}/{user.id}").json()["account"]["name"] == "lena"


@pytest.mark.parametrize("name", ["<script>", "\u202egnp", "n" * 255, "🔒", '"'])
def test_hostile_name_is_not_altered(token: str, name: str) -> None:
    make_user(name)

    assert names(get(token)) == [name]


# --- Filters ------------------------------------------------------------------------------------
def test_locked_accounts_are_listed_newest_failure_first(token: str) -> None:
    make_user("free")
    make_locked_user("older", at=NOW - timedelta(minutes=5))
    make_locked_user("newer", at=NOW)
    make_locked_user("lapsed", at=NOW - timedelta(hours=1))

    assert names(get(token, state="locked")) == ["newer", "older"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"domain_id": "shops"}, ["cyd"]),
        ({"q": "nn"}, ["ann"]),
        ({"q": "BEN@"}, ["ben"]),
        ({"q": "\0"}, ["ann", "ben", "cyd"]),
        ({"q": "nobody"}, []),
        ({"kind": "administrator"}, ["ann"]),
        ({"kind": "service"}, ["ben"]),
    ],
)
def test_accounts_can_be_filtered(token: str, query: dict[str, str], found: list[str]) -> None:
    grant(make_user("ann"))
    grant(make_user("ben", email="ben@example.test"), "service")
    make_user("cyd", domain_id="shops")
    response = get(token, **query)

    assert names(response) == found
    assert response.json()["links"]["next"] is None


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ({"state": "lokced"}, [state.name for state in STATES]),
        ({"kind": "robot"}, ["administrator", "service"]),
        ({"domain_id": "nobody"}, ["shops (Shops)"]),
    ],
)
def test_unknown_filter_is_named_with_the_allowed_values(
    token: str, query: dict[str, str], allowed: list[str]
) -> None:
    make_user(domain_id="shops")
    response = get(token, **query)
    [(name, value)] = query.items()

    assert_refused(response, 400, f"{name}: ")
    message = response.json()["error"]["message"]
    assert f"'{value}'" in message
    assert message.endswith(f" {', '.join(allowed)}.")


# --- Pages --------------------------------------------------------------------------------------
def test_links_lead_to_every_account_once(token: str) -> None:
    for number in range(25):
        make_locked_user(f"user-{number:02}", at=NOW - timedelta(seconds=number // 4))
    found = [names(page) for page in pages(token, ACCOUNTS, state="locked", limit="10")]

    assert [len(page) for page in found] == [10, 10, 5]
    assert len({name for page in found for name in page}) == 25


def test_next_link_keeps_the_filters(token: str) -> None:
    for number in range(3):
        make_user(f"ann & bob {number}", domain_id="shops")
    make_user("ann & bob elsewhere")
    _, last = pages(token, ACCOUNTS, domain_id="shops", q="n & b", limit="2")

    assert names(last) == ["ann & bob 2"]


@pytest.mark.parametrize("secure", [False, True])
def test_links_are_whole_urls(token: str, secure: bool) -> None:
    for name in ("ann", "ben"):
        make_user(name)
    headers = {"X-Auth-Token": token, "Host": "localhost"}
    links = Client().get(f"{ACCOUNTS}?limit=1", headers=headers, secure=secure).json()["links"]
    start = f"http{'s' if secure else ''}://localhost/api/v1/accounts?limit=1"

    assert links["self"] == start
    assert links["next"].startswith(f"{start}&marker=")


def test_default_limit_is_100(token: str) -> None:
    for number in range(101):
        make_user(f"user-{number}")

    assert len(names(get(token))) == 100


@pytest.mark.parametrize("limit", ["1", "01", "1000"])
def test_limit_within_bounds_is_accepted(token: str, limit: str) -> None:
    make_user()

    assert get(token, limit=limit).status_code == 200


@pytest.mark.parametrize(
    "limit",
    [
        "0",
        "-1",
        "1001",
        "1.5",
        "ten",
        "",
        " 5",
        "٣",
        "1e3",
        "0x10",
        "1" * 5000,
        "0000000010000000",
        "999999999999999999999",
    ],
)
def test_limit_out_of_bounds_is_refused(token: str, limit: str) -> None:
    assert_refused(get(token, limit=limit), 400, "limit: ")


def made(text: str, *, of: str = "all.name.") -> str:
    """Return a marker of this list with this JSON."""
    return of + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "marker",
    [
        "x",
        "!!!",
        "ü",
        "W" * 10_000,
        "all.name.",
        "all.name." + "W" * 10_000,
        made('["a", 1]', of=""),
        made('["a", 1]', of="disabled.name."),
        made("{}"),
        made("[]"),
        made("[1]"),
        made("[1, 2]"),
        made('["a", "b", "c"]'),
        made('["a", true]'),
        made('["a", 1.0]'),
        made('["a", 1e400]'),
        made('["a", 9999999999999999999999]'),
        made('["\\ud800", 1]'),  # half of a surrogate pair
        made("[null, 1]"),
        made("[" * 5_000),
    ],
)
def test_marker_of_another_list_is_refused(token: str, marker: str) -> None:
    make_user()

    assert_refused(get(token, marker=marker), 400, "marker: not from this list")


@pytest.mark.parametrize("value", ['"0001-01-01T00:00:00+23:59"', '"yesterday"', "5", "[]"])
def test_marker_with_an_invalid_time_is_refused(token: str, value: str) -> None:
    marker = made(f"[1, {value}, 1]", of="locked.failed.")

    assert_refused(get(token, state="locked", marker=marker), 400, "marker: not from this list")


# --- The diagnosis ------------------------------------------------------------------------------
def test_diagnosis_is_beside_the_account(token: str) -> None:
    user = make_locked_user(at=NOW)
    save_attempts(user.id, stale_script())

    diagnosis = get(token, f"{ACCOUNTS}/{user.id}").json()["diagnosis"]

    assert (diagnosis["cause"], diagnosis["confidence"]) == ("old_password", "very likely")
    assert diagnosis["locks_again_at"] == "2026-11-22T14:15:31Z"
    assert diagnosis["sources"] == [
        {
            "reported_address": "10.2.3.4",
            "reported_agent": SCRIPT,
            "tries": 20,
            "first_at": "2026-11-22T12:25:31Z",
            "last_at": "2026-11-22T14:00:31Z",
            "every_seconds": 300.0,
            "probably_a_proxy": False,
            "other_accounts_signed_in": 0,
        }
    ]


def test_account_without_failures_has_no_diagnosis(token: str) -> None:
    assert get(token, f"{ACCOUNTS}/{make_user().id}").json()["diagnosis"] is None
