"""The main job in a real browser: sign in, find a locked account, unlock it, and it can sign in."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import (
    LOOKS,
    assert_fits,
    assert_good,
    context_of,
    fill_in_reason,
    row_of,
    sign_in,
    tab_to,
)
from tests.support.cloud import ATTEMPTS, Cloud, Person
from tests.support.site import Site
from tests.support.visitor import Visitor

pytestmark = pytest.mark.browser

PATHS = {
    "sign-in": "/signin/",
    "overview": "/",
    "locked list": "/accounts/?state=locked&q={id}",
    "account": "/accounts/{id}/",
    "unlock form": "/accounts/{id}/unlock/",
    "policy": "/policy/",
    "not found": "/accounts/{unknown}/",
}


def unlock_from_the_list(page: Page, person: Person, reason: str) -> None:
    """Go from any page to the list of locked accounts, and unlock the account there."""
    page.get_by_role("navigation").get_by_role("link", name="Accounts").click()
    expect(page).to_have_url(re.compile(r"/accounts/\?view=attention$"))
    row_of(page, person).get_by_role("link", name="Unlock").click()
    fill_in_reason(page, reason)
    page.get_by_role("button", name="Unlock").click()


# --- The job ------------------------------------------------------------------------------------
def test_an_administrator_unlocks_a_locked_account_that_can_then_sign_in(
    page: Page, cloud: Cloud, operator: Person
) -> None:
    locked = cloud.create_locked("bob")
    assert not cloud.sign_in(locked)

    sign_in(page, operator)
    unlock_from_the_list(page, locked, "Called bob back on the number on file")

    expect(page).to_have_url(re.compile(rf"/accounts/{locked.id}/$"))
    expect(page.get_by_text("is unlocked")).to_be_visible()
    expect(page.get_by_text("Called bob back on the number on file")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("link", name=operator.name)).to_be_visible()
    assert cloud.sign_in(locked)


def test_the_list_shows_the_account_and_the_end_of_the_lock(signed_in: Page, cloud: Cloud) -> None:
    locked = cloud.create_locked("bob")

    signed_in.goto("/accounts/?state=locked")

    row = row_of(signed_in, locked)
    expect(row).to_contain_text("bob@cloud.example")
    expect(row).to_contain_text("Default")
    expect(row).to_contain_text("min")


def test_the_search_finds_one_of_many(signed_in: Page, cloud: Cloud) -> None:
    locked, other = cloud.create_locked("needle"), cloud.create_locked("hay")
    signed_in.goto("/accounts/?state=locked")

    search = signed_in.get_by_label("Filter by name, email or ID")
    search.fill(locked.name)
    search.press("Enter")

    expect(row_of(signed_in, locked)).to_be_visible()
    expect(row_of(signed_in, other)).to_have_count(0)


def test_an_account_that_is_not_locked_is_not_in_the_list(signed_in: Page, cloud: Cloud) -> None:
    person = cloud.create_user("carol")

    signed_in.goto(f"/accounts/?state=locked&q={person.name}")

    expect(row_of(signed_in, person)).to_have_count(0)


def test_a_missing_reason_is_reported_beside_its_field(signed_in: Page, cloud: Cloud) -> None:
    locked = cloud.create_locked("bob")
    signed_in.goto(f"/accounts/{locked.id}/unlock/")

    signed_in.get_by_label("In person").check()
    signed_in.get_by_role("button", name="Unlock").click()

    field = signed_in.get_by_label("Reason")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(r"\w"))
    expect(signed_in.get_by_label("In person")).to_be_checked()
    expect(signed_in).to_have_title(re.compile("^Error: "))
    expect(signed_in.get_by_role("alert", name="There is a problem")).to_be_focused()
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


def test_an_unknown_account_is_a_page_that_offers_the_search(signed_in: Page) -> None:
    signed_in.goto("/accounts/0123456789abcdef/")

    expect(signed_in.get_by_text("no account with this ID")).to_be_visible()
    expect(signed_in.get_by_role("searchbox")).to_be_visible()


def test_a_lock_that_ends_on_another_day_fits_a_phone(signed_in: Page, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    cloud.sql(
        "UPDATE local_user SET failed_auth_at = failed_auth_at + INTERVAL 1 DAY WHERE user_id = %s",
        locked.id,
    )
    signed_in.set_viewport_size({"width": 360, "height": 740})
    signed_in.goto("/accounts/?state=locked&q=" + locked.id)

    expect(signed_in.get_by_text(locked.name).first).to_be_visible()
    assert_fits(signed_in)


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "abc\u202egnp.exe",
        "W" * 240,
        "O'Neil & Söhne; -- {{ 7*7 }}",
    ],
    ids=["script", "image", "right-to-left", "240-characters", "punctuation"],
)
def test_a_hostile_name_is_shown_as_text(signed_in: Page, cloud: Cloud, name: str) -> None:
    locked = cloud.create_locked(name)
    signed_in.set_viewport_size({"width": 360, "height": 740})
    for path in ("/accounts/?state=locked&q=" + locked.id, f"/accounts/{locked.id}/"):
        signed_in.goto(path)

        expect(signed_in.get_by_text(locked.name).first).to_be_visible()
        assert_fits(signed_in)


# --- Every browser ------------------------------------------------------------------------------
def test_the_job_can_be_done_with_the_keyboard_only(
    page: Page, cloud: Cloud, operator: Person
) -> None:
    locked = cloud.create_locked("bob")
    page.goto("/signin/")
    tab_to(page, page.get_by_label("User name"))
    page.keyboard.type(operator.name)
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type(operator.password)
    page.keyboard.press("Enter")

    tab_to(page, page.get_by_role("navigation").get_by_role("link", name="Accounts"))
    page.keyboard.press("Enter")
    tab_to(page, row_of(page, locked).get_by_role("link", name="Unlock"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Reason"))
    page.keyboard.type("Called back")
    tab_to(page, page.get_by_label("Called back"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("button", name="Unlock"))
    page.keyboard.press("Enter")

    expect(page.get_by_text("is unlocked")).to_be_visible()
    assert cloud.sign_in(locked)


def test_the_job_can_be_done_without_javascript(
    plain_page: Page, cloud: Cloud, operator: Person
) -> None:
    locked = cloud.create_locked("bob")

    sign_in(plain_page, operator)
    unlock_from_the_list(plain_page, locked, "Called back")

    expect(plain_page.get_by_text("is unlocked")).to_be_visible()
    assert cloud.sign_in(locked)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PATHS)
def test_a_page_is_accessible_and_fits_its_window(
    browser: Browser, site: Site, visitor: Visitor, cloud: Cloud, name: str, look: str
) -> None:
    path = PATHS[name].format(id=cloud.create_locked("bob").id, unknown="0" * 32)
    session = None if name == "sign-in" else visitor.session
    with context_of(browser, site.url, session=session, **LOOKS[look]) as context:
        page = context.new_page()
        page.goto(path)

        assert_good(page)
