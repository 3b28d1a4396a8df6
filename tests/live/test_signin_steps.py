"""Sign-ins of two pages at a real Keystone: a code, a new password; and application credentials."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time

import pytest
import requests
from playwright.sync_api import Browser

from pciops.keystone.clouds import session_from_environment
from tests.support.browser import LOOKS, assert_accessible, assert_fits, context_of
from tests.support.cloud import Cloud
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of

NEW = "Battery-Staple-8"


def code_of(secret: str) -> str:
    """What the device shows now (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.digest(base64.b32decode(secret), counter, hashlib.sha1)
    start = digest[-1] & 15
    [number] = struct.unpack(">I", digest[start : start + 4])
    return f"{(number & 0x7FFFFFFF) % 10**6:06}"


def wrong_code(secret: str) -> str:
    """One that the device shows neither now nor nearly so."""
    return f"{(int(code_of(secret)) + 1) % 10**6:06}"


def send_code(visitor: Visitor, page: requests.Response, code: str) -> requests.Response:
    """Fill in the second page."""
    return visitor.send(visitor.form(page, "passcode"), passcode=code)


def change(
    visitor: Visitor, page: requests.Response, current: str, new: str = NEW
) -> requests.Response:
    """Fill in the page for a new password."""
    form = visitor.form(page, "current", "new", "again")
    return visitor.send(form, current=current, new=new, again=new)


# --- A second factor ----------------------------------------------------------------------------
def test_an_operator_gets_in_with_password_and_code(site: Site, cloud: Cloud) -> None:
    operator, visitor = cloud.create_operator(), site.visitor()
    secret = cloud.require_totp(operator)

    page = send_code(visitor, visitor.sign_in(operator), code_of(secret))

    assert page.url == f"{site.url}/"
    assert "Sees the whole cloud" in text_of(page)


def test_an_operator_who_came_with_a_code_unlocks(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    operator, visitor = cloud.create_operator(), site.visitor()
    secret = cloud.require_totp(operator)
    send_code(visitor, visitor.sign_in(operator), code_of(secret))

    visitor.unlock(locked)

    assert cloud.sign_in(locked)


def test_a_wrong_code_is_no_failure_in_keystone(site: Site, cloud: Cloud) -> None:
    operator, visitor = cloud.create_operator(), site.visitor()
    secret = cloud.require_totp(operator)

    page = send_code(visitor, visitor.sign_in(operator), wrong_code(secret))

    assert "Keystone refused this code" in text_of(page)
    assert not cloud.row(operator)["failed_auth_count"]


def test_after_a_wrong_code_the_same_receipt_takes_a_right_one(site: Site, cloud: Cloud) -> None:
    operator, visitor = cloud.create_operator(), site.visitor()
    secret = cloud.require_totp(operator)
    page = send_code(visitor, visitor.sign_in(operator), wrong_code(secret))

    assert send_code(visitor, page, code_of(secret)).url == f"{site.url}/"


def test_a_right_password_without_a_code_opens_nothing(site: Site, cloud: Cloud) -> None:
    operator, visitor = cloud.create_operator(), site.visitor()
    cloud.require_totp(operator)
    visitor.sign_in(operator)

    assert visitor.get("/accounts/").url.startswith(f"{site.url}/signin/")


# --- A new password -----------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["expired", "first"])
def test_a_password_that_must_be_changed_is_changed_at_sign_in(
    site: Site, cloud: Cloud, how: str
) -> None:
    operator, visitor = cloud.create_operator(), site.visitor()
    if how == "expired":
        cloud.expire_password(operator)
    else:
        cloud.must_change(operator)

    page = change(visitor, visitor.sign_in(operator), operator.password)

    assert page.url == f"{site.url}/"
    assert "Sees the whole cloud" in text_of(page)
    assert cloud.sign_in(operator, NEW)


def test_the_page_says_what_the_policy_says_of_passwords(site: Site, cloud: Cloud) -> None:
    operator = cloud.create_operator()
    cloud.expire_password(operator)

    page = text_of(site.visitor().sign_in(operator))

    assert "Your password has expired" in page
    assert "A word, a number and a sign." in page


def test_a_new_password_that_is_an_old_one_is_refused_in_keystones_words(
    site: Site, cloud: Cloud
) -> None:
    operator, visitor = cloud.create_operator(), site.visitor()
    cloud.expire_password(operator)

    page = change(visitor, visitor.sign_in(operator), operator.password, operator.password)

    assert "The new password cannot be identical to a previous password." in text_of(page)
    assert operator.password not in page.text
    assert not cloud.row(operator)["failed_auth_count"]


def test_a_wrong_current_password_is_one_failure_in_keystone(site: Site, cloud: Cloud) -> None:
    operator, visitor = cloud.create_operator(), site.visitor()
    cloud.expire_password(operator)

    page = change(visitor, visitor.sign_in(operator), "wrong")

    assert "Keystone refused the current one" in text_of(page)
    assert cloud.row(operator)["failed_auth_count"] == 1


def test_an_expired_password_and_a_second_factor_are_two_more_pages(
    site: Site, cloud: Cloud
) -> None:
    operator, visitor = cloud.create_operator(), site.visitor()
    secret = cloud.require_totp(operator)
    cloud.expire_password(operator)

    page = change(visitor, visitor.sign_in(operator), operator.password)

    assert page.url == f"{site.url}/signin/code/"
    assert send_code(visitor, page, code_of(secret)).url == f"{site.url}/"


def test_no_secret_of_these_pages_is_in_a_log(site: Site, cloud: Cloud) -> None:
    operator, visitor = cloud.create_operator(), site.visitor()
    secret = cloud.require_totp(operator)
    cloud.expire_password(operator)
    new = "Only-of-this-test-1"
    page = change(visitor, visitor.sign_in(operator), operator.password, new)
    wrong, code = wrong_code(secret), code_of(secret)
    send_code(visitor, send_code(visitor, page, wrong), code)

    lines = [line for line in site.logs().splitlines() if operator.name in line]
    assert lines
    assert [secret for secret in (new, f" {wrong}", f" {code}") if secret in str(lines)] == []


# --- Application credentials --------------------------------------------------------------------
def test_an_application_credential_of_a_system_administrator_is_told_what_to_use(
    site: Site, cloud: Cloud
) -> None:
    token = cloud.create_application_credential(cloud.create_operator(), "admin")

    answer = requests.get(
        f"{site.url}/api/v1/accounts", headers={"X-Auth-Token": token}, timeout=60
    )

    assert answer.status_code == 403
    assert "application credential. It is bound to its project" in answer.text
    assert "OS_SYSTEM_SCOPE=all" in answer.text


def test_an_application_credential_can_become_nothing_else(cloud: Cloud) -> None:
    token = cloud.create_application_credential(cloud.create_operator(), "admin")
    identity = {"methods": ["token"], "token": {"id": token}}
    scope = {"system": {"all": True}}

    answer = requests.post(
        f"{cloud.auth_url}/auth/tokens",
        json={"auth": {"identity": identity, "scope": scope}},
        timeout=30,
    )

    assert answer.status_code == 403


def test_a_command_gets_a_token_of_the_system_from_variables(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = cloud.create_operator()
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
def wait_at(page: str, visitor: Visitor, cloud: Cloud) -> None:
    """Sign in as somebody whom Keystone wants something of at this page."""
    operator = cloud.create_operator("alice")
    if page == "code":
        cloud.require_totp(operator)
    else:
        cloud.expire_password(operator)
    visitor.sign_in(operator)


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), LOOKS)
@pytest.mark.parametrize("name", ["code", "password"])
def test_a_later_page_of_a_sign_in_is_accessible_and_fits_its_window(
    browser: Browser, site: Site, cloud: Cloud, name: str, scheme: str, width: int
) -> None:
    visitor = site.visitor()
    wait_at(name, visitor, cloud)
    cookie = str(visitor.http.cookies["pciops-session"])
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with context_of(browser, site.url, **options) as context:
        context.add_cookies([{"name": "pciops-session", "value": cookie, "url": site.url}])
        page = context.new_page()
        page.goto(f"/signin/{name}/")
        assert_accessible(page)
        assert_fits(page)

        page.locator("main button.primary").click()  # with nothing filled in

        page.get_by_text("This field is required").first.wait_for()
        assert_accessible(page)
        assert_fits(page)


@pytest.mark.browser
def test_a_code_is_sent_without_javascript(browser: Browser, site: Site, cloud: Cloud) -> None:
    operator = cloud.create_operator()
    secret = cloud.require_totp(operator)
    with context_of(browser, site.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/signin/")
        page.get_by_label("User name").fill(operator.name)
        page.get_by_label("Password").fill(operator.password)
        page.keyboard.press("Enter")
        page.get_by_label("Code").fill(code_of(secret))
        page.keyboard.press("Enter")

        page.get_by_role("heading", name="Overview").wait_for()
