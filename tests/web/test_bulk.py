"""Several unlocks in the browser: the acts, their results, and what can come between."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connections
from django.test import Client

from pciops.audit.models import Event
from pciops.keystone.models import User
from tests.actions.acts import delete, down, read
from tests.factories import NOW, make_locked_user
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import shown, signed_in
from tests.web.selecting import ADDRESS, carried_out, form, order, unlock, values
from tests.web.unlocking import REASON, failures, lock, messages

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def three() -> list[User]:
    """Ann, Ben and Cat, who are locked."""
    return [make_locked_user(name) for name in ("ann", "ben", "cat")]


def locked(users: list[User]) -> list[str]:
    """Those whose failures are still there."""
    return [user.local_user.name for user in users if failures(user) != (0, None)]


# --- It works -----------------------------------------------------------------------------------
def test_the_selected_accounts_are_unlocked(site: Client, three: list[User]) -> None:
    unlock(site, three[0], three[2])

    assert locked(three) == ["ben"]


def test_each_has_a_row_in_the_trail_with_the_same_reason(
    site: Client, three: list[User], operator: Person
) -> None:
    unlock(site, *three)

    rows = Event.objects.filter(action="unlock").values_list(
        "target_id", "outcome", "reason", "identity", "via", "initiator_id"
    )
    assert sorted(rows) == sorted(
        (user.id, "success", REASON, "callback", "page", operator.id) for user in three
    )


def test_the_form_orders_and_the_next_page_unlocks(site: Client, three: list[User]) -> None:
    response = order(site, form(site, *three))
    ordered = locked(three)
    site.get(response["Location"])

    assert response["Location"].startswith("/accounts/unlocks/")
    assert (ordered, locked(three)) == (["ann", "ben", "cat"], [])


def test_the_results_say_how_many_and_who(site: Client, three: list[User]) -> None:
    page = shown(unlock(site, *three[:2]))

    assert "2 of 2 accounts unlocked" in page
    assert "ann Default ✓ Unlocked" in page
    assert "ben Default ✓ Unlocked" in page


def test_a_result_leads_to_the_account(site: Client, three: list[User]) -> None:
    page = unlock(site, three[0]).content.decode()

    assert f'href="/accounts/{three[0].id}/"' in page


def test_the_results_can_be_loaded_again_without_an_act(site: Client, three: list[User]) -> None:
    address = order(site, form(site, *three))["Location"]
    first, second = shown(site.get(address)), shown(site.get(address))

    assert first == second
    assert Event.objects.filter(action="unlock").count() == 3


def test_the_filters_of_the_list_are_kept(site: Client, three: list[User]) -> None:
    address = order(site, form(site, three[0]), "/accounts/unlock/?state=locked&q=an")["Location"]

    assert 'href="/accounts/?state=locked&amp;q=an"' in site.get(address).content.decode()


def test_a_full_page_is_unlocked_at_once(site: Client) -> None:
    users = [make_locked_user(f"user{number}") for number in range(50)]
    page = shown(unlock(site, *users))

    assert locked(users) == []
    assert "50 of 50 accounts unlocked" in page


# --- Somebody or something was first ------------------------------------------------------------
def test_a_conflict_in_the_middle_does_not_stop_the_others(site: Client, three: list[User]) -> None:
    fields = form(site, *three)
    lock(three[1], count=4)
    carried_out(site, fields)

    assert locked(three) == ["ben"]


def test_a_conflict_is_shown_with_its_sentence(site: Client, three: list[User]) -> None:
    fields = form(site, *three)
    lock(three[1], count=4)
    page = shown(carried_out(site, fields))

    assert "2 of 3 accounts unlocked" in page
    assert "ben Default ⚠ Left alone The account was locked again after you opened the" in page


def test_sent_twice_the_second_changes_nothing_and_says_who_was_first(
    site: Client, three: list[User]
) -> None:
    fields = form(site, *three)
    carried_out(site, fields)
    page = shown(carried_out(site, fields))

    assert "0 of 3 accounts unlocked" in page
    assert "ada (Default) unlocked it on 22 Nov 2026, 14:02:11 UTC." in page


def test_a_lock_that_has_lapsed_since_is_left_alone(
    site: Client, clock: time_machine.Traveller
) -> None:
    old = make_locked_user("old", at=NOW - timedelta(minutes=29))
    new = make_locked_user("new")
    fields = form(site, old, new)
    clock.shift(timedelta(minutes=2))
    page = shown(carried_out(site, fields))

    assert "1 of 2 accounts unlocked" in page
    assert "The lock has run out by itself. Nothing was changed." in page


def test_an_account_that_was_deleted_since_is_counted(site: Client, three: list[User]) -> None:
    fields = form(site, *three)
    delete(read(three[1].id))
    response = order(site, fields)

    assert messages(response) == ["1 selected account does not exist any more."]
    assert "2 of 2 accounts unlocked" in shown(site.get(response["Location"]))


# --- Scope and rights ---------------------------------------------------------------------------
def test_an_account_of_another_domain_does_not_exist_for_its_neighbours(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    own, foreign = make_locked_user("own", domain_id="shops"), make_locked_user("foreign")
    fields = form(site, own, foreign)
    browser = signed_in(keeper)
    response = order(browser, fields)

    assert messages(response) == ["1 selected account does not exist any more."]
    browser.get(response["Location"])
    assert locked([own, foreign]) == ["foreign"]
    assert [event.target_id for event in Event.objects.filter(action="unlock").all()] == [own.id]


def test_who_has_lost_the_role_since_changes_nothing_and_is_signed_out(
    site: Client, three: list[User], operator: Person
) -> None:
    fields = form(site, *three)
    operator.roles["system"] = {"reader"}
    response = site.post(ADDRESS, fields)

    assert response["Location"] == "/signin/?next=%2Faccounts%2Funlock%2F%3Fstate%3Dlocked"
    assert "_auth_user_id" not in site.session
    assert locked(three) == ["ann", "ben", "cat"]
    refused = Event.objects.get(action="unlock")
    assert (refused.outcome, refused.target_id) == ("failure", "")
    assert "has lost its role" in refused.remark


def test_the_rights_are_asked_for_with_the_form_and_before_each_account(
    site: Client, three: list[User], fake_keystone: FakeKeystone
) -> None:
    fields = form(site, *three)
    fake_keystone.asked.clear()
    carried_out(site, fields)

    assert fake_keystone.asked == {"GET /v3/auth/tokens": 4}


def test_nothing_is_changed_while_keystone_cannot_confirm_the_rights(
    site: Client, three: list[User], fake_keystone: FakeKeystone
) -> None:
    fields = form(site, *three)
    fake_keystone.fail(500)
    response = site.post(ADDRESS, fields)

    assert response.status_code == 503
    assert "your rights cannot be confirmed: it answered HTTP 500." in shown(response)
    assert values(response) == fields["account"]
    assert REASON in shown(response)
    assert locked(three) == ["ann", "ben", "cat"]


# --- Something fails ----------------------------------------------------------------------------
def test_an_update_that_the_database_refuses_ends_the_rest(site: Client, three: list[User]) -> None:
    fields = form(site, *three)
    updates: list[str] = []

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE"):
            updates.append(sql)
            if len(updates) == 2:
                raise DatabaseError(1142, "UPDATE command denied to user 'pciops'")
        context["connection"].needs_rollback = False  # only a test has a transaction around it
        return execute(sql, params, many, context)

    with connections["keystone"].execute_wrapper(refuse):
        response = carried_out(site, fields)
    page = shown(response)

    assert response.status_code == 503
    assert "1 of 3 accounts unlocked" in page
    assert "ann Default ✓ Unlocked" in page
    assert "ben Default ✗ Failed Keystone's database refused: UPDATE command denied" in page
    assert "cat Default Not tried" in page
    assert locked(three) == ["ben", "cat"]


def test_a_trail_that_fails_in_the_middle_is_a_page_with_all_results(
    site: Client, three: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = form(site, *three)
    save = Event.save

    def save_one(event: Event, **options: Any) -> None:
        if event.target_name == "ben":
            down()
        save(event, **options)

    monkeypatch.setattr(Event, "save", save_one)
    response = carried_out(site, fields)
    page = shown(response)

    assert response.status_code == 503
    assert "1 of 3 accounts unlocked" in page
    assert "Stopped after 2 of 3. What comes after was not tried." in page
    assert "cat Default Not tried" in page
    assert locked(three) == ["ben", "cat"]


def test_our_database_may_go_away_for_good_in_the_middle(
    site: Client, three: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = form(site, *three)
    address = order(site, fields)["Location"]
    save = Event.save

    def save_one(event: Event, **options: Any) -> None:
        if event.target_name == "ben":
            wrapper.__enter__()
        save(event, **options)

    wrapper = connections["default"].execute_wrapper(down)
    monkeypatch.setattr(Event, "save", save_one)
    site.raise_request_exception = False
    try:
        response = site.get(address)
    finally:
        wrapper.__exit__(None, None, None)

    assert response.status_code == 503
    assert locked(three) == ["ben", "cat"]
