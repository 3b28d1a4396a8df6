"""The acts that Keystone's API does: what its database and a real sign-in say afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page

from tests.support.browser import LOOKS, assert_accessible, assert_fits, context_of
from tests.support.cloud import Cloud, Person
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of

LONG_AGO = "2020-02-02"
ENDS_ON = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
LOCKOUT, EXPIRY = "ignore_lockout_failure_attempts", "ignore_password_expiry"
INACTIVITY = "ignore_user_inactivity"
GRANT = {"owner": "network team", "ends_on": ENDS_ON}


def act(visitor: Visitor, person: Person, name: str, **values: str) -> requests.Response:
    """Open the form of an act, fill it in and send it."""
    page = visitor.get(f"/accounts/{person.id}/{name}/")
    fields = {"reason": "INC-4711", **values}
    return visitor.send(visitor.form(page, *fields), **fields)


def enable(visitor: Visitor, person: Person) -> requests.Response:
    return act(visitor, person, "enable", identity="callback")


def make_inactive(cloud: Cloud, person: Person) -> None:
    cloud.sql("UPDATE user SET last_active_at = %s WHERE id = %s", LONG_AGO, person.id)


def options(cloud: Cloud, person: Person) -> dict[str, str]:
    rows = cloud.sql("SELECT * FROM user_option WHERE user_id = %s", person.id)
    return {str(row["option_id"]): str(row["option_value"]) for row in rows}


def last_active(cloud: Cloud, person: Person) -> str:
    return str(cloud.row(person, "user")["last_active_at"])


def today() -> str:
    return datetime.now(UTC).date().isoformat()


# --- Enable -------------------------------------------------------------------------------------
def test_a_disabled_person_gets_in_again(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_user(enabled=False)
    assert not cloud.sign_in(person)

    page = enable(visitor, person)

    assert "is enabled." in text_of(page)
    assert cloud.sign_in(person)


def test_an_inactive_person_gets_in_again(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_user()
    make_inactive(cloud, person)
    assert not cloud.sign_in(person)

    enable(visitor, person)

    assert last_active(cloud, person) == today()
    assert cloud.sign_in(person)


def test_the_trail_keeps_the_last_activity_that_keystone_overwrites(
    visitor: Visitor, cloud: Cloud
) -> None:
    person = cloud.create_user()
    make_inactive(cloud, person)

    page = enable(visitor, person)

    assert "the last activity was 2 Feb 2020 until then" in text_of(page)


def test_enabling_a_locked_account_unlocks_it_silently(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_locked()
    cloud.sql("UPDATE user SET enabled = 0 WHERE id = %s", person.id)
    form = visitor.get(f"/accounts/{person.id}/enable/")

    page = enable(visitor, person)

    assert "Keystone unlocks the account with it, silently: 3 failures" in text_of(form)
    assert cloud.row(person)["failed_auth_count"] == 0
    assert "3 failures cleared with it, the account was locked" in text_of(page)
    assert cloud.sign_in(person)


# --- Disable ------------------------------------------------------------------------------------
def test_a_disabled_person_is_kept_out_and_their_token_ends(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_user()
    token = cloud.token(person, scope={"unscoped": True})
    assert cloud.accepts(token)

    page = act(visitor, person, "disable")

    assert "is disabled." in text_of(page)
    assert not cloud.sign_in(person)
    assert not cloud.accepts(token)


def test_disabling_leaves_lock_and_activity_as_they_are(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_locked()
    make_inactive(cloud, person)
    before = cloud.row(person), last_active(cloud, person)

    act(visitor, person, "disable")

    assert (cloud.row(person), last_active(cloud, person)) == before
    assert cloud.row(person, "user")["enabled"] == 0


def test_nobody_disables_themselves(site: Site, cloud: Cloud) -> None:
    operator, visitor = cloud.create_operator(), site.visitor()
    visitor.sign_in(operator)
    page = visitor.get(f"/accounts/{operator.id}/disable/")

    assert "You cannot disable your own account" in text_of(page)
    assert cloud.sign_in(operator)


# --- Exempt and lift ----------------------------------------------------------------------------
def test_an_exempt_person_is_never_locked(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_user()

    page = act(visitor, person, "exempt", option=LOCKOUT, **GRANT)
    cloud.lock(person)

    assert "is exempt from the rule." in text_of(page)
    assert options(cloud, person) == {"1002": "true"}
    assert cloud.sign_in(person)


def test_an_exemption_unlocks_silently(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_locked()

    page = act(visitor, person, "exempt", option=EXPIRY, **GRANT)

    assert "3 failures cleared with it, the account was locked" in text_of(page)
    assert cloud.sign_in(person)


def test_an_exempt_inactive_account_is_active_and_not_disabled(
    visitor: Visitor, cloud: Cloud
) -> None:
    person = cloud.create_user()
    make_inactive(cloud, person)

    act(visitor, person, "exempt", option=INACTIVITY, **GRANT)

    assert cloud.row(person, "user")["enabled"] == 1
    assert options(cloud, person) == {"1004": "true"}
    assert cloud.sign_in(person)


def test_exempting_a_disabled_account_leaves_it_disabled(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_user(enabled=False)
    make_inactive(cloud, person)

    act(visitor, person, "exempt", option=INACTIVITY, **GRANT)

    assert last_active(cloud, person) == LONG_AGO
    assert options(cloud, person) == {"1004": "true"}
    assert not cloud.sign_in(person)


def test_the_rule_holds_again_once_the_exemption_is_lifted(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_user(options={LOCKOUT: True})

    page = act(visitor, person, "lift", option=LOCKOUT)
    cloud.lock(person)

    assert "is under the rule again." in text_of(page)
    assert options(cloud, person) == {}
    assert not cloud.sign_in(person)


def test_what_another_tool_has_exempted_is_a_finding_until_it_is_recorded(
    visitor: Visitor, cloud: Cloud
) -> None:
    person = cloud.create_user("exempted", options={EXPIRY: True})
    before = cloud.row(person, "user")
    findings = text_of(visitor.get("/exemptions/?status=unrecorded"))
    act(visitor, person, "record", option=EXPIRY, **GRANT)

    assert person.name in findings
    assert person.name not in text_of(visitor.get("/exemptions/?status=unrecorded"))
    assert person.name in text_of(visitor.get("/exemptions/?status=recorded"))
    assert cloud.row(person, "user") == before


# --- Rights -------------------------------------------------------------------------------------
def test_an_administrator_of_a_domain_acts_in_it(site: Site, cloud: Cloud) -> None:
    domain = cloud.create_domain()
    person = cloud.create_user(domain=domain)
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator(domain=domain))

    page = act(visitor, person, "disable")

    assert "is disabled." in text_of(page)
    assert not cloud.sign_in(person)


@pytest.mark.parametrize("name", ["enable", "disable", "exempt", "lift", "record"])
def test_an_account_of_another_domain_does_not_exist(site: Site, cloud: Cloud, name: str) -> None:
    person = cloud.create_user(options={EXPIRY: True})
    visitor = site.visitor()
    operator = cloud.create_operator(domain=cloud.create_domain())
    visitor.sign_in(operator)

    assert visitor.get(f"/accounts/{person.id}/{name}/").status_code == 404
    assert cloud.sign_in(person)


def test_who_lost_the_role_a_minute_ago_changes_nothing(site: Site, cloud: Cloud) -> None:
    operator, person, visitor = cloud.create_operator(), cloud.create_user(), site.visitor()
    visitor.sign_in(operator)
    form = visitor.form(visitor.get(f"/accounts/{person.id}/disable/"), "reason")
    cloud.revoke(operator)

    visitor.send(form, reason="INC-4711")

    assert cloud.row(person, "user")["enabled"] == 1
    assert cloud.sign_in(person)


# --- The API ------------------------------------------------------------------------------------
def test_a_script_disables_and_enables(site: Site, cloud: Cloud) -> None:
    person = cloud.create_user()
    headers = {"X-Auth-Token": cloud.token(cloud.create_operator())}
    url, body = f"{site.url}/api/v1/accounts/{person.id}", {"reason": "x", "identity": "ticket"}

    codes: list[Any] = []
    for name in ("disable", "enable"):
        answer = requests.post(f"{url}/{name}", json=body, headers=headers, timeout=60)
        codes += [answer.status_code, cloud.sign_in(person)]

    assert codes == [200, False, 200, True]


# --- The pages ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_pages_fit_and_are_accessible(
    browser: Browser, site: Site, cloud: Cloud, width: int, scheme: Any
) -> None:
    person = cloud.create_locked(options={EXPIRY: True})
    cloud.sql("UPDATE user SET enabled = 0 WHERE id = %s", person.id)
    operator = cloud.create_operator()
    size = {"width": width, "height": 900}
    with context_of(browser, site.url, viewport=size, color_scheme=scheme) as context:
        page: Page = context.new_page()
        page.goto("/signin/")
        page.get_by_label("User name").fill(operator.name)
        page.get_by_label("Password").fill(operator.password)
        page.get_by_role("button", name="Sign in").click()
        names = ["enable", "exempt", "lift", "record", "unlock"]
        paths = [f"/accounts/{person.id}/{name}/" for name in names]
        for path in [f"/accounts/{person.id}/", "/exemptions/", *paths]:
            page.goto(path)
            assert_fits(page)
            assert_accessible(page)
