"""Every page in a real browser from 320 to 1920 px: no sideways scrolling, and nothing overlaps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import context_of
from tests.support.cloud import Cloud
from tests.support.site import Site
from tests.support.visitor import Visitor

pytestmark = pytest.mark.browser

WIDTHS = (320, 360, 480, 640, 719, 720, 800, 960, 1024, 1199, 1200, 1440, 1680, 1920)
LISTS = ("view=attention", "view=blocked", "view=soon", "view=exempt", "state=locked", "")
PAGES = (
    "/",
    *(f"/accounts/?{query}" for query in LISTS),
    *("/activity/", "/reports/", "/policy/", "/policy/?lockout_failure_attempts=1", "/exemptions/"),
    *("/audit/", "/notices/", "/status/", "/sessions/", "/help/", "/search/?q=a", "/search/"),
    *("/nowhere/", "/unlock-requests/", "/notices/digest/", "/notices/preview/locked/"),
    *("/activity/set-aside/",),
)
# Links, buttons and fields of which one covers more than a quarter of the other; and the width.
FAULTS = """() => {
  const shown = [...document.querySelectorAll("a, button, input, select, summary, textarea")]
    .filter((one) => one.checkVisibility({visibilityProperty: true}) && !one.matches(".skip"))
    .filter((one) => !one.closest(".bulk, .top, .nav, .sr"))
    .map((one) => [one, one.getBoundingClientRect()])
    .filter(([, box]) => box.width > 1 && box.height > 1);
  const name = (one) => `${one.tagName} “${one.textContent.trim().slice(0, 40)}”`;
  const faults = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push(`${root.scrollWidth} px wide`);
  shown.forEach(([one, a], index) => {
    for (const [other, b] of shown.slice(index + 1)) {
      if (one.contains(other) || other.contains(one)) continue;
      const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      const least = Math.min(a.width * a.height, b.width * b.height);
      if (x > 0 && y > 0 && x * y > least / 4) faults.push(`${name(one)} on ${name(other)}`);
    }
  });
  return faults;
}"""


@pytest.fixture
def walker(browser: Browser, site: Site, visitor: Visitor) -> Iterator[Page]:
    """A window that every page is opened in."""
    with context_of(browser, site.url, session=visitor.session) as context:
        yield context.new_page()


def test_no_page_scrolls_sideways_and_nothing_overlaps_at_any_width(
    walker: Page, site: Site, cloud: Cloud
) -> None:
    locked = cloud.create_locked("W" * 120)
    cloud.create_user("exempt", options={"ignore_lockout_failure_attempts": True})
    assert site.manage("census").code == 0
    account = [f"/accounts/{locked.id}/{act}" for act in ("", "unlock/", "disable/")]
    faults = []
    for url in (*PAGES, *account):
        walker.goto(url)
        for width in WIDTHS:
            walker.set_viewport_size({"width": width, "height": 900})
            faults += [f"{url} at {width}: {fault}" for fault in walker.evaluate(FAULTS)]

    assert not faults, "\n".join(faults)


def test_paper_has_the_table_without_what_only_a_screen_needs(walker: Page) -> None:
    walker.goto("/audit/")
    walker.emulate_media(media="print")

    for hidden in (".nav", ".top", ".filters", ".page-actions"):
        assert not walker.locator(hidden).first.is_visible(), hidden
    head = walker.locator(".table thead").first
    assert head.evaluate("head => getComputedStyle(head).display") == "table-header-group"


def test_the_navigation_is_a_sheet_on_a_phone_and_menus_close_with_escape(walker: Page) -> None:
    walker.set_viewport_size({"width": 360, "height": 740})
    walker.goto("/help/")
    navigation = walker.get_by_role("navigation", name="Main")
    assert not navigation.is_visible()

    walker.get_by_role("button", name="Menu", exact=True).click()
    assert navigation.is_visible()
    walker.keyboard.press("Escape")
    assert not navigation.is_visible()
    walker.get_by_role("button", name="Account menu").click()
    assert walker.get_by_role("button", name="Sign out").is_visible()
    walker.mouse.click(20, 700)
    assert not walker.get_by_role("button", name="Sign out").is_visible()


def test_a_slash_focuses_the_search(walker: Page) -> None:
    walker.goto("/help/")
    walker.keyboard.press("/")
    walker.keyboard.type("polic")
    walker.keyboard.press("Enter")

    walker.get_by_role("main").get_by_role("link", name="Policy").click()
    assert walker.url.endswith("/policy/")
