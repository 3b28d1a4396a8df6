"""Several accounts unlocked at once in a real browser, and who gets in afterwards."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.live.test_main_job import operator as operator
from tests.live.test_main_job import plain_page as plain_page
from tests.live.test_main_job import row_of, sign_in, tab_to
from tests.live.test_main_job import session as session
from tests.live.test_main_job import signed_in as signed_in
from tests.support.browser import LOOKS, assert_accessible, assert_fits, context_of
from tests.support.cloud import ATTEMPTS, Cloud, Person
from tests.support.site import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def three(cloud: Cloud) -> list[Person]:
    """Three people who are locked."""
    return [cloud.create_locked(name) for name in ("ann", "ben", "cat")]


def box_of(page: Page, person: Person) -> Locator:
    """The checkbox in somebody's row."""
    return page.get_by_role("checkbox", name=f"Select {person.name} ({person.domain})")


def fill_in(page: Page, reason: str) -> None:
    """Fill in the form that is open."""
    page.get_by_label("Reason").fill(reason)
    page.get_by_label("How was the identity confirmed?").select_option("callback")


def assert_two_of_three(page: Page, cloud: Cloud, people: list[Person]) -> None:
    """The first and the last of the three were unlocked, each with a row in the trail."""
    expect(page).to_have_url(re.compile(r"/accounts/unlocks/"))
    expect(page.get_by_role("heading", name="2 of 2 accounts unlocked")).to_be_visible()
    assert [cloud.sign_in(person) for person in people] == [True, False, True]
    acts = cloud.database.execute(
        "SELECT target_id, outcome FROM audit_event WHERE target_id IN (%s, %s, %s)",
        *(person.id for person in people),
        database="pciops",
    )
    assert {(row["target_id"], row["outcome"]) for row in acts} == {
        (person.id, "success") for person in people[::2]
    }
    assert len(acts) == 2


def test_two_of_three_are_unlocked_without_javascript(
    plain_page: Page, cloud: Cloud, operator: Person, three: list[Person]
) -> None:
    sign_in(plain_page, operator)
    plain_page.goto("/accounts/?state=locked")
    expect(plain_page.get_by_label("All")).to_be_hidden()
    for person in three[::2]:
        box_of(plain_page, person).check()
    plain_page.get_by_role("button", name="Unlock selected").click()

    for person in three[::2]:
        expect(row_of(plain_page, person)).to_contain_text(str(ATTEMPTS))
    expect(row_of(plain_page, three[1])).to_have_count(0)
    fill_in(plain_page, "Called both back")
    plain_page.get_by_role("button", name="Unlock 2 accounts").click()

    assert_two_of_three(plain_page, cloud, three)


def test_two_of_three_are_unlocked_with_the_keyboard_alone(
    signed_in: Page, cloud: Cloud, three: list[Person]
) -> None:
    signed_in.goto("/accounts/?state=locked")
    for person in reversed(three[::2]):
        tab_to(signed_in, box_of(signed_in, person))  # the newest failure stands first
        signed_in.keyboard.press("Space")
    tab_to(signed_in, signed_in.get_by_role("button", name="Unlock 2…"))
    signed_in.keyboard.press("Enter")
    tab_to(signed_in, signed_in.get_by_label("Reason"))
    signed_in.keyboard.type("Called both back")
    tab_to(signed_in, signed_in.get_by_label("How was the identity confirmed?"))
    signed_in.keyboard.type("Called")
    tab_to(signed_in, signed_in.get_by_role("button", name="Unlock 2 accounts"))
    signed_in.keyboard.press("Enter")

    assert_two_of_three(signed_in, cloud, three)


def test_one_box_selects_the_page(signed_in: Page, three: list[Person]) -> None:
    signed_in.goto("/accounts/?state=locked")
    every = signed_in.get_by_role("checkbox", name="All")
    boxes = signed_in.get_by_role("checkbox", name="Select ")

    every.check()
    expect(boxes.locator("visible=true").and_(signed_in.locator(":checked"))).to_have_count(
        boxes.count()
    )
    box_of(signed_in, three[0]).uncheck()
    expect(every).not_to_be_checked()
    expect(signed_in.get_by_role("button", name=f"Unlock {boxes.count() - 1}…")).to_be_visible()


def test_nothing_selected_is_said_above_the_list(signed_in: Page, three: list[Person]) -> None:
    signed_in.goto("/accounts/?state=locked")
    signed_in.get_by_role("button", name="Unlock selected").click()

    expect(signed_in.get_by_role("alert")).to_contain_text("No row is selected")
    expect(box_of(signed_in, three[0])).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_its_pages_are_accessible_and_fit_their_window(
    browser: Browser, site: Site, cloud: Cloud, session: str, scheme: str, width: int
) -> None:
    people = [cloud.create_locked("ann"), cloud.create_locked("W" * 200)]
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with context_of(browser, site.url, **options) as context:
        context.add_cookies([{"name": "pciops-session", "value": session, "url": site.url}])
        page = context.new_page()
        page.goto("/accounts/?state=locked")
        for person in people:
            box_of(page, person).check()
        assert_accessible(page)
        page.get_by_role("button", name="Unlock 2…").click()
        expect(page.get_by_role("heading", name="Unlock 2 accounts?")).to_be_visible()
        assert_accessible(page)
        assert_fits(page)
        cloud.sql("UPDATE local_user SET failed_auth_count = 9 WHERE user_id = %s", people[0].id)
        fill_in(page, "Called both back")
        page.get_by_role("button", name="Unlock 2 accounts").click()

        expect(page.get_by_role("heading", name="1 of 2 accounts unlocked")).to_be_visible()
        assert_accessible(page)
        assert_fits(page)
