"""What stands around every page: navigation, alerts, themes, and help."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse

from pciops import __version__
from pciops.accounts.states import STATES
from pciops.events.diagnosis.rules import Cause
from pciops.events.storms import storms
from pciops.web import frame
from pciops.web.templatetags import icons
from tests.events.factories import failure, save_attempts
from tests.factories import NOW, POLICY, make_locked_user
from tests.signin.visit import shown
from tests.web.pages import down

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

TEMPLATES = configured.ROOT / "templates"
NAMED = re.compile(r'\{% icon "([a-z-]+)"')


# --- Icons --------------------------------------------------------------------------------------
def test_every_icon_that_is_used_is_there_and_no_other() -> None:
    used = {name for path in TEMPLATES.rglob("*.html") for name in NAMED.findall(path.read_text())}
    used |= {*icons.STATES.values(), *icons.TONES.values(), *icons.CAUSES.values(), "info", "users"}
    code = "".join(path.read_text() for path in (configured.ROOT / "pciops").rglob("*.py"))
    there = {path.stem for path in (TEMPLATES / "icons").glob("*.svg")}

    assert used <= there
    assert {name for name in there - used if f'"{name}"' not in code} == set()


def test_every_state_and_every_cause_has_an_icon() -> None:
    assert set(icons.STATES) == {state.name for state in STATES}
    assert set(icons.CAUSES) == set(Cause)


def test_no_template_has_signs_instead_of_icons() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.html")}

    assert [str(path) for path, text in texts.items() if re.search("[✓✗⚠▲ℹ◐]", text)] == []


# --- Theme --------------------------------------------------------------------------------------
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_theme_is_kept_until_the_system_decides_again(site: Client, theme: str) -> None:
    response = site.post("/theme/", {"theme": theme, "next": "/policy/?x=1"})

    assert response["Location"] == "/policy/?x=1"
    assert f'<html lang="en" data-theme="{theme}">' in site.get("/").content.decode()
    site.post("/theme/", {"theme": ""})
    assert '<html lang="en">' in site.get("/").content.decode()


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:1", "no route", ""]
)
def test_a_theme_leads_to_no_other_site(site: Client, target: str) -> None:
    assert site.post("/theme/", {"theme": "dark", "next": target})["Location"] == "/"


def test_an_unknown_theme_is_ignored(site: Client) -> None:
    site.cookies[frame.THEME] = '"><script>'

    assert '<html lang="en">' in site.get("/").content.decode()


# --- Alerts -------------------------------------------------------------------------------------
def alerts(site: Client) -> str:
    """Return the text of the menu of alerts."""
    page = site.get("/help/")
    menu = page.content.decode().partition('<div class="menu" id="alerts"')[2]
    page.content = menu.partition("</div>")[0].encode()
    return shown(page)


def test_without_alerts_the_menu_says_so(site: Client) -> None:
    assert "No alerts" in alerts(site)


def test_a_possible_attack_is_an_alert_on_every_page(site: Client, shops: Client) -> None:
    for number in range(12):
        user = make_locked_user(f"user{number:02}", at=NOW - timedelta(minutes=1))
        save_attempts(user.id, [failure(60, "Summer", address="198.51.100.7", count=3)])
    storms.watch(policy=POLICY, now=NOW)

    assert "Possible attack in progress" in alerts(site)
    assert "Possible attack" not in alerts(shops)


def test_alerts_that_cannot_be_read_are_not_known(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with down("default"):
        assert frame.alerts(None, NOW) is None
    monkeypatch.setattr(frame, "alerts", lambda scope, now: None)

    assert "Not known" in alerts(site)
    assert "No alerts" not in alerts(site)


# --- Help and navigation ------------------------------------------------------------------------
def test_the_help_has_states_documents_and_the_version(site: Client) -> None:
    page = shown(site.get("/help/"))

    assert __version__ in page
    assert [state.label for state in STATES if state.label not in page] == []
    for path, _ in frame.DOCUMENTS:
        assert path in page
        assert Path(configured.ROOT / path).is_file()


@pytest.mark.parametrize(
    "name", ["overview", "accounts", "activity", "reports", "policy", "exemptions", "audit"]
)
def test_the_navigation_marks_the_open_page(site: Client, name: str) -> None:
    page = site.get(reverse(name)).content.decode()
    current = re.findall(r'<a class="nav-link" href="([^"?]*)[^"]*" aria-current', page)

    assert current == [reverse(name)]


def test_only_administrators_of_the_cloud_have_the_link_to_the_status(
    site: Client, auditor: Client, shops: Client
) -> None:
    pages = [browser.get("/help/").content.decode() for browser in (site, auditor, shops)]

    assert ['href="/status/"' in page for page in pages] == [True, False, False]


def test_pages_before_the_sign_in_have_no_navigation(client: Client) -> None:
    page = client.get("/signin/").content.decode()

    assert "<nav" not in page
    assert '<body class="alone">' in page
