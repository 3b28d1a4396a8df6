"""The unlock in the browser: its form, the act, and everything that can come between."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connections
from django.test import Client
from pytest_django import Settings

from tests.actions.acts import delete, read
from tests.factories import NOW, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import shown, signed_in
from tests.web import selecting
from tests.web.unlocking import (
    REASON,
    failures,
    form,
    lock,
    messages,
    seen,
    send,
    unlock,
    unlocks,
)

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


# --- The form -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "Failed attempts 3, last at 14:02",
        "Locked, 30 min left",
        "Failed attempts go from 3 to 0. Nothing else changes.",
        "The audit log keeps your name",
        "Still can't sign in after the unlock: disabled.",
    ],
)
def test_form_shows_the_account_and_the_effects(site: Client, text: str) -> None:
    user = make_locked_user(enabled=False)

    assert text in shown(site.get(f"/accounts/{user.id}/unlock/"))


@pytest.mark.parametrize(
    ("after", "texts"),
    [
        (timedelta(minutes=5), ["locked again 5 min after", "at 14:02 UTC by ada"]),
        (timedelta(hours=25), ["Last unlocked 1 day ago by ada"]),
    ],
)
def test_form_names_the_unlock_before(
    site: Client,
    operator: Person,
    clock: time_machine.Traveller,
    after: timedelta,
    texts: list[str],
) -> None:
    user = make_locked_user()
    unlock(site, user)
    clock.shift(after)
    lock(user, at=NOW + after)
    page = shown(signed_in(operator).get(f"/accounts/{user.id}/unlock/"))

    assert [text for text in texts if text not in page] == []


@pytest.mark.parametrize(
    "facts", [{}, {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(hours=1)}]
)
def test_form_of_an_account_that_is_not_locked_redirects(
    site: Client, facts: dict[str, Any]
) -> None:
    user = make_user(**facts)
    response = site.get(f"/accounts/{user.id}/unlock/")

    assert response["Location"] == f"/accounts/{user.id}/"
    assert "not locked" in messages(response)[0]


@pytest.mark.parametrize(
    ("spoiled", "text"),
    [
        ({"reason": ""}, "Enter a reason"),
        ({"reason": " \t\n"}, "Enter a reason"),
        ({"reason": "x" * 1001}, "Enter at most 1000 characters; this has 1001."),
        ({"reason": "a\0b"}, "Null characters are not allowed."),
        ({"identity": ""}, "Choose how you confirmed"),
        ({"identity": "host"}, "Select a valid choice. host is not"),
        ({"identity": "gut feeling"}, "Select a valid choice."),
        ({"seen": ""}, "Open the form again"),
        ({"seen": "three"}, "Open the form again"),
        ({"seen": "3@yesterday"}, "Open the form again"),
        ({"seen": "@"}, "Open the form again"),
        ({"seen": "3@0001-01-01T00:00:00+23:59"}, "Open the form again"),
        ({"seen": "9" * 65}, "Open the form again"),
    ],
)
def test_invalid_form_comes_back_and_changes_nothing(
    site: Client, spoiled: dict[str, str], text: str
) -> None:
    user = make_locked_user()
    fields = form(site, user, **spoiled)
    lock(user, count=9)
    response = send(site, user, fields)
    [name] = spoiled

    assert response.status_code == 400
    assert response.context["form"].errors.keys() == {name}
    assert text in shown(response)
    assert name == "seen" or seen(response) == fields["seen"]
    assert name == "reason" or REASON in shown(response)
    assert failures(user) == (9, NOW)
    assert not unlocks().exists()


def test_form_without_its_csrf_token_changes_nothing(operator: Person) -> None:
    user = make_locked_user()
    browser = signed_in(operator)
    fields = form(browser, user)
    browser.handler.enforce_csrf_checks = True
    response = send(browser, user, fields)

    assert response.status_code == 403
    assert "came from another site" in shown(response)
    assert failures(user) == (3, NOW)


# --- Done ---------------------------------------------------------------------------------------
def test_unlock_leads_to_the_account_page_with_one_message(site: Client) -> None:
    user, other = make_locked_user(), make_locked_user("ben")
    response = unlock(site, user)
    assert (response.status_code, response["Location"]) == (302, f"/accounts/{user.id}/")
    assert (failures(user), failures(other)) == ((0, None), (3, NOW))

    pages = [site.get(response["Location"]) for _ in range(2)]
    message = "<bdi>ann</bdi> (<bdi>Default</bdi>) is unlocked."
    assert [message in page.content.decode() for page in pages] == [True, False]
    assert f"Unlocked by ada {REASON}" in shown(pages[0])


def test_unlock_is_one_row_in_the_audit_log(site: Client, operator: Person) -> None:
    user = make_locked_user()
    fields = form(site, user)
    send(site, user, fields, REMOTE_ADDR="192.0.2.7", headers={"User-Agent": "x" * 5000})

    expected = {
        "action": "unlock",
        "outcome": "success",
        "via": "page",
        "initiator_type": "keystone",
        "initiator_id": operator.id,
        "initiator_name": "ada",
        "initiator_domain_name": "Default",
        "initiator_address": "192.0.2.7",
        "initiator_agent": "x" * 255,
        "target_id": user.id,
        "target_name": "ann",
        "target_domain_name": "Default",
        "reason": REASON,
        "identity": "callback",
        "precondition": "3@2026-11-22T14:02:11+00:00",
        "event_time": NOW,
        "settled_at": NOW,
    }
    assert unlocks().values(*expected).get() == expected


@pytest.mark.parametrize(
    "fields",
    [
        *(
            {"identity": identity}
            for identity in ("callback", "in_person", "manager", "ticket", "service_account")
        ),
        {"reason": "ä" * 1000},
    ],
)
def test_identity_and_reason_are_kept(site: Client, fields: dict[str, str]) -> None:
    unlock(site, make_locked_user(), **fields)

    assert unlocks().values(*fields).get() == fields


def test_reason_without_a_ticket_comes_back_with_the_pattern(
    site: Client, settings: Settings
) -> None:
    settings.TICKET_PATTERN = re.compile("CHG-[0-9]+")
    user = make_locked_user()
    response = send(site, user, form(site, user))

    assert response.status_code == 400
    assert "Enter the ticket" in response.context["form"].errors["reason"][0]
    assert "Ticket (CHG-[0-9]+) and cause" in shown(response)
    assert REASON in shown(response)
    assert not unlocks().exists()


def test_reason_of_several_unlocks_without_a_ticket_comes_back(
    site: Client, settings: Settings
) -> None:
    settings.TICKET_PATTERN = re.compile("CHG-[0-9]+")
    response = site.post(selecting.ADDRESS, selecting.form(site, make_locked_user()))

    assert response.status_code == 400
    assert "Enter the ticket" in response.context["form"].errors["reason"][0]
    assert not unlocks().exists()


def test_lock_without_a_time_can_be_unlocked(site: Client) -> None:
    user = make_user(failed_auth_count=5, failed_auth_at=None)
    unlock(site, user)

    assert failures(user) == (0, None)


def test_domain_operator_unlocks_in_the_domain(fake_keystone: FakeKeystone) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    user = make_locked_user(domain_id="shops")
    unlock(signed_in(keeper), user)

    assert failures(user) == (0, None)


# --- Conflicts ----------------------------------------------------------------------------------
def test_second_operator_is_told_who_was_first(
    site: Client, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    user = make_locked_user()
    fields = form(site, user)
    unlock(signed_in(fake_keystone.person("bob")), user)
    clock.shift(timedelta(seconds=30))
    [message] = messages(send(site, user, fields))

    assert "bob (Default) unlocked it on 22 Nov 2026, 14:02:11 UTC." in message
    assert set(unlocks().values_list("initiator_name", "outcome")) == {
        ("ada", "failure"),
        ("bob", "success"),
    }


def test_lock_that_was_cleared_since_is_a_message(site: Client) -> None:
    user = make_locked_user()
    fields = form(site, user)
    lock(user, count=0, at=None)

    assert "A sign-in or another tool" in messages(send(site, user, fields))[0]


def test_lock_that_has_lapsed_since_is_a_message(
    site: Client, clock: time_machine.Traveller
) -> None:
    user = make_locked_user(at=NOW - timedelta(minutes=29))
    fields = form(site, user)
    clock.shift(timedelta(minutes=2))

    assert "already ended" in messages(send(site, user, fields))[0]
    assert failures(user)[0] == 3


def test_account_that_was_locked_again_gets_a_fresh_form_that_unlocks(site: Client) -> None:
    user = make_locked_user(at=NOW - timedelta(minutes=5))
    fields = form(site, user)
    lock(user, count=4, at=NOW)
    response = send(site, user, fields)

    assert response.status_code == 409
    assert "locked again" in shown(response)
    assert REASON in shown(response)
    assert seen(response) == "4@2026-11-22T14:02:11+00:00"
    assert failures(user) == (4, NOW)

    send(site, user, {**fields, "seen": seen(response)})
    assert failures(user) == (0, None)


def test_account_that_was_deleted_since_is_not_found(site: Client) -> None:
    user = make_locked_user()
    fields = form(site, user)
    delete(read(user.id))

    assert send(site, user, fields).status_code == 404


# --- Rights that Keystone does not confirm ------------------------------------------------------
@pytest.mark.parametrize("roles", [{"reader"}, set()])
def test_operator_who_lost_the_role_is_signed_out(
    site: Client, operator: Person, roles: set[str]
) -> None:
    user = make_locked_user()
    fields = form(site, user)
    operator.roles["system"] = roles
    response = send(site, user, fields)

    assert response["Location"].startswith(
        f"/signin/?next=%2Faccounts%2F{user.id}%2Funlock%2F%3Ftyped"
    )
    assert "_auth_user_id" not in site.session
    assert "lost its role" in shown(site.get(response["Location"]))
    assert failures(user) == (3, NOW)
    refused = unlocks().get()
    assert (refused.outcome, refused.target_id) == ("failure", "")
    assert "lost its role" in refused.remark


def test_operator_whose_token_was_revoked_is_signed_out(
    site: Client, operator: Person, fake_keystone: FakeKeystone
) -> None:
    user = make_locked_user()
    fields = form(site, user)
    fake_keystone.revoke(operator)
    response = send(site, user, fields)

    assert response["Location"].startswith("/signin/")
    assert failures(user) == (3, NOW)


@pytest.mark.parametrize("altered", [{"token": "gAAAAA forged"}, {"domain_id": "shops"}])
def test_altered_session_is_signed_out(site: Client, altered: dict[str, str]) -> None:
    user = make_locked_user(domain_id="shops")
    fields = form(site, user)
    session = site.session
    session["keystone"] = [{**session["keystone"][0], **altered}]
    session.save()
    response = send(site, user, fields)

    assert response["Location"].startswith("/signin/")
    assert failures(user) == (3, NOW)


def test_outage_of_keystone_changes_nothing(site: Client, fake_keystone: FakeKeystone) -> None:
    user = make_locked_user()
    fields = form(site, user)
    fake_keystone.fail(500)
    response = send(site, user, fields)

    assert response.status_code == 503
    assert "can't confirm your rights: it answered HTTP 500" in shown(response)
    assert "pciops unlock" in shown(response)
    assert REASON in shown(response)
    assert failures(user) == (3, NOW)
    assert not unlocks().exists()


def test_refusal_of_the_database_is_shown(site: Client) -> None:
    user = make_locked_user()
    fields = form(site, user)

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise DatabaseError(1142, "UPDATE command denied to user 'pciops'")
        context["connection"].needs_rollback = False  # only tests have a transaction around it
        return execute(sql, params, many, context)

    with connections["keystone"].execute_wrapper(refuse):
        response = send(site, user, fields)

    assert response.status_code == 503
    assert "UPDATE command denied to user 'pciops'. Nothing was changed" in shown(response)
