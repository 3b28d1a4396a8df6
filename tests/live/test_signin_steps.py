"""Sign-ins in several steps at a real Keystone: a code, a new password; application credentials."""

from __future__ import annotations

import re

import pytest
import requests
from keystoneauth1 import session
from keystoneauth1.identity import v3
from playwright.sync_api import Page

from pciops.keystone.clouds import session_from_environment
from tests.support.browser import assert_good, enter, sign_in
from tests.support.cloud import Cloud, Person, code_of
from tests.support.site import Site
from tests.support.visitor import Visitor, new_address, text_of

NEW = "Battery-Staple-8"


def wrong_code(secret: str) -> str:
    """Return a code that the device does not show around now."""
    return f"{(int(code_of(secret)) + 1) % 10**6:06}"


def send_code(visitor: Visitor, page: requests.Response, code: str) -> requests.Response:
    """Submit the page for a code."""
    return visitor.send(visitor.form(page, "passcode"), passcode=code)


def change(
    visitor: Visitor, page: requests.Response, current: str, new: str = NEW
) -> requests.Response:
    """Submit the page for a new password."""
    form = visitor.form(page, "current", "new", "again")
    return visitor.send(form, current=current, new=new, again=new)


@pytest.fixture
def person(cloud: Cloud) -> Person:
    """An administrator who has not signed in yet."""
    return cloud.create_operator("alice")


@pytest.fixture
def client(site: Site) -> Visitor:
    """A client that has not signed in yet."""
    return site.visitor()


# --- A second factor ----------------------------------------------------------------------------
def test_codes_are_not_guessed_from_many_addresses(
    cloud: Cloud, person: Person, client: Visitor
) -> None:
    secret = cloud.require_totp(person)
    form = client.form(client.sign_in(person), "passcode")
    for _ in range(5):
        client.http.headers["X-Forwarded-For"] = new_address()
        page = client.send(form, passcode=wrong_code(secret))
    client.http.headers["X-Forwarded-For"] = new_address()

    assert "Too many wrong codes" in text_of(page)
    assert client.send(form, passcode=code_of(secret)).url.endswith("/signin/")
    assert "/signin/" in client.get("/accounts/").url


def test_a_code_opens_one_session(site: Site, cloud: Cloud, person: Person) -> None:
    secret = cloud.require_totp(person)
    owner, thief = site.visitor(), site.visitor()
    pages = [each.sign_in(person) for each in (owner, thief)]
    code = code_of(secret)

    assert send_code(owner, pages[0], code).url == f"{site.url}/"
    assert "This code was used before" in text_of(send_code(thief, pages[1], code))
    assert "/signin/" in thief.get("/accounts/").url


def test_an_operator_signs_in_with_password_and_code_and_unlocks(
    site: Site, cloud: Cloud, person: Person, client: Visitor
) -> None:
    locked = cloud.create_locked()
    secret = cloud.require_totp(person)

    page = send_code(client, client.sign_in(person), code_of(secret))

    assert page.url == f"{site.url}/"
    assert "Entire cloud" in text_of(page)
    client.unlock(locked)
    assert cloud.sign_in(locked)


def test_after_a_wrong_code_the_same_receipt_takes_the_right_one(
    site: Site, cloud: Cloud, person: Person, client: Visitor
) -> None:
    secret = cloud.require_totp(person)
    page = send_code(client, client.sign_in(person), wrong_code(secret))

    assert "refused this code" in text_of(page)
    assert not cloud.row(person)["failed_auth_count"]
    assert send_code(client, page, code_of(secret)).url == f"{site.url}/"


def test_a_right_password_without_a_code_gives_no_access(
    site: Site, cloud: Cloud, person: Person, client: Visitor
) -> None:
    cloud.require_totp(person)
    client.sign_in(person)

    assert client.get("/accounts/").url.startswith(f"{site.url}/signin/")


# --- A new password -----------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["expired", "first"])
def test_a_password_that_must_be_changed_is_changed_at_sign_in(
    site: Site, cloud: Cloud, person: Person, client: Visitor, how: str
) -> None:
    if how == "expired":
        cloud.expire_password(person)
    else:
        cloud.must_change(person)

    page = client.sign_in(person)
    assert how == "first" or "Your password has expired" in text_of(page)
    assert "A word, a number and a sign." in text_of(page)  # Keystone's policy for passwords
    page = change(client, page, person.password)

    assert page.url == f"{site.url}/"
    assert "Entire cloud" in text_of(page)
    assert cloud.sign_in(person, NEW)


def test_a_new_password_that_was_used_before_is_refused_with_keystones_message(
    cloud: Cloud, person: Person, client: Visitor
) -> None:
    cloud.expire_password(person)

    page = change(client, client.sign_in(person), person.password, person.password)

    assert "The new password cannot be identical to a previous password." in text_of(page)
    assert person.password not in page.text
    assert not cloud.row(person)["failed_auth_count"]


def test_a_wrong_current_password_is_one_failure_in_keystone(
    cloud: Cloud, person: Person, client: Visitor
) -> None:
    cloud.expire_password(person)

    page = change(client, client.sign_in(person), "wrong")

    assert "refused the current one" in text_of(page)
    assert cloud.row(person)["failed_auth_count"] == 1


def test_an_expired_password_and_a_second_factor_are_two_more_pages(
    site: Site, cloud: Cloud, person: Person, client: Visitor
) -> None:
    secret = cloud.require_totp(person)
    cloud.expire_password(person)

    page = change(client, client.sign_in(person), person.password)

    assert page.url == f"{site.url}/signin/code/"
    assert send_code(client, page, code_of(secret)).url == f"{site.url}/"


def test_no_secret_of_these_pages_is_in_a_log(
    site: Site, cloud: Cloud, person: Person, client: Visitor
) -> None:
    secret = cloud.require_totp(person)
    cloud.expire_password(person)
    new = "Only-of-this-test-1"
    page = change(client, client.sign_in(person), person.password, new)
    wrong, code = wrong_code(secret), code_of(secret)
    send_code(client, send_code(client, page, wrong), code)

    lines = [line for line in site.logs().splitlines() if person.name in line]
    assert lines
    assert [secret for secret in (new, f" {wrong}", f" {code}") if secret in str(lines)] == []


# --- Application credentials and the environment ------------------------------------------------
@pytest.fixture
def credential_token(cloud: Cloud, person: Person) -> str:
    """A token of an application credential in a project."""
    [project] = cloud.api.projects.list(name="admin")
    cloud.api.roles.grant(cloud.role("admin"), user=person.id, project=project)
    credential = cloud.create_application_credential(person, project)
    auth = v3.ApplicationCredential(
        cloud.auth_url,
        application_credential_id=credential.id,
        application_credential_secret=credential.secret,
    )
    return str(session.Session(auth).get_token())


def test_the_api_refuses_an_application_credential_with_an_explanation(
    site: Site, credential_token: str
) -> None:
    answer = requests.get(
        f"{site.url}/api/v1/accounts", headers={"X-Auth-Token": credential_token}, timeout=60
    )

    assert answer.status_code == 403
    assert "application credential" in answer.text
    assert "OS_SYSTEM_SCOPE=all" in answer.text


def test_an_application_credential_cannot_get_another_scope(
    cloud: Cloud, credential_token: str
) -> None:
    identity = {"methods": ["token"], "token": {"id": credential_token}}
    scope = {"system": {"all": True}}

    answer = requests.post(
        f"{cloud.auth_url}/auth/tokens",
        json={"auth": {"identity": identity, "scope": scope}},
        timeout=30,
    )

    assert answer.status_code == 403


def test_a_command_gets_a_token_of_the_system_from_its_environment(
    cloud: Cloud, operator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        "OS_AUTH_URL": cloud.auth_url,
        "OS_USERNAME": operator.name,
        "OS_USER_DOMAIN_NAME": operator.domain,
        "OS_PASSWORD": operator.password,
        "OS_SYSTEM_SCOPE": "all",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    token = session_from_environment().get_token()

    assert token
    assert cloud.accepts(token)


# --- In a browser -------------------------------------------------------------------------------
@pytest.mark.browser
@pytest.mark.parametrize("name", ["code", "password"])
def test_a_later_page_of_a_sign_in_is_accessible_and_fits_its_window(
    window: Page, site: Site, cloud: Cloud, person: Person, client: Visitor, name: str
) -> None:
    if name == "code":
        cloud.require_totp(person)
    else:
        cloud.expire_password(person)
    client.sign_in(person)
    enter(window.context, site.url, client.session)
    window.goto(f"/signin/{name}/")
    assert_good(window)

    window.locator("main button.primary").click()  # with empty fields

    window.get_by_text(re.compile("Enter (the code|your current password)")).first.wait_for()
    assert_good(window)


@pytest.mark.browser
def test_a_code_is_sent_without_javascript(plain_page: Page, cloud: Cloud, person: Person) -> None:
    secret = cloud.require_totp(person)
    sign_in(plain_page, person)
    plain_page.get_by_label("Code").fill(code_of(secret))
    plain_page.keyboard.press("Enter")

    plain_page.get_by_role("heading", name="Overview").wait_for()
