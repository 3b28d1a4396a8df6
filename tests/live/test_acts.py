"""The acts through Keystone's API: what its database and a real sign-in show afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from playwright.sync_api import Page

from tests.support.browser import assert_good
from tests.support.cloud import LONG_AGO, Cloud, Person
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of

LOCKOUT, EXPIRY = "ignore_lockout_failure_attempts", "ignore_password_expiry"
INACTIVITY = "ignore_user_inactivity"
GRANT = {
    "owner": "network team",
    "ends_on": (datetime.now(UTC).date() + timedelta(days=30)).isoformat(),
}


def enable(visitor: Visitor, person: Person) -> requests.Response:
    return visitor.act(person, "enable", identity="callback")


def disable_in_keystone(cloud: Cloud, person: Person) -> None:
    cloud.sql("UPDATE user SET enabled = 0 WHERE id = %s", person.id)


def options(cloud: Cloud, person: Person) -> dict[str, str]:
    rows = cloud.sql("SELECT * FROM user_option WHERE user_id = %s", person.id)
    return {str(row["option_id"]): str(row["option_value"]) for row in rows}


def last_active(cloud: Cloud, person: Person) -> str:
    return str(cloud.row(person, "user")["last_active_at"])


# --- Enable -------------------------------------------------------------------------------------
def test_an_enabled_person_can_sign_in_again(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_user(enabled=False)
    assert not cloud.sign_in(person)

    page = enable(visitor, person)

    assert "is enabled." in text_of(page)
    assert cloud.sign_in(person)


def test_enabling_an_inactive_person_sets_the_last_activity(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_user()
    cloud.make_inactive(person)
    assert not cloud.sign_in(person)

    page = enable(visitor, person)

    assert last_active(cloud, person) == datetime.now(UTC).date().isoformat()
    assert cloud.sign_in(person)
    assert "last activity" in text_of(page)
    assert "2 Feb 2020" in text_of(page)  # kept in the audit log, because Keystone overwrites it


def test_enabling_a_locked_account_unlocks_it_too(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_locked()
    disable_in_keystone(cloud, person)
    form = visitor.get(f"/accounts/{person.id}/enable/")

    page = enable(visitor, person)

    assert "Keystone also unlocks the account" in text_of(form)
    assert cloud.row(person)["failed_auth_count"] == 0
    assert "3 failures cleared with it" in text_of(page)
    assert cloud.sign_in(person)


# --- Disable ------------------------------------------------------------------------------------
def test_a_disabled_person_cannot_sign_in_and_their_token_ends(
    visitor: Visitor, cloud: Cloud
) -> None:
    person = cloud.create_user()
    token = cloud.token(person, scope={"unscoped": True})
    assert cloud.accepts(token)

    page = visitor.act(person, "disable")

    assert "is disabled." in text_of(page)
    assert not cloud.sign_in(person)
    assert not cloud.accepts(token)


def test_disabling_keeps_lock_and_activity(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_locked()
    cloud.make_inactive(person)
    before = cloud.row(person), last_active(cloud, person)

    visitor.act(person, "disable")

    assert (cloud.row(person), last_active(cloud, person)) == before
    assert cloud.row(person, "user")["enabled"] == 0


def test_operators_cannot_disable_themselves(
    visitor: Visitor, operator: Person, cloud: Cloud
) -> None:
    page = visitor.get(f"/accounts/{operator.id}/disable/")

    assert "your own account" in text_of(page)
    assert cloud.sign_in(operator)


# --- Exempt, lift and record --------------------------------------------------------------------
def test_an_exempt_person_is_never_locked(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_user()

    page = visitor.act(person, "exempt", option=LOCKOUT, **GRANT)
    cloud.lock(person)

    assert "is exempt" in text_of(page)
    assert options(cloud, person) == {"1002": "true"}
    assert cloud.sign_in(person)


def test_an_exemption_unlocks_too(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_locked()

    page = visitor.act(person, "exempt", option=EXPIRY, **GRANT)

    assert "3 failures cleared with it" in text_of(page)
    assert cloud.sign_in(person)


@pytest.mark.parametrize("enabled", [True, False])
def test_an_exemption_from_inactivity_leaves_enabled_as_it_is(
    visitor: Visitor, cloud: Cloud, enabled: bool
) -> None:
    person = cloud.create_user(enabled=enabled)
    cloud.make_inactive(person)

    visitor.act(person, "exempt", option=INACTIVITY, **GRANT)

    assert options(cloud, person) == {"1004": "true"}
    assert bool(cloud.row(person, "user")["enabled"]) is enabled
    if not enabled:
        assert last_active(cloud, person) == LONG_AGO
    assert cloud.sign_in(person) is enabled


def test_the_rule_applies_again_after_an_exemption_is_removed(
    visitor: Visitor, cloud: Cloud
) -> None:
    person = cloud.create_user(options={LOCKOUT: True})

    page = visitor.act(person, "lift", option=LOCKOUT)
    cloud.lock(person)

    assert "subject to the rule again" in text_of(page)
    assert options(cloud, person) == {}
    assert not cloud.sign_in(person)


def test_an_exemption_of_another_tool_is_unrecorded_until_it_is_recorded(
    visitor: Visitor, cloud: Cloud
) -> None:
    person = cloud.create_user("exempted", options={EXPIRY: True})
    before = cloud.row(person, "user")
    unrecorded = text_of(visitor.get("/exemptions/?status=unrecorded"))
    visitor.act(person, "record", option=EXPIRY, **GRANT)

    assert person.name in unrecorded
    assert person.name not in text_of(visitor.get("/exemptions/?status=unrecorded"))
    assert person.name in text_of(visitor.get("/exemptions/?status=recorded"))
    assert cloud.row(person, "user") == before


# --- Rights -------------------------------------------------------------------------------------
def test_an_administrator_of_a_domain_acts_in_it(site: Site, cloud: Cloud) -> None:
    domain = cloud.create_domain()
    person = cloud.create_user(domain=domain)
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator(domain=domain))

    page = visitor.act(person, "disable")

    assert "is disabled." in text_of(page)
    assert not cloud.sign_in(person)


@pytest.fixture(scope="module")
def foreigner(site: Site, cloud: Cloud) -> Visitor:
    """An administrator of another domain, signed in."""
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator(domain=cloud.create_domain()))
    return visitor


@pytest.mark.parametrize("name", ["enable", "disable", "exempt", "lift", "record"])
def test_an_account_of_another_domain_does_not_exist(
    foreigner: Visitor, cloud: Cloud, name: str
) -> None:
    person = cloud.create_user(options={EXPIRY: True})

    assert foreigner.get(f"/accounts/{person.id}/{name}/").status_code == 404
    assert cloud.sign_in(person)


def test_an_operator_whose_role_was_revoked_changes_nothing(site: Site, cloud: Cloud) -> None:
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
    url, reason = f"{site.url}/api/v1/accounts/{person.id}", {"reason": "x"}

    results: list[Any] = []
    for name, body in (("disable", reason), ("enable", {**reason, "identity": "ticket"})):
        answer = requests.post(f"{url}/{name}", json=body, headers=headers, timeout=60)
        results += [answer.status_code, cloud.sign_in(person)]

    assert results == [200, False, 200, True]


# --- The pages ----------------------------------------------------------------------------------
@pytest.mark.browser
def test_the_pages_are_accessible_and_fit_their_window(window: Page, cloud: Cloud) -> None:
    person = cloud.create_locked(options={EXPIRY: True})
    disable_in_keystone(cloud, person)
    names = ["enable", "exempt", "lift", "record", "unlock"]
    paths = [f"/accounts/{person.id}/{name}/" for name in names]
    for path in [f"/accounts/{person.id}/", "/exemptions/", *paths]:
        window.goto(path)
        assert_good(window)
