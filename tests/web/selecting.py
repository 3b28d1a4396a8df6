"""Rows of the locked list, selected and sent as a browser does."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from pciops.keystone.models import User
from tests.factories import make_locked_user
from tests.signin.visit import Response
from tests.web.unlocking import REASON, failures

ADDRESS = "/accounts/unlock/?state=locked"


def values(response: Response) -> list[str]:
    """Return the values of the rows or the hidden fields of a page, in order."""
    values = re.findall(r'name="account" value="([^"]*)"', response.content.decode())
    return [html.unescape(value) for value in values]


def selection(browser: Client, *users: User) -> list[str]:
    """Return the values of these users' rows in the list."""
    rows = {value.split()[0]: value for value in values(browser.get("/accounts/?state=locked"))}
    return [rows[user.id] for user in users]


def select(browser: Client, *users: User) -> Response:
    """Select their rows, and return the form."""
    return browser.post(ADDRESS, {"account": selection(browser, *users)})


def form(browser: Client, *users: User, **spoiled: Any) -> dict[str, Any]:
    """Open the form, and return its fields, apart from those that a test spoils."""
    accounts = values(select(browser, *users))
    return {"reason": REASON, "identity": "callback", "account": accounts, **spoiled}


def send(browser: Client, fields: dict[str, Any], address: str = ADDRESS) -> Response:
    """Send the form; the response redirects to the page that unlocks."""
    return browser.post(address, fields)


def finished(browser: Client, fields: dict[str, Any]) -> Response:
    """Send the form, and load the page that unlocks until it is done."""
    response = send(browser, fields)
    if response.status_code == 302:
        address = response["Location"]
        response = browser.get(address)
        while "Refresh" in response:
            response = browser.get(address)
    return response


@pytest.fixture
def three() -> list[User]:
    """Ann, Ben and Cat, who are locked."""
    return [make_locked_user(name) for name in ("ann", "ben", "cat")]


def locked(users: list[User]) -> list[str]:
    """Return the names of the users who still have failures."""
    return [user.local_user.name for user in users if failures(user) != (0, None)]
