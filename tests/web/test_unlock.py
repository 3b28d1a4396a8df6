"""The unlock in the browser: the act, and everything that can come between."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connections
from django.test import Client

from pciops.audit.models import Event
from tests.factories import NOW, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import shown, signed_in
from tests.web.unlocking import REASON, failures, form, lock, messages, seen, send, unlock

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


# --- It works -----------------------------------------------------------------------------------
def test_an_unlock_clears_both_columns(site: Client) -> None:
    user = make_locked_user()
    unlock(site, user)

    assert failures(user) == (0, None)


def test_an_unlock_leads_to_the_page_of_the_account(site: Client) -> None:
    user = make_locked_user()
    response = unlock(site, user)

    assert (response.status_code, response["Location"]) == (302, f"/accounts/{user.id}/")


def test_an_unlock_is_said(site: Client) -> None:
    user = make_locked_user()
    unlock(site, user)

    assert "<bdi>ann</bdi> (<bdi>Default</bdi>) is unlocked." in (
        site.get(f"/accounts/{user.id}/").content.decode()
    )


def test_an_unlock_is_said_once(site: Client) -> None:
    user = make_locked_user()
    unlock(site, user)
    site.get(f"/accounts/{user.id}/")

    assert "is unlocked." not in shown(site.get(f"/accounts/{user.id}/"))


def test_an_unlock_leaves_the_accounts_of_others_alone(site: Client) -> None:
    other = make_locked_user("ben")
    unlock(site, make_locked_user())

    assert failures(other) == (3, NOW)


def test_an_unlock_is_one_row_in_the_trail(site: Client, operator: Person) -> None:
    user = make_locked_user()
    fields = form(site, user)
    send(site, user, fields, REMOTE_ADDR="192.0.2.7", headers={"User-Agent": "Browser/1"})

    assert Event.objects.filter(action="unlock").values(
        "action",
        "outcome",
        "via",
        "initiator_type",
        "initiator_id",
        "initiator_name",
        "initiator_domain_name",
        "initiator_address",
        "initiator_agent",
        "target_id",
        "target_name",
        "target_domain_name",
        "reason",
        "identity",
        "precondition",
        "event_time",
        "settled_at",
    ).get() == {
        "action": "unlock",
        "outcome": "success",
        "via": "page",
        "initiator_type": "keystone",
        "initiator_id": operator.id,
        "initiator_name": "ada",
        "initiator_domain_name": "Default",
        "initiator_address": "192.0.2.7",
        "initiator_agent": "Browser/1",
        "target_id": user.id,
        "target_name": "ann",
        "target_domain_name": "Default",
        "reason": REASON,
        "identity": "callback",
        "precondition": "3@2026-11-22T14:02:11+00:00",
        "event_time": NOW,
        "settled_at": NOW,
    }


def test_the_trail_is_on_the_page_of_the_account(site: Client) -> None:
    user = make_locked_user()
    unlock(site, user)

    assert f"Unlocked by ada (Default) from 127.0.0.1 (web page): “ {REASON} ”" in shown(
        site.get(f"/accounts/{user.id}/")
    )


def test_an_agent_of_any_length_fits_the_trail(site: Client) -> None:
    user = make_locked_user()
    fields = form(site, user)
    send(site, user, fields, headers={"User-Agent": "x" * 5000})

    assert len(Event.objects.filter(action="unlock").get().initiator_agent) == 255


@pytest.mark.parametrize(
    "identity", ["callback", "in_person", "manager", "ticket", "service_account"]
)
def test_each_way_to_confirm_an_identity_can_be_chosen(site: Client, identity: str) -> None:
    unlock(site, make_locked_user(), identity=identity)

    assert Event.objects.filter(action="unlock").get().identity == identity


def test_a_lock_without_an_instant_can_be_unlocked(site: Client) -> None:
    user = make_user(failed_auth_count=5, failed_auth_at=None)
    unlock(site, user)

    assert failures(user) == (0, None)


def test_a_reason_of_the_longest_kind_is_kept_whole(site: Client) -> None:
    unlock(site, make_locked_user(), reason="ä" * 1000)

    assert Event.objects.filter(action="unlock").get().reason == "ä" * 1000


def test_a_domain_operator_unlocks_in_their_domain(fake_keystone: FakeKeystone) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    user = make_locked_user(domain_id="shops")
    unlock(signed_in(keeper), user)

    assert failures(user) == (0, None)


# --- Somebody or something was first ------------------------------------------------------------
def test_who_is_second_is_told_who_was_first(
    site: Client, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    user = make_locked_user()
    fields = form(site, user)
    unlock(signed_in(fake_keystone.person("bob")), user)
    clock.shift(timedelta(seconds=30))
    response = send(site, user, fields)

    assert messages(response) == [
        "The account is not locked. bob (Default) unlocked it on 22 Nov 2026, 14:02:11 UTC."
    ]


def test_who_is_second_is_in_the_trail_as_a_failure(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    user = make_locked_user()
    fields = form(site, user)
    unlock(signed_in(fake_keystone.person("bob")), user)
    send(site, user, fields)

    assert set(Event.objects.filter(action="unlock").values_list("initiator_name", "outcome")) == {
        ("ada", "failure"),
        ("bob", "success"),
    }


def test_a_sign_in_that_was_first_is_supposed(site: Client) -> None:
    user = make_locked_user()
    fields = form(site, user)
    lock(user, count=0, at=None)

    assert messages(send(site, user, fields)) == [
        "The account is not locked. A sign-in or another tool has cleared its failures."
    ]


def test_a_lock_that_has_lapsed_since_is_left_alone(
    site: Client, clock: time_machine.Traveller
) -> None:
    user = make_locked_user(at=NOW - timedelta(minutes=29))
    fields = form(site, user)
    clock.shift(timedelta(minutes=2))

    assert messages(send(site, user, fields)) == [
        "The lock has run out by itself. Nothing was changed."
    ]


def test_an_account_that_was_locked_again_is_not_unlocked(site: Client) -> None:
    user = make_locked_user(at=NOW - timedelta(minutes=5))
    fields = form(site, user)
    lock(user, count=4, at=NOW)
    response = send(site, user, fields)

    assert response.status_code == 409
    assert failures(user) == (4, NOW)


def test_an_account_that_was_locked_again_gets_a_fresh_form(site: Client) -> None:
    user = make_locked_user(at=NOW - timedelta(minutes=5))
    fields = form(site, user)
    lock(user, count=4, at=NOW)
    response = send(site, user, fields)

    assert "The account was locked again after you opened the form." in shown(response)
    assert REASON in shown(response)
    assert seen(response) == "4@2026-11-22T14:02:11+00:00"


def test_the_fresh_form_unlocks(site: Client) -> None:
    user = make_locked_user(at=NOW - timedelta(minutes=5))
    fields = form(site, user)
    lock(user, count=4, at=NOW)
    again = send(site, user, fields)
    send(site, user, {**fields, "seen": seen(again)})

    assert failures(user) == (0, None)


def test_an_account_that_was_deleted_since_is_not_found(site: Client) -> None:
    user = make_locked_user()
    fields = form(site, user)
    with connections["keystone"].cursor() as cursor:
        for table in ("password", "local_user", "user"):
            cursor.execute(f"DELETE FROM {table}")

    assert send(site, user, fields).status_code == 404


# --- Keystone has the last word -----------------------------------------------------------------
def test_who_has_lost_the_role_since_changes_nothing(site: Client, operator: Person) -> None:
    user = make_locked_user()
    fields = form(site, user)
    operator.roles["system"] = {"reader"}
    send(site, user, fields)

    assert failures(user) == (3, NOW)
    refused = Event.objects.get(action="unlock")
    assert (refused.outcome, refused.target_id) == ("failure", "")
    assert "has lost its role" in refused.remark


def test_who_has_lost_the_role_since_is_signed_out(site: Client, operator: Person) -> None:
    user = make_locked_user()
    fields = form(site, user)
    operator.roles["system"] = set()
    response = send(site, user, fields)

    assert response["Location"] == f"/signin/?next=%2Faccounts%2F{user.id}%2Funlock%2F"
    assert "_auth_user_id" not in site.session


def test_who_has_lost_the_role_since_is_told(site: Client, operator: Person) -> None:
    user = make_locked_user()
    fields = form(site, user)
    operator.roles["system"] = set()
    response = send(site, user, fields, follow=True)

    assert "Keystone no longer accepts your token, or it has lost its role." in shown(response)


def test_whose_token_was_revoked_since_changes_nothing(
    site: Client, operator: Person, fake_keystone: FakeKeystone
) -> None:
    user = make_locked_user()
    fields = form(site, user)
    fake_keystone.revoke(operator)
    response = send(site, user, fields)

    assert response["Location"].startswith("/signin/")
    assert failures(user) == (3, NOW)


def test_nothing_is_changed_while_keystone_cannot_confirm_the_rights(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    user = make_locked_user()
    fields = form(site, user)
    fake_keystone.fail(500)
    response = send(site, user, fields)

    assert response.status_code == 503
    assert failures(user) == (3, NOW)
    assert not Event.objects.filter(action="unlock").exists()


def test_the_form_says_that_keystone_cannot_confirm_the_rights(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    user = make_locked_user()
    fields = form(site, user)
    fake_keystone.fail(500)
    page = shown(send(site, user, fields))

    assert (
        "Keystone does not answer, so your rights cannot be confirmed: it answered HTTP 500. "
        "Nothing was changed." in page
    )
    assert REASON in page


def test_whose_session_cannot_be_unsealed_changes_nothing(site: Client) -> None:
    user = make_locked_user()
    fields = form(site, user)
    session = site.session
    session["keystone"] = [{**session["keystone"][0], "token": "gAAAAA sealed by nobody"}]
    session.save()
    send(site, user, fields)

    assert failures(user) == (3, NOW)


def test_whose_session_has_another_scope_than_the_token_changes_nothing(site: Client) -> None:
    user = make_locked_user(domain_id="shops")
    fields = form(site, user)
    session = site.session
    session["keystone"] = [{**session["keystone"][0], "domain_id": "shops"}]
    session.save()
    response = send(site, user, fields)

    assert response["Location"].startswith("/signin/")
    assert failures(user) == (3, NOW)


# --- The database has the very last -------------------------------------------------------------
def test_an_update_that_the_database_refuses_is_said(site: Client) -> None:
    user = make_locked_user()
    fields = form(site, user)

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise DatabaseError(1142, "UPDATE command denied to user 'pciops'")
        context["connection"].needs_rollback = False  # only a test has a transaction around it
        return execute(sql, params, many, context)

    with connections["keystone"].execute_wrapper(refuse):
        response = send(site, user, fields)

    assert response.status_code == 503
    assert (
        "Keystone's database refused: UPDATE command denied to user 'pciops'. Nothing was changed."
        in shown(response)
    )
