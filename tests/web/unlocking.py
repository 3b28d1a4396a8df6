"""The unlock form, opened, filled in and sent as a browser does it."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.messages import get_messages
from django.test import Client

from pciops.keystone.models import LocalUser, User
from tests.factories import NOW
from tests.signin.visit import Response

REASON = "INC-4711: forgot it after the holidays"


def failures(user: User) -> tuple[int | None, object]:
    """The two columns that make a lock, as they are now."""
    return LocalUser.objects.values_list("failed_auth_count", "failed_auth_at").get(user=user)


def lock(user: User, count: int = 3, at: object = NOW) -> None:
    """What failed sign-ins at Keystone leave behind."""
    rows = LocalUser.objects.using("keystone").filter(user=user)
    rows.update(failed_auth_count=count, failed_auth_at=at)


def seen(response: Response) -> str:
    """The hidden field of the form: what the operator looks at."""
    found = re.search(r'name="seen" value="([^"]*)"', response.content.decode())
    assert found
    return found[1]


def form(browser: Client, user: User, **spoiled: str) -> dict[str, str]:
    """The form, opened and filled in; apart from what a test spoils."""
    page = browser.get(f"/accounts/{user.id}/unlock/")
    return {"reason": REASON, "identity": "callback", "seen": seen(page), **spoiled}


def send(browser: Client, user: User, fields: dict[str, str], **more: Any) -> Response:
    """Send the form."""
    return browser.post(f"/accounts/{user.id}/unlock/", fields, **more)


def unlock(browser: Client, user: User, **spoiled: str) -> Response:
    """Open the form, fill it in and send it."""
    return send(browser, user, form(browser, user, **spoiled))


def messages(response: Response) -> list[str]:
    """What is said on the page after this answer."""
    return [str(message) for message in get_messages(response.wsgi_request)]
