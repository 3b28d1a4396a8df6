"""Several accounts unlocked at once in a real browser: a selection, and a whole list."""

from __future__ import annotations

import itertools
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, Page, Route, expect

from tests.support.browser import (
    assert_accessible,
    assert_good,
    enter,
    fill_in_reason,
    row_of,
    sign_in,
    tab_to,
)
from tests.support.cloud import Cloud, Person
from tests.support.site import Site
from tests.support.visitor import Visitor

pytestmark = pytest.mark.browser

STORM = 120
_storms = itertools.count(1)


# --- A selection --------------------------------------------------------------------------------
@pytest.fixture
def three(cloud: Cloud) -> list[Person]:
    """Three locked people."""
    return [cloud.create_locked(name) for name in ("ann", "ben", "cat")]


def box_of(page: Page, person: Person) -> Locator:
    """Return the checkbox in the row of a person."""
    return page.get_by_role("checkbox", name=f"Select {person.name} ({person.domain})")


def assert_two_of_three(page: Page, cloud: Cloud, people: list[Person]) -> None:
    """Assert that the first and the last were unlocked, each with a row in the audit log."""
    expect(page).to_have_url(re.compile(r"/accounts/unlocks/"))
    expect(page.get_by_role("heading", name="2 of 2 accounts unlocked")).to_be_visible()
    assert [cloud.sign_in(person) for person in people] == [True, False, True]
    acts = cloud.database.execute(
        "SELECT target_id, outcome FROM audit_event WHERE action = 'unlock'"
        " AND target_id IN (%s, %s, %s)",
        *(person.id for person in people),
        database="pciops",
    )
    assert sorted((row["target_id"], row["outcome"]) for row in acts) == sorted(
        (person.id, "success") for person in people[::2]
    )


def test_two_of_three_are_unlocked_without_javascript(
    plain_page: Page, cloud: Cloud, operator: Person, three: list[Person]
) -> None:
    sign_in(plain_page, operator)
    plain_page.goto("/accounts/?state=locked")
    expect(plain_page.get_by_label("Select all on this page")).to_be_hidden()
    for person in three[::2]:
        box_of(plain_page, person).check()
    plain_page.get_by_role("button", name="Unlock", exact=True).click()

    for person in three[::2]:
        expect(row_of(plain_page, person)).to_contain_text("Can sign in")
    expect(row_of(plain_page, three[1])).to_have_count(0)
    fill_in_reason(plain_page, "Called both back")
    plain_page.get_by_role("button", name="Unlock 2 accounts").click()

    assert_two_of_three(plain_page, cloud, three)


def test_two_of_three_are_unlocked_with_the_keyboard_only(
    signed_in: Page, cloud: Cloud, three: list[Person]
) -> None:
    signed_in.goto("/accounts/?state=locked")
    for person in reversed(three[::2]):
        tab_to(signed_in, box_of(signed_in, person))  # the newest failure stands first
        signed_in.keyboard.press("Space")
    tab_to(signed_in, signed_in.get_by_role("button", name="Unlock", exact=True))
    signed_in.keyboard.press("Enter")
    tab_to(signed_in, signed_in.get_by_label("Reason"))
    signed_in.keyboard.type("Called both back")
    tab_to(signed_in, signed_in.get_by_label("Called back"))
    signed_in.keyboard.press("Space")
    tab_to(signed_in, signed_in.get_by_role("button", name="Unlock 2 accounts"))
    signed_in.keyboard.press("Enter")

    assert_two_of_three(signed_in, cloud, three)


def test_one_box_selects_the_page(signed_in: Page, three: list[Person]) -> None:
    signed_in.goto("/accounts/?state=locked")
    every = signed_in.get_by_role("checkbox", name="Select all on this page")
    boxes = signed_in.locator("input[name=account]")

    every.check()
    expect(boxes.and_(signed_in.locator(":checked"))).to_have_count(boxes.count())
    box_of(signed_in, three[0]).uncheck()
    expect(every).not_to_be_checked()
    signed_in.get_by_role("button", name="Clear").click()
    expect(boxes.and_(signed_in.locator(":checked"))).to_have_count(0)


def test_without_a_selection_there_is_nothing_to_press(
    signed_in: Page, three: list[Person]
) -> None:
    signed_in.goto("/accounts/?state=locked")
    button = signed_in.get_by_role("button", name="Unlock", exact=True)

    expect(button).to_be_hidden()
    box_of(signed_in, three[0]).check()
    expect(button).to_be_visible()


def test_the_pages_of_a_selection_are_accessible_and_fit_their_window(
    window: Page, cloud: Cloud
) -> None:
    people = [cloud.create_locked("ann"), cloud.create_locked("W" * 200)]
    window.goto("/accounts/?state=locked")
    for person in people:
        box_of(window, person).check()
    assert_accessible(window)
    window.get_by_role("button", name="Unlock", exact=True).click()
    expect(window.get_by_role("heading", name="Unlock 2 accounts")).to_be_visible()
    assert_good(window)


# --- A whole list -------------------------------------------------------------------------------
@pytest.fixture
def storm(cloud: Cloud) -> Any:
    """A domain in which 120 accounts were locked within a minute."""
    domain = cloud.create_domain(f"storm-{next(_storms)}")
    users = ", ".join(
        f"(MD5('{domain.id}{number}'), '{{}}', 1, '{domain.id}')" for number in range(STORM)
    )
    cloud.sql(f"INSERT INTO user (id, extra, enabled, domain_id) VALUES {users}")
    names = ", ".join(
        f"(MD5('{domain.id}{number}'), '{domain.id}', 'person-{number:03}', 3, UTC_TIMESTAMP())"
        for number in range(STORM)
    )
    columns = "user_id, domain_id, name, failed_auth_count, failed_auth_at"
    cloud.sql(f"INSERT INTO local_user ({columns}) VALUES {names}")
    return domain


def locked_accounts(cloud: Cloud, domain: Any) -> int:
    """Count the accounts of the domain that are still locked."""
    return len(
        cloud.sql(
            "SELECT 1 FROM local_user WHERE domain_id = %s AND failed_auth_count = 3", domain.id
        )
    )


def outcomes(cloud: Cloud, domain: Any) -> dict[str, int]:
    """Count the unlocks of the domain in the audit log by outcome."""
    rows = cloud.database.execute(
        "SELECT outcome, COUNT(*) AS number FROM audit_event WHERE action = 'unlock'"
        " AND target_domain_id = %s GROUP BY outcome",
        domain.id,
        database="pciops",
    )
    return {row["outcome"]: row["number"] for row in rows}


def start_unlock(page: Page, domain: Any) -> None:
    """Choose the whole list of the domain, and start its unlock."""
    page.goto(f"/accounts/?state=locked&domain={domain.id}")
    page.locator("input[name=account]").first.check()
    page.get_by_role("button", name="Unlock the whole list").click()
    fill_in_reason(page, "Lockout storm: a proxy with an old password")
    page.get_by_role("button", name=f"Unlock {STORM} accounts").click()


def test_a_whole_list_is_unlocked_without_javascript_in_five_windows_at_once(
    plain_page: Page, site: Site, visitor: Visitor, cloud: Cloud, storm: Any
) -> None:
    enter(plain_page.context, site.url, visitor.session)
    start_unlock(plain_page, storm)
    expect(plain_page.get_by_role("heading", name=f"Unlocking {STORM} accounts")).to_be_visible()
    expect(plain_page.get_by_role("progressbar")).to_be_visible()
    address = plain_page.url

    def reload(_: int) -> str:
        while True:
            page = requests.get(address, cookies={"pciops-session": visitor.session}, timeout=60)
            if "Refresh" not in page.headers:
                return page.text
            time.sleep(float(page.headers["Refresh"]))

    with ThreadPoolExecutor(4) as windows:
        pages = list(windows.map(reload, range(4)))

    done = f"{STORM} of {STORM} accounts unlocked"
    expect(plain_page.get_by_role("heading", name=done)).to_be_visible(timeout=60_000)
    assert all(done in page for page in pages)
    assert locked_accounts(cloud, storm) == 0
    assert outcomes(cloud, storm) == {"success": STORM}  # none twice


def test_it_stops_between_two_accounts(signed_in: Page, cloud: Cloud, storm: Any) -> None:
    start_unlock(signed_in, storm)
    signed_in.get_by_role("button", name="Stop").click()

    expect(signed_in.get_by_role("alert")).to_contain_text("You stopped it.")
    signed_in.reload()
    heading = signed_in.get_by_role("heading", level=1).inner_text()
    unlocked = int(heading.split()[0])
    assert 0 < unlocked < STORM
    assert locked_accounts(cloud, storm) == STORM - unlocked
    assert outcomes(cloud, storm)["success"] == unlocked


def without_refresh(route: Route) -> None:
    """Answer with the page as it is, but keep it from reloading itself."""
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "refresh"}
    route.fulfill(response=answer, headers=headers)


def test_its_progress_is_accessible_and_fits_the_window(window: Page, storm: Any) -> None:
    start_unlock(window, storm)
    window.wait_for_url(re.compile("/accounts/unlocks/"))
    page = window.context.new_page()
    page.route(re.compile("/accounts/unlocks/"), without_refresh)
    page.goto(window.url)
    window.close()

    expect(page.get_by_role("progressbar")).to_be_visible()
    assert_good(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_good(page)
