"""The end of a session: it says why, and the form opens again with what was typed."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client

from pciops.audit.models import Event
from tests.factories import NOW, make_locked_user
from tests.fake_keystone import FakeKeystone
from tests.fake_keystone import fake_keystone as fake_keystone
from tests.signin.visit import Response, shown, sign_in
from tests.signin.visit import clock as clock
from tests.signin.visit import operator as operator
from tests.signin.visit import site as site

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

REASON = "INC-4711 <b>called back</b>"


def send_late(site: Client, clock: time_machine.Traveller, user_id: str) -> Response:
    """Send the unlock form after the session has ended."""
    clock.shift(timedelta(hours=9))
    return site.post(
        f"/accounts/{user_id}/unlock/",
        {"reason": REASON, "identity": "callback", "seen": "3@2026-11-22T14:02:11+00:00"},
    )


def target(response: Response) -> str:
    """Return the page that follows the sign-in."""
    return parse_qs(urlsplit(response["Location"]).query)["next"][0]


def test_a_late_form_says_why_and_opens_again_with_the_reason(
    site: Client, clock: time_machine.Traveller
) -> None:
    user = make_locked_user(at=NOW + timedelta(hours=9))
    response = send_late(site, clock, user.id)
    page = site.get(response["Location"])
    again = sign_in(site, next=target(response))
    opened = site.get(again["Location"])

    assert urlsplit(response["Location"]).path == "/signin/"
    assert "session has ended" in shown(page)
    assert "INC-4711" not in response["Location"]
    assert "INC-4711 &lt;b&gt;called back&lt;/b&gt;" in opened.content.decode()
    assert 'value="callback" selected' not in opened.content.decode()  # to be chosen again
    assert not Event.objects.filter(action="unlock").exists()


@pytest.mark.parametrize("typed", ["x", "", "gAAAA", "é"])
def test_text_that_we_have_not_sealed_is_ignored(site: Client, typed: str) -> None:
    user = make_locked_user()
    page = site.get(f"/accounts/{user.id}/unlock/", {"typed": typed})

    assert page.status_code == 200


def test_a_revoked_token_keeps_the_reason_too(
    site: Client, fake_keystone: FakeKeystone, operator: object
) -> None:
    user = make_locked_user()
    fake_keystone.tokens.clear()
    response = site.post(
        f"/accounts/{user.id}/unlock/",
        {"reason": REASON, "identity": "callback", "seen": "3@2026-11-22T14:02:11+00:00"},
    )
    opened = site.get(sign_in(site, next=target(response))["Location"])

    assert "INC-4711" in opened.content.decode()


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("/reports/2026-W46/again/", "/reports/2026-W46/"),
        ("/notices/sample/locked/", "/notices/preview/locked/"),
        ("/notices/digest/sample/", "/notices/digest/"),
        ("/accounts/unlocks/7/stop/", "/accounts/unlocks/7/"),
        ("/scope/", "/"),
        ("/signout/", "/"),
    ],
)
def test_a_get_of_an_act_leads_to_its_page_and_does_nothing(
    site: Client, url: str, page: str
) -> None:
    response = site.get(url)

    assert (response.status_code, response["Location"]) == (302, page)
    assert site.put(url).status_code == 405
    assert site.get("/").status_code == 200  # still signed in
