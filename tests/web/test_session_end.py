"""The end of the session, as pages and their script know it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from pciops.signin.models import StoredSession
from tests.factories import NOW
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

PATH = "/sessions/current/"
BY_ITSELF = {"X-By-Itself": "1"}


def left(browser: Client, **headers: Any) -> dict[str, Any]:
    session: dict[str, Any] = browser.get(PATH, headers=headers).json()["session"]
    return session


def test_page_says_when_the_session_ends(site: Client) -> None:
    page = site.get("/status/")

    assert 'data-seconds="900" data-movable' in page.content.decode()
    assert "Session ends at 14:17 UTC if idle" in shown(page)


def test_asking_by_itself_does_not_move_the_end(
    site: Client, clock: time_machine.Traveller
) -> None:
    site.get("/status/")
    ends = StoredSession.objects.get().expire_date
    clock.shift(timedelta(minutes=13))

    assert left(site, **BY_ITSELF) == {
        "ends_at": "2026-11-22T14:17:11Z",
        "seconds": 120,
        "movable": True,
    }
    assert StoredSession.objects.get().expire_date == ends


def test_staying_signed_in_moves_the_end(site: Client, clock: time_machine.Traveller) -> None:
    site.get("/status/")
    clock.shift(timedelta(minutes=13))

    assert left(site)["seconds"] == 900
    assert StoredSession.objects.get().expire_date == NOW + timedelta(minutes=28)


def test_the_end_of_the_token_cannot_be_moved(
    operator: Person, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    browser = signed_in(operator)
    scopes = (session := browser.session)["keystone"]
    scopes[0]["expires_at"] = (NOW + timedelta(minutes=5)).isoformat()
    session["keystone"] = scopes
    session.save()

    assert left(browser) == {"ends_at": "2026-11-22T14:07:11Z", "seconds": 300, "movable": False}
    assert "data-movable" not in browser.get("/status/").content.decode()


def test_after_the_end_there_is_nothing_to_keep(
    site: Client, clock: time_machine.Traveller
) -> None:
    clock.shift(timedelta(minutes=16))

    assert site.get(PATH, headers=BY_ITSELF).status_code == 401
