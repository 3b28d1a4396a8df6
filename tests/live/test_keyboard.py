"""Keys, reduced motion, and forced colors in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import context_of
from tests.support.cloud import Cloud
from tests.support.site import Site
from tests.support.visitor import Visitor

pytestmark = pytest.mark.browser

MOVING = """[...document.querySelectorAll("*")].filter((element) => {
  const style = getComputedStyle(element);
  return parseFloat(style.transitionDuration) > 0 || parseFloat(style.animationDuration) > 0;
}).length"""


def test_arrow_keys_go_through_the_results_of_a_search(signed_in: Page, cloud: Cloud) -> None:
    first, second = cloud.create_user("arrow-one"), cloud.create_user("arrow-two")
    signed_in.goto("/search/?q=arrow-")
    box = signed_in.get_by_role("searchbox", name="Search")
    expect(box).to_be_focused()

    signed_in.keyboard.press("ArrowDown")
    expect(signed_in.get_by_role("link", name=first.name, exact=True)).to_be_focused()
    signed_in.keyboard.press("ArrowDown")
    expect(signed_in.get_by_role("link", name=second.name, exact=True)).to_be_focused()
    signed_in.keyboard.press("ArrowUp")
    signed_in.keyboard.press("ArrowUp")
    expect(box).to_be_focused()


@pytest.mark.parametrize("name", ["Account menu", "alert"])
def test_escape_closes_a_menu_and_returns_the_focus(signed_in: Page, name: str) -> None:
    signed_in.goto("/status/")
    button = signed_in.locator(".top-tools").get_by_role("button", name=name).first
    button.focus()
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator(".menu:popover-open")).to_have_count(1)
    signed_in.keyboard.press("Escape")

    expect(signed_in.locator(".menu:popover-open")).to_have_count(0)
    expect(button).to_be_focused()


def test_nothing_moves_if_motion_is_reduced_and_forced_colors_mark_the_place(
    browser: Browser, site: Site, visitor: Visitor
) -> None:
    options = {"reduced_motion": "reduce", "forced_colors": "active"}
    with context_of(browser, site.url, session=visitor.session, **options) as context:
        page = context.new_page()
        page.goto("/accounts/?view=all")

        assert page.evaluate(MOVING) == 0
        colors = page.locator(".tabs a").evaluate_all(
            "links => links.map((link) => getComputedStyle(link).borderBottomColor)"
        )
        assert colors.count(colors[-1]) == 1  # the current view is the last one
