"""Rows of the locked list, selected and sent as a browser does it."""

from __future__ import annotations

import html
import re
from typing import Any

from django.test import Client

from pciops.keystone.models import User
from tests.signin.visit import Response
from tests.web.unlocking import REASON

ADDRESS = "/accounts/unlock/?state=locked"


def values(response: Response) -> list[str]:
    """What the rows or the hidden fields of a page would send, in order."""
    found = re.findall(r'name="account" value="([^"]*)"', response.content.decode())
    return [html.unescape(value) for value in found]


def selection(browser: Client, *users: User) -> list[str]:
    """The values of these users' rows in the list."""
    rows = {value.split()[0]: value for value in values(browser.get("/accounts/?state=locked"))}
    return [rows[user.id] for user in users]


def select(browser: Client, *users: User) -> Response:
    """Select their rows and press the button: the form."""
    return browser.post(ADDRESS, {"account": selection(browser, *users)})


def form(browser: Client, *users: User, **spoiled: Any) -> dict[str, Any]:
    """The form, opened and filled in; apart from what a test spoils."""
    accounts = values(select(browser, *users))
    return {"reason": REASON, "identity": "callback", "account": accounts, **spoiled}


def order(browser: Client, fields: dict[str, Any], address: str = ADDRESS) -> Response:
    """Send the form: the answer leads to the page that unlocks."""
    return browser.post(address, fields)


def unlock(browser: Client, *users: User, **spoiled: Any) -> Response:
    """Select, fill in, send, and look at the page that unlocks."""
    return carried_out(browser, form(browser, *users, **spoiled))


def carried_out(browser: Client, fields: dict[str, Any]) -> Response:
    """Send the form, and look at the page that unlocks; the answer, where it leads to none."""
    response = order(browser, fields)
    if response.status_code == 302:
        address = response["Location"]
        response = browser.get(address)
        while "Refresh" in response:  # a step is over, and some are left
            response = browser.get(address)
    return response
