"""The activity page in a real browser: live updates, wide and narrow, light and dark."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.events import messages
from tests.support.browser import assert_good, enter
from tests.support.cloud import Cloud, Person
from tests.support.processes import running
from tests.support.site import Site
from tests.support.visitor import Visitor

pytestmark = pytest.mark.browser

PERIOD = 15_000  # milliseconds, of templates/base.html


@pytest.fixture(scope="module")
def feed(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file whose lines arrive as if they were notifications of RabbitMQ."""
    folder = tmp_path_factory.mktemp("feed")
    path = folder / "notifications.jsonl"
    command = [sys.executable, "manage.py", "demo_feed", path]
    env = {**site.environment, "DJANGO_SETTINGS_MODULE": "pciops.demo.settings"}
    with running(command, env=env, log=folder / "log"):
        yield path


@pytest.fixture
def person(cloud: Cloud) -> Person:
    """A user whose activity no other test adds to."""
    return cloud.create_user()


def send(feed: Path, *messages: str) -> None:
    """Publish these."""
    with feed.open("a", encoding="utf-8") as file:
        file.writelines(f"{message}\n" for message in messages)


def failed(person: Person, address: str) -> str:
    """Return a sign-in of this person that failed just now."""
    at = datetime.now(UTC)
    return messages.sign_in(at=at, user_id=person.id, name=person.name, address=address)


def wait_for_text(window: Page, text: str) -> None:
    """Reload the page until it shows this text."""
    for _ in range(100):
        if window.get_by_text(text, exact=True).count():
            break
        window.wait_for_timeout(200)
        window.reload()
    expect(window.get_by_text(text, exact=True)).to_be_visible()


def test_the_pages_are_accessible_and_fit_their_window(
    window: Page, person: Person, feed: Path
) -> None:
    updated = messages.updated(person.id, at=datetime.now(UTC))
    send(feed, failed(person, "10.2.3.4"), updated, "{")
    window.goto(f"/activity/?account={person.id}")
    wait_for_text(window, "Failed sign-in")
    assert_good(window)
    window.goto(f"/accounts/{person.id}/")
    expect(window.get_by_text("Failed sign-in", exact=True)).to_be_visible()
    assert_good(window)
    window.goto("/activity/set-aside/")
    window.get_by_text("Last message").first.click()
    assert_good(window)


def test_new_activity_appears_by_itself_and_is_announced(
    signed_in: Page, person: Person, feed: Path
) -> None:
    send(feed, failed(person, "10.2.3.4"))
    signed_in.clock.install()
    signed_in.goto(f"/activity/?account={person.id}&kind=sign_in")
    send(feed, failed(person, "10.9.9.9"))
    for _ in range(20):
        signed_in.clock.run_for(PERIOD)
        signed_in.wait_for_timeout(100)
        if signed_in.get_by_text("10.9.9.9", exact=True).count():
            break

    expect(signed_in.get_by_text("10.9.9.9", exact=True)).to_be_visible()
    expect(signed_in.locator("#news")).to_contain_text("new event")
    expect(signed_in.locator("#news")).to_have_attribute("role", "status")


def test_nothing_moves_under_a_link_that_has_the_focus(
    signed_in: Page, person: Person, feed: Path
) -> None:
    send(feed, failed(person, "10.6.6.6"))
    signed_in.goto(f"/activity/?account={person.id}&kind=sign_in")
    wait_for_text(signed_in, "10.6.6.6")
    signed_in.clock.install()
    signed_in.reload()
    signed_in.locator("#live a").first.focus()
    send(feed, failed(person, "10.7.7.7"))
    signed_in.wait_for_timeout(2000)
    signed_in.clock.run_for(2 * PERIOD)
    signed_in.wait_for_timeout(1000)

    expect(signed_in.get_by_text("10.7.7.7", exact=True)).to_have_count(0)


def test_it_works_without_javascript(
    plain_page: Page, site: Site, visitor: Visitor, person: Person, feed: Path
) -> None:
    send(feed, failed(person, "10.2.3.4"))
    enter(plain_page.context, site.url, visitor.session)
    plain_page.goto(f"/activity/?account={person.id}&kind=sign_in")
    wait_for_text(plain_page, "10.2.3.4")
