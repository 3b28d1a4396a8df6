"""Sign-in at Keystone: operators and their scopes, refusals, and outages."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from pciops.signin.models import Operator, Throttle
from tests.factories import NOW, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


# --- Operators ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("domain_id", "roles", "scope"),
    [
        ("default", {"system": {"admin"}}, "ada Entire cloud"),
        ("shops", {"shops": {"admin"}}, "ada Domain Shops"),
        ("default", {"default": {"admin"}, "system": {"admin"}}, "ada Entire cloud"),
        ("default", {"project:cloud-admins": {"admin"}}, "ada Entire cloud"),
    ],
    ids=["system", "domain", "both", "admin project"],
)
def test_administrator_sees_the_scope_of_the_role(
    client: Client,
    fake_keystone: FakeKeystone,
    settings: Settings,
    domain_id: str,
    roles: dict[str, set[str]],
    scope: str,
) -> None:
    settings.ADMIN_PROJECT_NAME = "cloud-admins"
    fake_keystone.person(domain_id=domain_id, roles=roles)
    response = sign_in(client, domain=domain_id.title())

    assert (response.status_code, response["Location"]) == (302, "/")
    assert scope in shown(client.get("/accounts/"))


@pytest.mark.parametrize(
    ("domain_id", "roles"),
    [
        ("default", {"project:cloud-admins": {"admin"}}),
        ("shops", {"payments": {"admin"}}),
        ("default", {"system": {"member"}}),
    ],
    ids=["any project", "another domain", "another role"],
)
def test_person_without_a_role_gets_no_session(
    client: Client, fake_keystone: FakeKeystone, domain_id: str, roles: dict[str, set[str]]
) -> None:
    fake_keystone.person(domain_id=domain_id, roles=roles)

    assert "is not an operator" in shown(sign_in(client, domain=domain_id.title()))
    assert client.get("/accounts/").status_code == 302


def test_roles_of_operators_are_a_setting(
    client: Client, fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.ADMIN_ROLES = ["manager", "security"]
    fake_keystone.person(roles={"system": {"security"}})

    assert sign_in(client).status_code == 302


def test_refusal_names_the_roles_and_a_command_that_is_safe_to_paste(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(name="ada; reboot", roles={"system": {"member"}})
    page = shown(sign_in(client, name="ada; reboot"))

    assert "admin, helpdesk, manager and reader" in page
    assert (
        "openstack role add --user 'ada; reboot' --user-domain Default --domain Default reader"
    ) in page


def test_operator_has_the_ids_of_keystone(client: Client, fake_keystone: FakeKeystone) -> None:
    person = fake_keystone.person(domain_id="shops", roles={"shops": {"admin"}})
    sign_in(client, domain="Shops")

    assert Operator.objects.values_list("id", "name", "domain_id", "domain_name").get() == (
        person.id,
        "ada",
        "shops",
        "Shops",
    )


def test_operator_who_was_renamed_stays_the_same(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    person = fake_keystone.person()
    sign_in(client)
    person.name = "lovelace"
    sign_in(client, "lovelace")

    assert Operator.objects.get().name == "lovelace"


@pytest.mark.parametrize("suffix", ["", "/v3"])
def test_url_of_keystone_may_lack_v3(
    client: Client, fake_keystone: FakeKeystone, settings: Settings, suffix: str
) -> None:
    settings.OS_AUTH_URL = fake_keystone.url.removesuffix("/v3") + suffix
    fake_keystone.person()

    assert sign_in(client).status_code == 302


# --- Refusals -----------------------------------------------------------------------------------
@pytest.mark.parametrize("password", ["right horse", "wrong"])
def test_password_is_sent_to_keystone_exactly_once(
    client: Client, fake_keystone: FakeKeystone, password: str
) -> None:
    fake_keystone.person(domain_id="shops", roles={"shops": {"admin"}})
    sign_in(client, password=password, domain="Shops")

    assert fake_keystone.password_tries == {"ada": 1}


def test_password_is_sent_as_it_was_typed(client: Client, fake_keystone: FakeKeystone) -> None:
    fake_keystone.person(password="  ünter\u2603 \t")

    assert sign_in(client, password="  ünter\u2603 \t").status_code == 302


def test_same_name_in_another_domain_is_another_person(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(domain_id="shops")

    assert "Keystone refused" in shown(sign_in(client, domain="Default"))


def test_typed_password_is_not_sent_back(client: Client, fake_keystone: FakeKeystone) -> None:
    response = sign_in(client, password="fat fingers")

    assert "fat fingers" not in response.content.decode()


def test_refusal_is_the_same_for_every_state_of_the_account(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(password="another")
    answers = {shown(sign_in(client, "unknown"))}
    make_locked_user("locked", at=NOW - timedelta(minutes=2))
    facts: dict[str, dict[str, Any]] = {
        "disabled": {"enabled": False},
        "inactive": {"last_active_at": date(2020, 1, 1)},
        "ada": {},
    }
    for name, columns in facts.items():
        make_user(name, **columns)
    for name in ("locked", *facts):
        Throttle.objects.all().delete()
        response = sign_in(client, name)
        assert response.status_code == 200
        answers.add(shown(response))

    [answer] = answers
    assert "Keystone refused this name and password" in answer


def test_refusal_takes_a_multiple_of_a_fixed_time(
    client: Client, fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.SIGNIN_REFUSAL_SECONDS = 0.25
    started = time.monotonic()
    sign_in(client, password="wrong")

    assert time.monotonic() - started >= 0.25


@pytest.mark.parametrize("missing", ["name", "password", "domain"])
def test_empty_field_is_named_and_keystone_is_not_asked(
    client: Client, fake_keystone: FakeKeystone, missing: str
) -> None:
    response = sign_in(client, **{missing: ""})

    assert response.context["form"].errors.keys() == {missing}
    label = {"name": "user name", "password": "password", "domain": "domain"}[missing]
    assert f"Enter your {label}." in shown(response)
    assert fake_keystone.password_tries == {}


# --- Outages of Keystone ------------------------------------------------------------------------
@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_error_of_keystone_is_shown_with_its_status_and_does_not_count(
    client: Client, fake_keystone: FakeKeystone, status: int
) -> None:
    fake_keystone.fail(status)
    responses = [sign_in(client) for _ in range(5)]

    assert {response.status_code for response in responses} == {503}
    assert f"HTTP {status}" in shown(responses[0])
    assert Throttle.objects.get().failures == 0


def test_unreachable_keystone_is_shown(client: Client, settings: Settings) -> None:
    settings.OS_AUTH_URL = "http://127.0.0.1:9/v3"
    response = sign_in(client)

    assert response.status_code == 503
    assert "no connection" in shown(response)


def test_another_server_in_place_of_keystone_is_shown(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.fail(200)

    assert "not Keystone v3" in shown(sign_in(client))


# --- Redirects ----------------------------------------------------------------------------------
def test_sign_in_leads_to_the_page_that_was_requested(client: Client, operator: object) -> None:
    assert sign_in(client, next="/accounts/?q=ann")["Location"] == "/accounts/?q=ann"


@pytest.mark.parametrize(
    "target",
    [
        "nowhere",
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://testserver@evil.example/",
        "\x08//evil.example",
    ],
)
def test_no_redirect_leads_to_another_site(
    client: Client, fake_keystone: FakeKeystone, target: str
) -> None:
    person = fake_keystone.person(second_factor=True)
    sign_in(client, next=target)
    assert client.post("/signin/code/", {"passcode": "123456"})["Location"] == "/"
    assert client.get("/signin/", {"next": target})["Location"] == "/"

    person.second_factor = False
    assert sign_in(Client(), next=target)["Location"] == "/"


def test_form_keeps_the_page_that_was_requested(client: Client) -> None:
    page = client.get("/signin/?next=/accounts/abc/").content.decode()

    assert '<input type="hidden" name="next" value="/accounts/abc/">' in page


def test_signed_in_operator_gets_no_form(site: Client) -> None:
    response = site.get("/signin/")

    assert (response.status_code, response["Location"]) == (302, "/")


def test_form_warns_of_the_lock_and_is_not_cached(client: Client) -> None:
    response = client.get("/signin/")

    assert "A wrong password counts as a failed attempt in Keystone" in shown(response)
    assert "no-store" in response["Cache-Control"]
