"""The JSON API: its callers, and every error in Keystone's format."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connections
from django.http import JsonResponse
from django.test import Client
from pytest_django import Settings

from tests.api.call import ACCOUNTS, assert_refused, error, get, post, token_of_domain
from tests.factories import make_locked_user, make_user
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

API = "/api/v1"


# --- Callers ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("scope", "roles"),
    [
        ("", {"system": {"admin"}}),
        ("project:demo", {"system": {"admin"}, "project:demo": {"admin"}}),
        ("project:demo", {"default": {"admin"}, "project:demo": {"admin"}}),
    ],
    ids=["unscoped", "of a project", "of a project and a domain"],
)
def test_token_is_not_widened_beyond_its_own_scope(
    fake_keystone: FakeKeystone, scope: str, roles: dict[str, set[str]]
) -> None:
    response = get(fake_keystone.issue(fake_keystone.person(roles=roles), scope))

    assert_refused(response, 403, "The token carries no role that pciops accepts")
    assert "POST /v3/auth/tokens" not in fake_keystone.asked


def test_token_of_an_administrator_sees_the_whole_cloud(fake_keystone: FakeKeystone) -> None:
    make_user(domain_id="shops")
    make_user(domain_id="payments")
    person = fake_keystone.person(roles={"system": {"admin"}})
    response = get(fake_keystone.issue(person, "system"))

    assert len(response.json()["accounts"]) == 2
    assert response["Content-Type"] == JsonResponse({})["Content-Type"]
    assert "no-store" in response["Cache-Control"]
    assert not response.cookies
    assert not fake_keystone.password_tries


@pytest.mark.parametrize("roles", [{"shops": {"admin"}}, {"shops": {"admin"}, "system": {"admin"}}])
def test_domain_token_sees_only_accounts_of_the_domain(
    fake_keystone: FakeKeystone, roles: dict[str, set[str]]
) -> None:
    person = fake_keystone.person(domain_id="shops", roles=roles)
    make_user("ours", domain_id="shops")
    make_user("theirs", domain_id="payments")
    accounts = get(fake_keystone.issue(person, "shops")).json()["accounts"]

    assert [account["name"] for account in accounts] == ["ours"]


@pytest.mark.parametrize("suffix", ["", "/unlock"])
def test_account_of_another_domain_does_not_exist_for_a_domain_token(
    fake_keystone: FakeKeystone, suffix: str
) -> None:
    foreign = make_locked_user(domain_id="payments")
    send = post if suffix else get
    response = send(token_of_domain(fake_keystone), f"{ACCOUNTS}/{foreign.id}{suffix}")

    assert_refused(response, 404, f"Could not find account: {foreign.id}.")


@pytest.mark.parametrize(
    "path",
    [
        *("/accounts", "/accounts/x", "/accounts/x/activity", "/activity", "/audit"),
        *("/exemptions", "/overview", "/policy", "/policy/what-if", "/reports", "/reports/x"),
    ],
)
def test_without_a_token_every_read_is_unauthorized(fake_keystone: FakeKeystone, path: str) -> None:
    response = Client().get(API + path)

    assert_refused(response, 401, "X-Auth-Token: send a Keystone token")
    assert response["WWW-Authenticate"].startswith("Keystone")


def test_session_cookie_is_not_accepted(site: Client) -> None:
    assert error(site.get(ACCOUNTS))[0] == 401


@pytest.mark.parametrize(
    "token",
    ["gAAAAA-forged", "';+DROP+TABLE+user;--", "../../v3/users", "<script>", "%00"],
)
def test_unknown_token_is_unauthorized(fake_keystone: FakeKeystone, token: str) -> None:
    assert_refused(get(token), 401, "X-Auth-Token: Keystone does not accept this token.")


def test_unknown_token_is_asked_for_once_in_five_seconds(
    fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    for _ in range(20):
        assert get("gAAAAA-forged").status_code == 401
    assert fake_keystone.asked["GET /v3/auth/tokens"] == 1

    clock.shift(timedelta(seconds=5))
    get("gAAAAA-forged")
    get("gAAAAA-another")
    assert fake_keystone.asked["GET /v3/auth/tokens"] == 3


def test_revoked_and_expired_tokens_are_unauthorized(
    fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    person = fake_keystone.person()
    revoked = fake_keystone.issue(person, "system")
    fake_keystone.revoke(person)
    assert get(revoked).status_code == 401

    expired = fake_keystone.issue(person, "system")
    clock.shift(timedelta(hours=1))
    assert get(expired).status_code == 401


@pytest.mark.parametrize(
    "token",
    ["", " ", "a b", "ü", "x" * 4097, "a\tb", "a\x7fb", "a\x00b", "\u200b", "日本"],
)
def test_malformed_token_does_not_reach_keystone(fake_keystone: FakeKeystone, token: str) -> None:
    response = Client().get(ACCOUNTS, HTTP_X_AUTH_TOKEN=token)

    assert error(response)[0] == 401
    assert not fake_keystone.asked


@pytest.mark.parametrize(
    "roles", [{}, {"system": {"member"}}, {"project:demo": {"admin"}}, {"payments": {"admin"}}]
)
def test_token_without_a_role_is_forbidden(
    fake_keystone: FakeKeystone, roles: dict[str, set[str]]
) -> None:
    token = fake_keystone.issue(fake_keystone.person(roles=roles))

    assert_refused(get(token), 403, "The token carries no role that pciops accepts")


def test_roles_are_a_setting(fake_keystone: FakeKeystone, settings: Settings) -> None:
    settings.ADMIN_ROLES = ["security"]
    person = fake_keystone.person(roles={"system": {"security"}})

    assert get(fake_keystone.issue(person, "system")).status_code == 200


# --- Application credentials --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("project", "advice"),
    [("", "set PCIOPS_ADMIN_PROJECT_NAME"), ("cloud-admins", "in the project cloud-admins, or")],
)
def test_application_credential_is_forbidden_with_advice(
    fake_keystone: FakeKeystone, settings: Settings, project: str, advice: str
) -> None:
    settings.ADMIN_PROJECT_NAME = project
    person = fake_keystone.person(roles={"system": {"admin"}, "project:demo": {"admin"}})
    response = get(fake_keystone.issue(person, "project:demo", application_credential=True))

    assert_refused(response, 403, "The token comes from an application credential,")
    assert advice in response.json()["error"]["message"]
    assert "POST /v3/auth/tokens" not in fake_keystone.asked


def test_application_credential_of_the_admin_project_sees_the_whole_cloud(
    fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.ADMIN_PROJECT_NAME = "cloud-admins"
    person = fake_keystone.person(roles={"project:cloud-admins": {"admin"}})
    token = fake_keystone.issue(person, "project:cloud-admins", application_credential=True)

    assert get(token).status_code == 200


# --- Invalid requests ---------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/", "/nonsense", "/accounts/", "/accounts/a/b/c"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_unknown_url_is_not_found(path: str, method: str) -> None:
    response = getattr(Client(enforce_csrf_checks=True), method)(API + path)

    assert error(response)[0] == 404


def test_unknown_account_is_not_found(token: str) -> None:
    assert_refused(get(token, f"{ACCOUNTS}/nobody"), 404, "Could not find account: nobody.")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        *(("/audit", {name: "x"}) for name in ("via", "from", "marker", "limit")),
        *(("/activity", {name: "x"}) for name in ("kind", "from", "marker", "limit")),
        *(("/exemptions", {name: "x" * 65}) for name in ("status", "marker", "limit")),
        *((path, {"limit": "0"}) for path in ("/audit", "/activity", "/exemptions")),
    ],
)
def test_invalid_parameter_of_a_list_is_named(token: str, path: str, query: dict[str, str]) -> None:
    assert_refused(get(token, API + path, **query), 400, f"{next(iter(query))}:")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("post", ACCOUNTS, "GET"),
        ("delete", ACCOUNTS, "GET"),
        ("patch", f"{ACCOUNTS}/abc", "GET"),
        ("put", f"{ACCOUNTS}/abc", "GET"),
        ("get", f"{ACCOUNTS}/abc/unlock", "POST"),
        ("head", f"{ACCOUNTS}/abc/unlock", "POST"),
    ],
)
def test_method_that_is_not_allowed_is_refused(
    token: str, method: str, path: str, allowed: str
) -> None:
    response = getattr(Client(), method)(path, headers={"X-Auth-Token": token})

    assert (response.status_code, response["Allow"]) == (405, allowed)
    if method != "head":
        assert_refused(response, 405, f"{method.upper()} is not allowed here")


def test_head_is_get_without_a_body(token: str) -> None:
    response = Client().head(ACCOUNTS, headers={"X-Auth-Token": token})

    assert (response.status_code, response.content) == (200, b"")


# --- Outages ------------------------------------------------------------------------------------
def test_outage_of_keystones_api_is_an_error(fake_keystone: FakeKeystone) -> None:
    fake_keystone.fail(502)

    assert_refused(get("gAAAAA"), 503, "Keystone does not answer: it answered HTTP 502.")


@pytest.mark.parametrize(
    ("alias", "sentence"),
    [
        ("keystone", "Keystone's database does not answer."),
        ("default", "pciops' own database does not answer."),
    ],
)
def test_outage_of_a_database_is_an_error(token: str, alias: str, sentence: str) -> None:
    user = make_locked_user()

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        raise OperationalError(2003, "Can't connect to db.example")

    with connections[alias].execute_wrapper(refuse):
        response = post(token, f"{ACCOUNTS}/{user.id}/unlock")

    assert_refused(response, 503, sentence)


def test_policy_that_cannot_be_read_is_an_error(token: str, settings: Settings) -> None:
    settings.KEYSTONE_CONF = ["/no/such/keystone.conf"]

    assert_refused(get(token), 503, "Keystone's policy cannot be read.")
