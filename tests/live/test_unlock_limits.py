"""Lockout cannot be undone without limit; what ends the sessions of an account under attack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from pciops.keystone import client
from tests.live.test_roles import enter
from tests.support.browser import assert_good
from tests.support.cloud import ATTEMPTS, SYSTEM, Cloud, Person, keystone_on
from tests.support.mariadb import MariaDB
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of


def test_help_desk_does_not_unlock_an_administrator(site: Site, cloud: Cloud) -> None:
    """The attack: ten unlocks of a system administrator gave 30 guesses, then the password."""
    target = cloud.create_locked("root")
    cloud.grant(target)
    visitor = enter(site, cloud.create_operator(role="helpdesk"))
    page = visitor.get(f"/accounts/{target.id}/unlock/")

    assert page.url == f"{site.url}/accounts/{target.id}/"
    assert "Only an administrator can act on it" in text_of(page)
    assert cloud.row(target)["failed_auth_count"] == ATTEMPTS


def test_domain_administrator_does_not_unlock_a_cloud_administrator(
    site: Site, cloud: Cloud
) -> None:
    domain = cloud.create_domain()
    target = cloud.create_locked("root", domain=domain)
    cloud.grant(target)
    visitor = enter(site, cloud.create_operator(domain=domain))
    page = visitor.get(f"/accounts/{target.id}/unlock/")

    assert "Only an administrator of the entire cloud can act on it" in text_of(page)
    assert cloud.row(target)["failed_auth_count"] == ATTEMPTS


def test_locked_operator_does_not_unlock_themselves(site: Site, cloud: Cloud) -> None:
    operator = cloud.create_operator(role="helpdesk")
    visitor = enter(site, operator)
    cloud.lock(operator)

    assert "your own account" in text_of(visitor.get(f"/accounts/{operator.id}/unlock/"))
    assert cloud.row(operator)["failed_auth_count"] == ATTEMPTS


def test_fourth_unlock_takes_a_second_operator(site: Site, cloud: Cloud) -> None:
    person = cloud.create_user()
    first, second = (enter(site, cloud.create_operator(role="helpdesk")) for _ in range(2))
    for _ in range(3):
        cloud.lock(person)
        first.unlock(person)
        assert cloud.row(person)["failed_auth_count"] == 0
    cloud.lock(person)
    page = first.unlock(person)
    assert "unlocked 3 times in the last hour" in text_of(page)

    form = first.form(page, "reason", "beyond_limit")
    page = first.send(form, reason="INC-4711", identity="callback", beyond_limit="on")
    assert "Confirm it as a second operator" in text_of(page)
    assert cloud.row(person)["failed_auth_count"] == ATTEMPTS
    [link] = {word for word in page.text.split('"') if word.startswith("/unlock-requests/")}
    assert "You asked for this unlock" in text_of(first.get(link))

    page = second.send(second.form(second.get(link), "seen"))
    assert "is unlocked." in text_of(page)
    assert cloud.sign_in(person)


def test_pages_beyond_the_limit_are_accessible_and_fit_the_window(
    window: Page, site: Site, cloud: Cloud
) -> None:
    person = cloud.create_user("W" * 200)
    first = enter(site, cloud.create_operator(role="helpdesk"))
    for _ in range(3):
        cloud.lock(person)
        first.unlock(person)
    cloud.lock(person)
    form = first.form(first.get(f"/accounts/{person.id}/unlock/"), "beyond_limit")
    page = first.send(form, reason="x" * 300, identity="callback", beyond_limit="on")
    [link] = {word for word in page.text.split('"') if word.startswith("/unlock-requests/")}

    pages = ("", "unlock/", "end-sessions/", "exempt/")
    for path in ("/unlock-requests/", link, *(f"/accounts/{person.id}/{path}" for path in pages)):
        window.goto(path)
        assert_good(window)


# --- Sessions -----------------------------------------------------------------------------------
def test_sessions_end_and_the_lock_stays(visitor: Visitor, cloud: Cloud) -> None:
    person = cloud.create_user()
    token = cloud.token(person, scope={"unscoped": True})
    cloud.lock(person)
    assert cloud.accepts(token)

    page = visitor.act(person, "end-sessions")

    assert "has no sessions left" in text_of(page)
    assert not cloud.accepts(token)
    assert cloud.row(person)["failed_auth_count"] == ATTEMPTS


def test_domain_administrator_ends_sessions_as_keystone_allows(site: Site, cloud: Cloud) -> None:
    domain = cloud.create_domain()
    person, other = cloud.create_user(domain=domain), cloud.create_user()
    visitor = enter(site, cloud.create_operator(domain=domain))
    token = cloud.token(person, scope={"unscoped": True})
    visitor.act(person, "end-sessions")

    assert not cloud.accepts(token)
    assert visitor.get(f"/accounts/{other.id}/end-sessions/").status_code == 404


@pytest.fixture
def old_cloud(
    mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory, settings: object
) -> Iterator[Cloud]:
    """A Keystone of release 25, which is that of pciops in this test."""
    keystone = keystone_on(mariadb, "old", tmp_path_factory.mktemp("old"), release="25")
    with keystone:
        settings.OS_AUTH_URL = keystone.url  # type: ignore[attr-defined]
        yield Cloud(keystone, mariadb, SYSTEM)


def test_release_25_has_no_such_call(old_cloud: Cloud) -> None:
    person: Person = old_cloud.create_user()
    token = old_cloud.token(old_cloud.create_operator())

    with pytest.raises(client.TooOldError):
        client.end_sessions(token, person.id)
