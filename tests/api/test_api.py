"""The JSON API: who may call it, and every error in Keystone's own shape."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connections
from django.http import JsonResponse
from django.test import Client
from pytest_django import Settings

from tests.api.call import ACCOUNTS, get, post
from tests.factories import make_locked_user, make_user
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import Response

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def error(response: Response) -> tuple[int, str]:
    """Status and sentence of an error, which has to have Keystone's shape throughout."""
    body = response.json()["error"]
    assert body.keys() == {"code", "title", "message"}
    assert body["code"] == response.status_code
    assert body["title"] == HTTPStatus(response.status_code).phrase
    return body["code"], body["message"]


# --- Who may call it ----------------------------------------------------------------------------
def test_a_token_of_the_system_is_enough(fake_keystone: FakeKeystone) -> None:
    token = fake_keystone.issue(fake_keystone.person(), "system")

    assert get(token).status_code == 200


def test_an_unscoped_token_of_an_administrator_is_enough(fake_keystone: FakeKeystone) -> None:
    token = fake_keystone.issue(fake_keystone.person())

    assert get(token).status_code == 200


def test_a_token_of_a_project_is_turned_into_one_of_the_system(
    fake_keystone: FakeKeystone,
) -> None:
    person = fake_keystone.person(roles={"system": {"admin"}, "project:demo": {"admin"}})
    make_user(domain_id="shops")
    make_user(domain_id="payments")

    names = get(fake_keystone.issue(person, "project:demo")).json()["accounts"]

    assert len(names) == 2


def test_a_token_of_a_domain_sees_its_accounts_alone(fake_keystone: FakeKeystone) -> None:
    person = fake_keystone.person(domain_id="shops", roles={"shops": {"admin"}})
    make_user("ours", domain_id="shops")
    make_user("theirs", domain_id="payments")
    accounts = get(fake_keystone.issue(person, "shops")).json()["accounts"]

    assert [account["name"] for account in accounts] == ["ours"]


def test_a_token_of_a_domain_stays_one_although_its_holder_could_have_more(
    fake_keystone: FakeKeystone,
) -> None:
    person = fake_keystone.person(roles={"shops": {"admin"}, "system": {"admin"}})
    make_user("theirs", domain_id="payments")

    assert get(fake_keystone.issue(person, "shops")).json()["accounts"] == []


@pytest.mark.parametrize("suffix", ["", "/unlock"])
def test_an_account_of_another_domain_does_not_exist_for_a_token_of_one(
    fake_keystone: FakeKeystone, suffix: str
) -> None:
    person = fake_keystone.person(domain_id="shops", roles={"shops": {"admin"}})
    foreign = make_locked_user(domain_id="payments")
    send = post if suffix else get
    response = send(fake_keystone.issue(person, "shops"), f"{ACCOUNTS}/{foreign.id}{suffix}")

    assert error(response) == (404, f"Could not find account: {foreign.id}.")


def test_no_token_is_unauthorized(fake_keystone: FakeKeystone) -> None:
    assert error(Client().get(ACCOUNTS)) == (
        401,
        "X-Auth-Token: send a token of Keystone (openstack token issue).",
    )


def test_an_answer_without_authority_says_where_to_get_it(fake_keystone: FakeKeystone) -> None:
    assert Client().get(ACCOUNTS)["WWW-Authenticate"].startswith("Keystone")


def test_a_token_that_keystone_does_not_know_is_unauthorized(fake_keystone: FakeKeystone) -> None:
    assert error(get("gAAAAA-forged")) == (
        401,
        "X-Auth-Token: Keystone does not accept this token.",
    )


def test_a_token_that_was_revoked_is_unauthorized(fake_keystone: FakeKeystone) -> None:
    person = fake_keystone.person()
    token = fake_keystone.issue(person, "system")
    fake_keystone.revoke(person)

    assert get(token).status_code == 401


def test_a_token_that_has_run_out_is_unauthorized(
    fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    token = fake_keystone.issue(fake_keystone.person(), "system")
    clock.shift(timedelta(hours=1))

    assert get(token).status_code == 401


@pytest.mark.parametrize(
    "token",
    ["", " ", "a b", "ü", "x" * 4097, "a\tb", "a\x7fb", "a\x00b", "\u200b", "日本"],
)
def test_what_can_be_no_token_does_not_reach_keystone(
    fake_keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(fake_keystone, "answer", asked.append)
    response = Client().get(ACCOUNTS, HTTP_X_AUTH_TOKEN=token)

    assert error(response)[0] == 401
    assert asked == []


@pytest.mark.parametrize("token", ["'; DROP TABLE user;--", "../../v3/users", "<script>", "%00"])
def test_a_hostile_token_is_one_that_keystone_does_not_know(
    fake_keystone: FakeKeystone, token: str
) -> None:
    assert error(get(token.replace(" ", "+")))[0] == 401


@pytest.mark.parametrize(
    "roles", [{}, {"system": {"member"}}, {"project:demo": {"admin"}}, {"payments": {"admin"}}]
)
def test_a_token_of_somebody_without_the_role_is_forbidden(
    fake_keystone: FakeKeystone, roles: dict[str, set[str]]
) -> None:
    token = fake_keystone.issue(fake_keystone.person(roles=roles))

    assert error(get(token)) == (
        403,
        "The token carries no role that pciops accepts, on the system or on a domain.",
    )


# --- Application credentials --------------------------------------------------------------------
def test_the_token_of_an_application_credential_is_bound_to_its_project(
    fake_keystone: FakeKeystone,
) -> None:
    person = fake_keystone.person(roles={"system": {"admin"}, "project:demo": {"admin"}})
    token = fake_keystone.issue(person, "project:demo", application_credential=True)

    assert error(get(token)) == (
        403,
        "The token comes from an application credential. It is bound to its project, and Keystone "
        "does not turn it into a token of the system or of a domain, whatever roles its owner has "
        "there. Use the token of a password with OS_SYSTEM_SCOPE=all or OS_DOMAIN_ID; or set "
        "PCIOPS_ADMIN_PROJECT_NAME here to a project of administrators, and make the application "
        "credential in that one.",
    )


def test_a_bound_token_is_told_which_project_would_do(
    fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.ADMIN_PROJECT_NAME = "cloud-admins"
    person = fake_keystone.person(roles={"project:demo": {"admin"}})
    token = fake_keystone.issue(person, "project:demo", application_credential=True)

    assert "Make the application credential in the project cloud-admins, or" in error(get(token))[1]


def test_keystone_is_not_asked_to_rescope_a_bound_token(fake_keystone: FakeKeystone) -> None:
    person = fake_keystone.person(roles={"project:demo": {"admin"}})
    get(fake_keystone.issue(person, "project:demo", application_credential=True))

    assert "POST /v3/auth/tokens" not in fake_keystone.asked


def test_an_application_credential_of_the_admin_project_sees_the_whole_cloud(
    fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.ADMIN_PROJECT_NAME = "cloud-admins"
    person = fake_keystone.person(roles={"project:cloud-admins": {"admin"}})
    token = fake_keystone.issue(person, "project:cloud-admins", application_credential=True)

    assert get(token).status_code == 200


def test_a_token_from_before_the_second_factor_is_forbidden_what_it_cannot_become(
    fake_keystone: FakeKeystone,
) -> None:
    """Keystone answers its rescoping with a receipt."""
    person = fake_keystone.person()
    token = fake_keystone.issue(person)
    person.second_factor = True

    assert error(get(token))[0] == 403


def test_no_password_is_tried(fake_keystone: FakeKeystone) -> None:
    get(fake_keystone.issue(fake_keystone.person()))

    assert not fake_keystone.password_tries


def test_the_cookie_of_a_browser_is_no_token(site: Client) -> None:
    assert error(site.get(ACCOUNTS))[0] == 401


def test_no_cookie_is_set(fake_keystone: FakeKeystone) -> None:
    response = get(fake_keystone.issue(fake_keystone.person(), "system"))

    assert not response.cookies


def test_no_answer_is_kept_in_a_cache(fake_keystone: FakeKeystone) -> None:
    response = get(fake_keystone.issue(fake_keystone.person(), "system"))

    assert "no-store" in response["Cache-Control"]


# --- What is not there, and what is not possible ------------------------------------------------
@pytest.mark.parametrize(
    "path", ["/api/v1/", "/api/v1/nonsense", "/api/v1/accounts/", "/api/v1/accounts/a/b/c"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_address_that_leads_nowhere_is_not_found(path: str, method: str) -> None:
    response = getattr(Client(enforce_csrf_checks=True), method)(path)

    assert error(response)[0] == 404


def test_an_account_that_does_not_exist_is_not_found(token: str) -> None:
    assert error(get(token, f"{ACCOUNTS}/nobody")) == (404, "Could not find account: nobody.")


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
def test_a_method_that_is_not_possible_is_named(
    token: str, method: str, path: str, allowed: str
) -> None:
    response = getattr(Client(), method)(path, headers={"X-Auth-Token": token})

    assert response.status_code == 405
    if method != "head":
        assert error(response)[1] == f"{method.upper()} is not possible here: {allowed} is."


def test_head_is_get_without_a_body(token: str) -> None:
    response = Client().head(ACCOUNTS, headers={"X-Auth-Token": token})

    assert (response.status_code, response.content) == (200, b"")


# --- Something is down --------------------------------------------------------------------------
def test_keystones_api_is_down(fake_keystone: FakeKeystone) -> None:
    fake_keystone.fail(502)

    assert error(get("gAAAAA")) == (503, "Keystone does not answer: it answered HTTP 502.")


@pytest.mark.parametrize(
    ("alias", "sentence"),
    [
        ("keystone", "Keystone's database does not answer."),
        (
            "default",
            "pciops' own database does not answer. Nothing was changed: there is no act without a "
            "row in the trail.",
        ),
    ],
)
def test_a_database_is_down(token: str, alias: str, sentence: str) -> None:
    user = make_locked_user()

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        raise OperationalError(2003, "Can't connect to db.example")

    with connections[alias].execute_wrapper(refuse):
        response = post(token, f"{ACCOUNTS}/{user.id}/unlock")

    assert error(response) == (503, sentence)


def test_the_policy_cannot_be_read(token: str, settings: Settings) -> None:
    settings.KEYSTONE_CONF = ["/no/such/keystone.conf"]

    assert error(get(token)) == (503, "Keystone's policy cannot be read.")


def test_an_answer_is_json(token: str) -> None:
    assert get(token)["Content-Type"] == JsonResponse({})["Content-Type"]


def test_who_has_only_a_role_of_another_name_is_let_in_by_the_setting(
    fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.ADMIN_ROLES = ["security"]
    person: Person = fake_keystone.person(roles={"system": {"security"}})

    assert get(fake_keystone.issue(person)).status_code == 200
