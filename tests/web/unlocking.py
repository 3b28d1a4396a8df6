"""The unlock form, opened, filled in and sent as a browser does."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.messages import get_messages
from django.test import Client

from pciops.audit.models import Event, EventQuerySet
from pciops.keystone.models import LocalUser, User
from tests.factories import NOW
from tests.signin.visit import Response

REASON = "INC-4711: forgot it after the holidays"


def unlocks() -> EventQuerySet:
    """Return the unlocks in the audit log."""
    return Event.objects.filter(action="unlock")


def failures(user: User) -> tuple[int | None, object]:
    """Return the two columns that make a lock."""
    return LocalUser.objects.values_list("failed_auth_count", "failed_auth_at").get(user=user)


def lock(user: User, count: int = 3, at: object = NOW) -> None:
    """Write the two columns as failed sign-ins do."""
    rows = LocalUser.objects.using("keystone").filter(user=user)
    rows.update(failed_auth_count=count, failed_auth_at=at)


def seen(response: Response) -> str:
    """Return the precondition in the hidden field of the form."""
    match = re.search(r'name="seen" value="([^"]*)"', response.content.decode())
    assert match
    return match[1]


def form(browser: Client, user: User, **spoiled: str) -> dict[str, str]:
    """Open the form, and return its fields, apart from those that a test spoils."""
    page = browser.get(f"/accounts/{user.id}/unlock/")
    return {"reason": REASON, "identity": "callback", "seen": seen(page), **spoiled}


def send(browser: Client, user: User, fields: dict[str, str], **more: Any) -> Response:
    """Send the form."""
    return browser.post(f"/accounts/{user.id}/unlock/", fields, **more)


def unlock(browser: Client, user: User, **spoiled: str) -> Response:
    """Open the form, fill it in and send it."""
    return send(browser, user, form(browser, user, **spoiled))


def messages(response: Response) -> list[str]:
    """Return the messages for the next page."""
    return [str(message) for message in get_messages(response.wsgi_request)]
