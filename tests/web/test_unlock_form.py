"""The form of the unlock: what it says, and what it does not take."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from pciops.audit.models import Event
from tests.factories import NOW, make_locked_user, make_user
from tests.fake_keystone import Person
from tests.signin.visit import shown, signed_in
from tests.web.unlocking import REASON, failures, form, lock, messages, seen, send, unlock

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


# --- The form -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "sentence",
    [
        "3 failures, the last at 14:02:11 UTC, now.",
        "Cannot sign in: locked until 14:32:11 UTC (30 min from now).",
        "Tokens and application credentials were never stopped by the lock.",
        "Recorded in the trail with your name and address.",
    ],
)
def test_the_form_says_what_the_operator_decides_on(site: Client, sentence: str) -> None:
    user = make_locked_user()

    assert sentence in shown(site.get(f"/accounts/{user.id}/unlock/"))


def test_the_form_warns_that_an_unlock_is_not_enough(site: Client) -> None:
    user = make_locked_user(enabled=False)

    assert "An unlock alone will not let the user in: disabled." in shown(
        site.get(f"/accounts/{user.id}/unlock/")
    )


def test_the_form_tells_of_the_unlock_before(site: Client, clock: time_machine.Traveller) -> None:
    user = make_locked_user()
    unlock(site, user)
    clock.shift(timedelta(minutes=5))
    lock(user, at=NOW + timedelta(minutes=5))

    page = shown(site.get(f"/accounts/{user.id}/unlock/"))

    assert "It was unlocked at 14:02:11 UTC by ada (Default)" in page
    assert "was locked again 5 min later." in page


def test_an_unlock_that_held_for_a_day_is_told_of_as_well(
    site: Client, operator: Person, clock: time_machine.Traveller
) -> None:
    user = make_locked_user()
    unlock(site, user)
    clock.shift(timedelta(hours=25))
    site = signed_in(operator)
    lock(user, at=NOW + timedelta(hours=25))

    assert "It was unlocked before, 1 day ago by ada (Default)" in shown(
        site.get(f"/accounts/{user.id}/unlock/")
    )


@pytest.mark.parametrize(
    "facts", [{}, {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(hours=1)}]
)
def test_the_form_of_an_account_that_is_not_locked_leads_back(
    site: Client, facts: dict[str, Any]
) -> None:
    user = make_user(**facts)
    response = site.get(f"/accounts/{user.id}/unlock/")

    assert response["Location"] == f"/accounts/{user.id}/"
    assert messages(response) == ["The account is not locked: there is nothing to unlock."]


# --- The form is spoiled ------------------------------------------------------------------------
SPOILED = [
    ({"reason": ""}, "Reason: say why, for whoever reads the trail."),
    ({"reason": " \t\n"}, "Reason: say why, for whoever reads the trail."),
    ({"reason": "x" * 1001}, "Reason: at most 1000 characters; this has 1001."),
    ({"reason": "a\0b"}, "Null characters are not allowed."),
    ({"identity": ""}, "Identity: choose how it was confirmed (PCI DSS 8.3.4)."),
    ({"identity": "host"}, "Select a valid choice. host is not one of the available choices."),
    ({"identity": "gut feeling"}, "Select a valid choice."),
    ({"seen": ""}, "This field is required."),
    ({"seen": "three"}, "Open the form again from the account page."),
    ({"seen": "3@yesterday"}, "Open the form again from the account page."),
    ({"seen": "@"}, "Open the form again from the account page."),
    ({"seen": "3@0001-01-01T00:00:00+23:59"}, "Open the form again from the account page."),
    ({"seen": "9" * 65}, "Ensure this value has at most 64 characters"),
]


@pytest.mark.parametrize(("spoiled", "sentence"), SPOILED)
def test_a_spoiled_form_comes_back_with_the_field_named(
    site: Client, spoiled: dict[str, str], sentence: str
) -> None:
    response = unlock(site, make_locked_user(), **spoiled)

    assert response.status_code == 400
    assert sentence in shown(response)


@pytest.mark.parametrize(("spoiled", "sentence"), SPOILED)
def test_a_spoiled_form_changes_nothing(
    site: Client, spoiled: dict[str, str], sentence: str
) -> None:
    user = make_locked_user()
    unlock(site, user, **spoiled)

    assert failures(user) == (3, NOW)
    assert not Event.objects.filter(action="unlock").exists()


def test_a_spoiled_form_keeps_the_reason(site: Client) -> None:
    response = unlock(site, make_locked_user(), identity="")

    assert REASON in shown(response)


def test_a_spoiled_form_keeps_what_the_operator_saw(site: Client) -> None:
    user = make_locked_user()
    fields = form(site, user, reason="")
    lock(user, count=9)

    assert seen(send(site, user, fields)) == fields["seen"]


def test_a_form_without_its_csrf_token_changes_nothing(operator: Person) -> None:
    user = make_locked_user()
    browser = signed_in(operator)
    fields = form(browser, user)
    browser.handler.enforce_csrf_checks = True
    response = send(browser, user, fields)

    assert response.status_code == 403
    assert "came from another site. Nothing was changed." in shown(response)
    assert failures(user) == (3, NOW)
