"""A lockout storm on the overview, and what was changed past pciops on the page of an account."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.test import Client

from pciops.events.models import OutOfBandChange
from pciops.events.storms import storms
from tests.events.factories import failure, save_attempts
from tests.factories import NOW, POLICY, grant, make_locked_user, make_project, make_user
from tests.signin.visit import shown

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MINUTE = timedelta(minutes=1)


def blow(address: str = "198.51.100.7") -> None:
    """Twelve accounts are locked by one address, an administrator among them."""
    for number in range(12):
        user = make_locked_user(f"user{number:02}", at=NOW - MINUTE)
        save_attempts(user.id, [failure(60, "Summer", address=address, count=3)])
        if number == 7:
            grant(user, "admin", on=make_project("ops"))
    storms.watch(policy=POLICY, now=NOW)


def test_the_overview_begins_with_a_storm(site: Client) -> None:
    blow()
    page = shown(site.get("/"))

    assert "Lockout storm: 12 accounts locked" in page
    assert "Block before Keystone , if you know them not to be yours: 198.51.100.7" in page
    assert "Administrators and service accounts that it locked: user07" in page


def test_without_a_storm_the_overview_has_no_word_of_it(site: Client) -> None:
    assert "storm" not in shown(site.get("/"))


def test_what_strangers_call_an_address_is_text(site: Client) -> None:
    blow("<script>alert(1)</script>")

    assert "<script>alert" not in site.get("/").content.decode()


def test_what_was_changed_past_pciops_stands_on_the_account_page(site: Client) -> None:
    user = make_user()
    OutOfBandChange.objects.create(
        dedup_key=uuid.uuid4(),
        kind="activity",
        user_id=user.id,
        name="ann",
        before="last active on 6 May 2026",
        after="last active on 22 Nov 2026",
        checked_at=NOW - timedelta(hours=1),
        found_at=NOW,
    )
    page = shown(site.get(f"/accounts/{user.id}/"))

    assert "Last activity changed elsewhere." in page
    assert "Last active on 6 May 2026 when it was looked at before, at 13:02:11 UTC" in page


def test_what_was_changed_past_pciops_stands_above_the_activity(site: Client) -> None:
    OutOfBandChange.objects.create(
        dedup_key=uuid.uuid4(),
        kind="unlock",
        user_id=make_user("<b>bob").id,
        name="<b>bob",
        before="locked after 3 failures",
        after="0 failures",
        checked_at=NOW - MINUTE,
        found_at=NOW,
    )
    page = site.get("/activity/")

    assert "Changed past pciops in the last 7 days" in shown(page)
    assert "<b>bob" not in page.content.decode()
