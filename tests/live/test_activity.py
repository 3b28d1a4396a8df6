"""The activity page in a real browser: news by itself, wide and narrow, light and dark."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.events import messages
from tests.support.browser import LOOKS, assert_accessible, assert_fits, context_of
from tests.support.cloud import Cloud, Person
from tests.support.processes import ENDS_WITH_US, ROOT
from tests.support.site import Site

pytestmark = pytest.mark.browser

PERIOD = 15_000  # milliseconds, of static/js/live.js


@dataclass
class Feed:
    """A consumer of a file."""

    path: Path

    def send(self, *messages: str) -> None:
        """Keystone notifies this."""
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{message}\n" for message in messages)


@pytest.fixture(scope="module")
def feed(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feed]:
    """What is written there arrives as if it came from RabbitMQ."""
    path = tmp_path_factory.mktemp("feed") / "notifications.jsonl"
    command = [*ENDS_WITH_US, sys.executable, "manage.py", "demo_feed", str(path)]
    environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "pciops.demo.settings"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    yield Feed(path)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def window(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Page]:
    """A window, light or dark, narrow or wide."""
    scheme, width = request.param
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with context_of(browser, site.url, **options) as context:
        yield context.new_page()


def enter(site: Site, window: Page, person: Person) -> None:
    """Sign in, without the form: its throttle counts by address."""
    visitor = site.visitor()
    visitor.sign_in(person)
    value = str(visitor.http.cookies["pciops-session"])
    window.context.add_cookies([{"name": "pciops-session", "value": value, "url": site.url}])


def failed(person: Person, address: str) -> str:
    """Somebody has just failed to sign in as this person."""
    at = datetime.now(UTC)
    return messages.sign_in(at=at, user_id=person.id, name=person.name, address=address)


def test_the_pages_are_accessible_and_fit_their_window(
    window: Page, site: Site, cloud: Cloud, feed: Feed
) -> None:
    person = cloud.create_operator()
    feed.send(failed(person, "10.2.3.4"), messages.updated(person.id, at=datetime.now(UTC)), "{")
    enter(site, window, person)
    window.goto(f"/activity/?account={person.id}")
    while not window.get_by_text("1 failed sign-in").count():
        window.wait_for_timeout(300)
        window.reload()

    assert_accessible(window)
    assert_fits(window)
    window.goto(f"/accounts/{person.id}/")
    expect(window.get_by_text("1 failed sign-in")).to_be_visible()
    assert_accessible(window)
    assert_fits(window)
    window.goto("/activity/set-aside/")
    window.get_by_text("The last one").first.click()
    assert_accessible(window)
    assert_fits(window)


def test_what_is_new_appears_by_itself_and_is_said(
    browser: Browser, site: Site, cloud: Cloud, feed: Feed
) -> None:
    person = cloud.create_operator()
    feed.send(failed(person, "10.2.3.4"))
    with context_of(browser, site.url) as context:
        window = context.new_page()
        enter(site, window, person)
        window.clock.install()
        window.goto(f"/activity/?account={person.id}&kind=sign_in")
        feed.send(failed(person, "10.9.9.9"))
        news = window.locator("#news")
        for _ in range(20):
            window.clock.run_for(PERIOD)
            window.wait_for_timeout(100)
            if window.get_by_text("10.9.9.9").count():
                break

        expect(window.get_by_text("10.9.9.9")).to_be_visible()
        expect(news).to_contain_text("new line")
        expect(news).to_have_attribute("role", "status")


def test_nothing_moves_under_a_link_that_has_the_focus(
    browser: Browser, site: Site, cloud: Cloud, feed: Feed
) -> None:
    person = cloud.create_operator()
    with context_of(browser, site.url) as context:
        window = context.new_page()
        enter(site, window, person)
        window.clock.install()
        window.goto(f"/activity/?account={person.id}&kind=sign_in")
        window.locator("#live a").first.focus()
        feed.send(failed(person, "10.7.7.7"))
        window.wait_for_timeout(2000)
        window.clock.run_for(2 * PERIOD)
        window.wait_for_timeout(1000)

        expect(window.get_by_text("10.7.7.7")).to_have_count(0)


def test_who_is_signed_out_is_told(browser: Browser, site: Site, cloud: Cloud) -> None:
    person = cloud.create_operator()
    with context_of(browser, site.url) as context:
        window = context.new_page()
        enter(site, window, person)
        window.clock.install()
        window.goto("/activity/")
        context.clear_cookies()
        window.clock.run_for(PERIOD)

        expect(window.locator(".message.warning").last).to_have_text(
            "You are signed out: reload the page."
        )


def test_it_works_without_javascript(
    browser: Browser, site: Site, cloud: Cloud, feed: Feed
) -> None:
    person = cloud.create_operator()
    feed.send(failed(person, "10.2.3.4"))
    with context_of(browser, site.url, java_script_enabled=False) as context:
        window = context.new_page()
        enter(site, window, person)
        window.goto(f"/activity/?account={person.id}&kind=sign_in")
        for _ in range(50):
            if window.get_by_text("10.2.3.4").count():
                break
            window.wait_for_timeout(200)
            window.reload()

        expect(window.get_by_text("10.2.3.4")).to_be_visible()
