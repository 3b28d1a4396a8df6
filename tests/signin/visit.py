"""Browsers of operators: they sign in, and read the text of pages."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client

from pciops.lib import outages
from tests.factories import NOW
from tests.fake_keystone import DOMAINS, FakeKeystone, Person

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

    Response = _MonkeyPatchedWSGIResponse
else:
    from django.http import HttpResponse as Response

ANY_TAG = re.compile(r"<[^>]*>")


def sign_in(
    client: Client,
    name: str = "ada",
    password: str = "right horse",
    domain: str = "Default",
    **more: Any,
) -> Response:
    """Send the sign-in form.

    Args:
        more: the field `next`, or headers and META of the client.
    """
    fields = {"name": name, "password": password, "domain": domain}
    fields |= {key: more.pop(key) for key in ("next",) if key in more}
    return client.post("/signin/", fields, **more)


def signed_in(person: Person, **defaults: Any) -> Client:
    """Return a new browser in which this person has signed in."""
    browser = Client(**defaults)
    response = sign_in(browser, person.name, person.password, DOMAINS[person.domain_id])
    if response.status_code != 302:
        raise AssertionError(shown(response))
    return browser


def shown(response: Response) -> str:
    """Return the text of a page without tags, with one space between words."""
    return " ".join(html.unescape(ANY_TAG.sub(" ", response.content.decode())).split())


def session_key(browser: Client) -> str:
    """Return the id of the session in the browser's cookie."""
    return browser.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands at NOW until a test moves it."""
    outages._noted.clear()  # rows that an earlier test noted are gone
    with time_machine.travel(NOW, tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def operator(fake_keystone: FakeKeystone) -> Person:
    """Ada, an administrator of the whole cloud."""
    return fake_keystone.person()


@pytest.fixture
def site(clock: time_machine.Traveller, operator: Person) -> Client:
    """A browser in which Ada has signed in."""
    return signed_in(operator)
