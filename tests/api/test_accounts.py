"""Accounts over the API: the list, its pages, and one account."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.test import Client

from tests.api.call import ACCOUNTS, get
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


def names(response: Response) -> list[str]:
    """The names in a list, in its order."""
    return [account["name"] for account in response.json()["accounts"]]


def message(response: Response) -> str:
    """The sentence of a refused request."""
    assert response.status_code == 400
    return str(response.json()["error"]["message"])


# --- One account --------------------------------------------------------------------------------
def test_a_locked_account_is_told_in_full(token: str) -> None:
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

    answer = get(token, f"{ACCOUNTS}/{user.id}").json()

    assert {"account": answer["account"]} == {
        "account": {
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
        },
    }


def test_what_is_not_known_of_an_account_is_null(token: str) -> None:
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
    }


def test_an_ldap_user_is_told_by_name(token: str) -> None:
    user = make_ldap_user("lena")

    assert get(token, f"{ACCOUNTS}/{user.id}").json()["account"]["name"] == "lena"


def test_a_federated_user_is_told_by_name(token: str) -> None:
    user = make_federated_user("frida")

    assert get(token, f"{ACCOUNTS}/{user.id}").json()["account"]["name"] == "frida"


def test_the_list_tells_the_same_of_an_account(token: str) -> None:
    user = make_locked_user()

    assert get(token).json()["accounts"] == [get(token, f"{ACCOUNTS}/{user.id}").json()["account"]]


@pytest.mark.parametrize("name", ["<script>", "\u202egnp", "n" * 255, "🔒", '"'])
def test_a_hostile_name_is_told_as_it_is(token: str, name: str) -> None:
    make_user(name)

    assert names(get(token)) == [name]


# --- Filters ------------------------------------------------------------------------------------
def test_the_locked_accounts_are_told_newest_failure_first(token: str) -> None:
    make_user("free")
    make_locked_user("older", at=NOW - timedelta(minutes=5))
    make_locked_user("newer", at=NOW)
    make_locked_user("lapsed", at=NOW - timedelta(hours=1))

    assert names(get(token, state="locked")) == ["newer", "older"]


def test_the_accounts_of_a_domain_can_be_asked_for(token: str) -> None:
    make_user("ours", domain_id="shops")
    make_user("theirs", domain_id="payments")

    assert names(get(token, domain_id="shops")) == ["ours"]


@pytest.mark.parametrize(
    ("text", "found"), [("nn", ["ann"]), ("BEN@", ["ben"]), ("zz", []), ("\0", ["ann", "ben"])]
)
def test_accounts_can_be_searched(token: str, text: str, found: list[str]) -> None:
    make_user("ann")
    make_user("ben", email="ben@example.test")

    assert names(get(token, q=text)) == found


def test_what_fits_nobody_is_an_empty_list(token: str) -> None:
    make_user()
    response = get(token, q="nobody")

    assert response.json()["accounts"] == []
    assert response.json()["links"]["next"] is None


def test_a_state_that_does_not_exist_is_named_with_those_that_do(token: str) -> None:
    assert message(get(token, state="lokced")) == (
        "state: there is no state 'lokced'. States are locked, disabled, inactive, expired, "
        "must_change, no_password, unreadable, lock_lapsed, near_lockout, attacked_exempt, "
        "inactive_soon, expiring, no_expiry, exempt, not_covered."
    )


@pytest.mark.parametrize(("kind", "found"), [("administrator", ["ann"]), ("service", ["ben"])])
def test_the_accounts_of_a_kind_can_be_asked_for(token: str, kind: str, found: list[str]) -> None:
    grant(make_user("ann"))
    grant(make_user("ben"), "service")
    make_user("cyd")

    assert names(get(token, kind=kind)) == found


def test_a_kind_that_does_not_exist_is_named_with_those_that_do(token: str) -> None:
    assert message(get(token, kind="robot")) == (
        "kind: there is no kind 'robot'. Kinds are administrator, service."
    )


def test_a_domain_that_does_not_exist_is_named_with_those_that_do(token: str) -> None:
    make_user(domain_id="shops")

    assert message(get(token, domain_id="nobody")) == (
        "domain_id: there is no domain with the id 'nobody' here. Ids are shops (Shops)."
    )


# --- Pages --------------------------------------------------------------------------------------
def test_the_links_walk_every_account_once(token: str) -> None:
    for number in range(25):
        make_locked_user(f"user-{number:02}", at=NOW - timedelta(seconds=number // 4))
    pages = [get(token, state="locked", limit="10")]
    while following := pages[-1].json()["links"]["next"]:
        pages.append(get(token, following))
    walked = [name for page in pages for name in names(page)]

    assert [len(names(page)) for page in pages] == [10, 10, 5]
    assert len(set(walked)) == 25


def test_the_next_link_keeps_the_filters(token: str) -> None:
    for number in range(3):
        make_user(f"ann & bob {number}", domain_id="shops")
    following = get(token, domain_id="shops", q="n & b", limit="2").json()["links"]["next"]

    assert names(get(token, following)) == ["ann & bob 2"]


@pytest.mark.parametrize("secure", [False, True])
def test_the_links_are_whole_addresses(token: str, secure: bool) -> None:
    for name in ("ann", "ben"):
        make_user(name)
    headers = {"X-Auth-Token": token, "Host": "localhost"}
    links = Client().get(f"{ACCOUNTS}?limit=1", headers=headers, secure=secure).json()["links"]
    start = f"http{'s' if secure else ''}://localhost/api/v1/accounts?limit=1"

    assert links["self"] == start
    assert links["next"].startswith(f"{start}&marker=")


def test_without_a_limit_there_are_a_hundred_on_a_page(token: str) -> None:
    for number in range(101):
        make_user(f"user-{number}")

    assert len(names(get(token))) == 100


@pytest.mark.parametrize("limit", ["1", "01", "1000"])
def test_a_limit_within_bounds_is_taken(token: str, limit: str) -> None:
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
def test_a_limit_out_of_bounds_is_refused(token: str, limit: str) -> None:
    assert message(get(token, limit=limit)) == "limit: a whole number from 1 to 1000."


def made(text: str, *, of: str = "all.name.") -> str:
    """A marker of this list that holds this JSON."""
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
        made('["\\ud800", 1]'),  # half a character
        made("[null, 1]"),
        made("[" * 5_000),
    ],
)
def test_a_marker_of_another_list_is_refused(token: str, marker: str) -> None:
    make_user()

    assert message(get(token, marker=marker)) == (
        "marker: not of this list; take it from links.next."
    )


@pytest.mark.parametrize("value", ['"0001-01-01T00:00:00+23:59"', '"yesterday"', "5", "[]"])
def test_a_marker_with_an_instant_that_is_none_is_refused(token: str, value: str) -> None:
    marker = made(f"[1, {value}, 1]", of="locked.failed.")

    assert message(get(token, state="locked", marker=marker)) == (
        "marker: not of this list; take it from links.next."
    )


# --- Why it is locked ---------------------------------------------------------------------------
def test_the_diagnosis_stands_beside_the_account(token: str) -> None:
    user = make_locked_user(at=NOW)
    save_attempts(user.id, stale_script())

    found = get(token, f"{ACCOUNTS}/{user.id}").json()["diagnosis"]

    assert (found["cause"], found["confidence"]) == ("old_password", "very likely")
    assert found["locks_again_at"] == "2026-11-22T14:15:31Z"
    assert found["sources"] == [
        {
            "reported_address": "10.2.3.4",
            "reported_agent": SCRIPT,
            "tries": 20,
            "first_at": "2026-11-22T12:25:31Z",
            "last_at": "2026-11-22T14:00:31Z",
            "every_seconds": 300.0,
            "probably_a_proxy": False,
        }
    ]


def test_an_account_without_failures_has_no_diagnosis(token: str) -> None:
    assert get(token, f"{ACCOUNTS}/{make_user().id}").json()["diagnosis"] is None
