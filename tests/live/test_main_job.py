"""The main job in a real browser: sign in, find who is locked, unlock them, and they get in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import LOOKS, assert_accessible, assert_fits, context_of
from tests.support.cloud import ATTEMPTS, Cloud, Person
from tests.support.site import Site

pytestmark = pytest.mark.browser

PATHS = {
    "sign-in": "/signin/",
    "overview": "/",
    "locked list": "/accounts/?state=locked",
    "account": "/accounts/{id}/",
    "unlock form": "/accounts/{id}/unlock/",
    "policy": "/policy/",
    "not found": "/accounts/{unknown}/",
}


@pytest.fixture(scope="module")
def operator(cloud: Cloud) -> Person:
    """One administrator for all of these tests."""
    return cloud.create_operator("alice")


@pytest.fixture(scope="module")
def session(site: Site, operator: Person) -> str:
    """The cookie of that administrator's session."""
    visitor = site.visitor()
    visitor.sign_in(operator)
    return str(visitor.http.cookies["pciops-session"])


@pytest.fixture
def signed_in(page: Page, site: Site, session: str) -> Page:
    """A window of an operator who has signed in before."""
    page.context.add_cookies([{"name": "pciops-session", "value": session, "url": site.url}])
    return page


def sign_in(page: Page, person: Person) -> None:
    """Fill in the form as a person does."""
    page.goto("/")
    page.get_by_label("User name").fill(person.name)
    page.get_by_label("Password").fill(person.password)
    page.get_by_label("Domain").fill(person.domain)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def open_locked(page: Page) -> None:
    """From whatever page to the list of locked accounts."""
    page.get_by_role("navigation").get_by_role("link", name="Accounts").click()
    expect(page).to_have_url(re.compile(r"/accounts/\?state=locked$"))


def unlock(page: Page, reason: str) -> None:
    """Fill in the unlock form that is open."""
    page.get_by_label("Reason").fill(reason)
    page.get_by_label("How was the identity confirmed?").select_option("callback")
    page.get_by_role("button", name="Unlock").click()


def row_of(page: Page, person: Person) -> Locator:
    """Somebody's row in the list."""
    return page.get_by_role("row").filter(has_text=person.name)


# --- The job ------------------------------------------------------------------------------------
def test_an_administrator_unlocks_a_locked_person_who_then_gets_in(
    page: Page, cloud: Cloud, operator: Person
) -> None:
    locked = cloud.create_locked("bob")
    assert not cloud.sign_in(locked)

    sign_in(page, operator)
    open_locked(page)
    row_of(page, locked).get_by_role("link", name="Unlock").click()
    unlock(page, "Called bob back on the number on file")

    expect(page).to_have_url(re.compile(rf"/accounts/{locked.id}/$"))
    expect(page.get_by_text("is unlocked")).to_be_visible()
    expect(page.get_by_text("Called bob back on the number on file")).to_be_visible()
    expect(page.get_by_text(f"{operator.name} (Default)").first).to_be_visible()
    assert cloud.sign_in(locked)


def test_the_list_shows_how_often_and_until_when(signed_in: Page, cloud: Cloud) -> None:
    locked = cloud.create_locked("bob")

    signed_in.goto("/accounts/?state=locked")

    row = row_of(signed_in, locked)
    expect(row).to_contain_text("bob@cloud.example")
    expect(row).to_contain_text("Default")
    expect(row).to_contain_text(str(ATTEMPTS))
    expect(row).to_contain_text("min")


def test_the_search_finds_one_of_many(signed_in: Page, cloud: Cloud) -> None:
    locked, other = cloud.create_locked("needle"), cloud.create_locked("hay")
    signed_in.goto("/accounts/?state=locked")

    search = signed_in.get_by_role("searchbox")
    search.fill(locked.name)
    search.press("Enter")

    expect(row_of(signed_in, locked)).to_be_visible()
    expect(row_of(signed_in, other)).to_have_count(0)


def test_an_account_that_is_not_locked_is_not_in_the_list(signed_in: Page, cloud: Cloud) -> None:
    person = cloud.create_user("carol")

    signed_in.goto(f"/accounts/?state=locked&q={person.name}")

    expect(row_of(signed_in, person)).to_have_count(0)


def test_a_missing_reason_is_said_beside_its_field(signed_in: Page, cloud: Cloud) -> None:
    locked = cloud.create_locked("bob")
    signed_in.goto(f"/accounts/{locked.id}/unlock/")

    signed_in.get_by_label("How was the identity confirmed?").select_option("in_person")
    signed_in.get_by_role("button", name="Unlock").click()

    field = signed_in.get_by_label("Reason")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("say why"))
    expect(signed_in.get_by_label("How was the identity confirmed?")).to_have_value("in_person")
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


def test_an_unknown_account_is_a_page_that_offers_the_search(signed_in: Page) -> None:
    signed_in.goto("/accounts/0123456789abcdef/")

    expect(signed_in.get_by_text("There is no account with this id")).to_be_visible()
    expect(signed_in.get_by_role("searchbox")).to_be_visible()


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


# --- Everybody's browser ------------------------------------------------------------------------
def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the element has the focus."""
    target.wait_for()
    for _ in range(150):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {target} by Tab")


def test_the_job_can_be_done_with_the_keyboard_alone(
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
    tab_to(page, page.get_by_label("How was the identity confirmed?"))
    page.keyboard.type("Called")
    tab_to(page, page.get_by_role("button", name="Unlock"))
    page.keyboard.press("Enter")

    expect(page.get_by_text("is unlocked")).to_be_visible()
    assert cloud.sign_in(locked)


@pytest.fixture
def plain_page(browser: Browser, site: Site) -> Iterator[Page]:
    """A window without JavaScript."""
    with context_of(browser, site.url, java_script_enabled=False) as context:
        yield context.new_page()


def test_the_job_can_be_done_without_javascript(
    plain_page: Page, cloud: Cloud, operator: Person
) -> None:
    locked = cloud.create_locked("bob")

    sign_in(plain_page, operator)
    open_locked(plain_page)
    row_of(plain_page, locked).get_by_role("link", name="Unlock").click()
    unlock(plain_page, "Called back")

    expect(plain_page.get_by_text("is unlocked")).to_be_visible()
    assert cloud.sign_in(locked)


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
@pytest.mark.parametrize("name", PATHS)
def test_a_page_is_accessible_and_fits_its_window(
    browser: Browser, site: Site, cloud: Cloud, session: str, name: str, scheme: str, width: int
) -> None:
    path = PATHS[name].format(id=cloud.create_locked("bob").id, unknown="0" * 32)
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with context_of(browser, site.url, **options) as context:
        if name != "sign-in":
            context.add_cookies([{"name": "pciops-session", "value": session, "url": site.url}])
        page = context.new_page()
        page.goto(path)

        assert_accessible(page)
        assert_fits(page)
