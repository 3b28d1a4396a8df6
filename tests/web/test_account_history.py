"""The history on the page of an account: sign-ins, changes, and emails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
from django.test import Client

from pciops.events.models import Outcome
from pciops.keystone.models import User
from tests.events.factories import activity, attempts
from tests.factories import NOW, make_user
from tests.notices.queued import build_notice
from tests.signin.visit import shown

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MINUTE = timedelta(minutes=1)


def text(site: Client, user: User) -> str:
    """Return the page as text."""
    return shown(site.get(f"/accounts/{user.id}/"))


def test_an_empty_history_says_what_would_be_there(site: Client) -> None:
    assert "No events yet. Actions in pciops" in text(site, make_user())


def test_the_history_has_notifications_about_this_account(site: Client) -> None:
    user = make_user()
    attempts(3, user_id=user.id).save()
    activity(user_id=user.id, at=NOW - MINUTE, outcome=Outcome.SUCCESS).save()
    attempts(user_id="another").save()
    page = text(site, user)

    assert "Today, Sunday 22 November ( UTC ) 14:02:11 Failed sign-in ×3 Wrong password" in page
    assert "14:01:11 Account disabled by admin 10.2.3.4" in page
    assert page.count("10.2.3.4") == 2


def test_older_history_is_on_the_next_page(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.web.account_page.TIMELINE_LINES", 1)
    user = make_user()
    attempts(3, user_id=user.id).save()
    activity("updated", user_id=user.id, at=NOW - MINUTE).save()
    first = cast("Any", site.get(f"/accounts/{user.id}/"))
    second = shown(site.get(f"/accounts/{user.id}/{first.context['next']}"))

    assert "Failed sign-in ×3" in shown(first)
    assert "Failed sign-in ×3" not in second
    assert "details not reported" in second


def test_an_invalid_marker_is_refused(site: Client) -> None:
    response = site.get(f"/accounts/{make_user().id}/?marker=x")

    assert response.status_code == 400
    assert "marker:" in shown(response)


def test_notices_to_the_owner_are_listed_with_their_result(site: Client) -> None:
    user = make_user("bob")
    hour_ago = NOW - timedelta(hours=1)
    answer = {"status": "refused", "answer": "550 5.1.1 no such user", "settled_at": hour_ago}
    build_notice(name="bob", user_id=user.id, attempts=1, **answer).save()

    page = text(site, user)

    assert "13:02:11 Email not sent: " in page
    assert "Refused by the mail server · 550 5.1.1 no such user" in page


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("", ["Email not sent: account was locked", "Failed sign-in", "Account disabled"]),
        ("sign-ins", ["Failed sign-in"]),
        ("changes", ["Account disabled"]),
        ("emails", ["Email not sent: account was locked"]),
    ],
)
def test_the_history_can_be_limited_to_a_kind(
    site: Client, history: str, expected: list[str]
) -> None:
    user = make_user()
    attempts(user_id=user.id).save()
    activity(user_id=user.id, at=NOW - MINUTE).save()
    build_notice(user_id=user.id, kind="locked", status="refused").save()
    response = cast("Any", site.get(f"/accounts/{user.id}/?history={history}"))

    assert [line.entry.name for line in response.context["lines"]] == expected
    assert site.get(f"/accounts/{user.id}/?history=x").status_code == 400
