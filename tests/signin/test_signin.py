"""Sign-in at Keystone: who gets in, in which scope, and what everybody else is told."""

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


# --- Who gets in --------------------------------------------------------------------------------
def test_an_administrator_of_the_system_gets_in(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(roles={"system": {"admin"}})

    response = sign_in(client)

    assert (response.status_code, response["Location"]) == (302, "/")


def test_an_administrator_of_the_system_sees_the_whole_cloud(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(roles={"system": {"admin"}})
    sign_in(client)

    assert "Sees the whole cloud" in shown(client.get("/accounts/"))


def test_an_administrator_of_a_domain_sees_that_domain(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(domain_id="shops", roles={"shops": {"admin"}})
    sign_in(client, domain="Shops")

    assert "Sees the domain Shops" in shown(client.get("/accounts/"))


def test_an_administrator_of_both_system_and_domain_sees_the_whole_cloud(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(roles={"default": {"admin"}, "system": {"admin"}})
    sign_in(client)

    assert "Sees the whole cloud" in shown(client.get("/accounts/"))


def test_an_administrator_of_the_admin_project_sees_the_whole_cloud(
    client: Client, fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.ADMIN_PROJECT_NAME = "cloud-admins"
    fake_keystone.person(roles={"project:cloud-admins": {"admin"}})
    sign_in(client)

    assert "Sees the whole cloud" in shown(client.get("/accounts/"))


def test_an_administrator_of_any_other_project_is_no_operator(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(roles={"project:cloud-admins": {"admin"}})

    assert "is no operator" in shown(sign_in(client))


def test_an_administrator_of_another_domain_is_no_operator(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(domain_id="shops", roles={"payments": {"admin"}})

    assert "is no operator" in shown(sign_in(client, domain="Shops"))


def test_the_roles_of_operators_are_a_setting(
    client: Client, fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.ADMIN_ROLES = ["manager", "security"]
    fake_keystone.person(roles={"system": {"security"}})

    assert sign_in(client).status_code == 302


def test_who_is_no_operator_is_told_which_roles_make_one_and_how_to_give_them(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(roles={"system": {"member"}})

    assert (
        "The password is right, but ada (Default) is no operator: it has not any of the roles "
        "admin, helpdesk, manager and reader on the system or on its domain. An administrator can "
        "give it one: openstack role add --user ada --user-domain Default --system all admin"
        in shown(sign_in(client))
    )


def test_the_command_it_suggests_is_safe_to_paste(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(name="ada; reboot", roles={"system": {"member"}})

    assert "--user 'ada; reboot' --user-domain" in shown(sign_in(client, name="ada; reboot"))


def test_who_is_no_operator_gets_no_session(client: Client, fake_keystone: FakeKeystone) -> None:
    fake_keystone.person(roles={"system": {"member"}})
    sign_in(client)

    assert client.get("/accounts/").status_code == 302


def test_an_operator_is_kept_with_the_ids_of_keystone(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    person = fake_keystone.person(domain_id="shops", roles={"shops": {"admin"}})
    sign_in(client, domain="Shops")

    assert Operator.objects.values_list("id", "name", "domain_id", "domain_name").get() == (
        person.id,
        "ada",
        "shops",
        "Shops",
    )


def test_an_operator_who_was_renamed_stays_the_same_operator(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    person = fake_keystone.person()
    sign_in(client)
    person.name = "lovelace"
    sign_in(client, "lovelace")

    assert Operator.objects.get().name == "lovelace"


@pytest.mark.parametrize("suffix", ["", "/v3"])
def test_the_address_of_keystone_may_end_in_v3_or_before(
    client: Client, fake_keystone: FakeKeystone, settings: Settings, suffix: str
) -> None:
    settings.OS_AUTH_URL = fake_keystone.url.removesuffix("/v3") + suffix
    fake_keystone.person()

    assert sign_in(client).status_code == 302


# --- Who does not -------------------------------------------------------------------------------
def test_a_wrong_password_is_refused_in_keystones_own_uncertainty(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person()

    assert "Keystone refused this name and password." in shown(sign_in(client, password="wrong"))


def test_a_wrong_password_is_tried_exactly_once(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person()
    sign_in(client, password="wrong")

    assert fake_keystone.password_tries == {"ada": 1}


def test_a_right_password_is_tried_exactly_once(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(domain_id="shops", roles={"shops": {"admin"}})
    sign_in(client, domain="Shops")

    assert fake_keystone.password_tries == {"ada": 1}


def test_the_password_is_sent_to_keystone_as_it_was_typed(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(password="  ünter\u2603 \t")

    assert sign_in(client, password="  ünter\u2603 \t").status_code == 302


def test_the_same_name_in_another_domain_is_somebody_else(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(domain_id="shops")

    assert "Keystone refused" in shown(sign_in(client, domain="Default"))


def test_a_password_that_was_typed_is_not_sent_back(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    response = sign_in(client, password="fat fingers")

    assert "fat fingers" not in response.content.decode()


@pytest.mark.parametrize("known", ["not at all", "locked", "disabled", "inactive", "well"])
def test_a_refusal_says_the_same_whatever_is_known_of_the_name(
    client: Client, fake_keystone: FakeKeystone, known: str
) -> None:
    fake_keystone.person(password="another")
    if known == "locked":
        make_locked_user("ada", at=NOW - timedelta(minutes=2))
    elif known != "not at all":
        facts: dict[str, dict[str, Any]] = {
            "disabled": {"enabled": False},
            "inactive": {"last_active_at": date(2020, 1, 1)},
            "well": {},
        }
        make_user("ada", **facts[known])

    response = sign_in(client)

    assert response.status_code == 200
    assert (
        "✗ Keystone refused this name and password. One of them is wrong, or the account is "
        "locked, disabled or inactive: nobody is told here which. Another administrator sees it "
        "in pciops, and unlocks it; where there is none: manage.py unlock on the pciops host. A "
        "wrong password counts towards Keystone's lock of the account. User name"
    ) in shown(response)


def test_a_refusal_takes_whole_seconds(
    client: Client, fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.SIGNIN_REFUSAL_SECONDS = 0.25
    started = time.monotonic()
    sign_in(client, password="wrong")

    assert time.monotonic() - started >= 0.25


@pytest.mark.parametrize("missing", ["name", "password", "domain"])
def test_an_empty_field_is_named_and_keystone_is_not_asked(
    client: Client, fake_keystone: FakeKeystone, missing: str
) -> None:
    response = sign_in(client, **{missing: ""})

    label = {"name": "User name", "password": "Password", "domain": "Domain"}[missing]
    assert f"{label}: This field is required." in shown(response)
    assert fake_keystone.password_tries == {}


# --- Keystone is away ---------------------------------------------------------------------------
@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_an_error_of_keystone_is_said_with_its_status(
    client: Client, fake_keystone: FakeKeystone, status: int
) -> None:
    fake_keystone.fail(status)

    response = sign_in(client)

    assert response.status_code == 503
    assert f"Keystone does not answer: it answered HTTP {status}." in shown(response)


def test_no_connection_to_keystone_is_said(client: Client, settings: Settings) -> None:
    settings.OS_AUTH_URL = "http://127.0.0.1:9/v3"

    response = sign_in(client)

    assert response.status_code == 503
    assert "Keystone does not answer: no connection. Nothing was checked" in shown(response)


def test_a_try_while_keystone_is_down_is_not_counted(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.fail()
    for _ in range(5):
        sign_in(client)

    assert Throttle.objects.get().failures == 0


def test_what_is_no_keystone_is_called_so(client: Client, fake_keystone: FakeKeystone) -> None:
    fake_keystone.fail(200)

    assert "what answered there is no Keystone v3" in shown(sign_in(client))


# --- Where to go --------------------------------------------------------------------------------
def test_the_page_that_was_asked_for_follows_the_sign_in(client: Client, operator: object) -> None:
    assert sign_in(client, next="/accounts/?q=ann")["Location"] == "/accounts/?q=ann"


FOREIGN = pytest.mark.parametrize(
    "target",
    [
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


@FOREIGN
def test_no_other_site_follows_the_sign_in(client: Client, operator: object, target: str) -> None:
    assert sign_in(client, next=target)["Location"] == "/"


@FOREIGN
def test_no_other_site_follows_the_second_page(
    client: Client, fake_keystone: FakeKeystone, target: str
) -> None:
    fake_keystone.person(second_factor=True)
    sign_in(client, next=target)

    assert client.post("/signin/code/", {"passcode": "123456"})["Location"] == "/"


@FOREIGN
def test_no_other_site_follows_for_who_is_signed_in_already(site: Client, target: str) -> None:
    assert site.get("/signin/", {"next": target})["Location"] == "/"


def test_the_form_keeps_the_page_that_was_asked_for(client: Client) -> None:
    page = client.get("/signin/?next=/accounts/abc/").content.decode()

    assert '<input type="hidden" name="next" value="/accounts/abc/">' in page


def test_who_is_signed_in_gets_no_form(site: Client) -> None:
    response = site.get("/signin/")

    assert (response.status_code, response["Location"]) == (302, "/")


def test_the_form_says_that_failures_count_in_keystone_too(client: Client) -> None:
    assert "A wrong password counts in Keystone too" in shown(client.get("/signin/"))


def test_the_form_is_not_kept_in_any_cache(client: Client) -> None:
    assert "no-store" in client.get("/signin/")["Cache-Control"]
