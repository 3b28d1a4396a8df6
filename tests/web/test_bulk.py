"""Several unlocks in the browser: the selection, its form, the results, and conflicts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connections
from django.test import Client

from pciops.actions.models import BatchItem
from pciops.audit.models import Event
from pciops.keystone.models import User
from tests.actions.acts import delete, down, read
from tests.factories import NOW, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import shown, signed_in
from tests.web.selecting import (
    ADDRESS,
    finished,
    form,
    locked,
    select,
    selection,
    send,
    values,
)
from tests.web.selecting import three as three
from tests.web.unlocking import REASON, failures, lock, messages, unlocks

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

SEEN = "3@2026-11-22T14:02:11+00:00"


# --- The list -----------------------------------------------------------------------------------
def test_row_sends_its_id_and_the_failures_that_it_shows(site: Client) -> None:
    user = make_locked_user()
    page = site.get("/accounts/?state=locked")

    assert values(page) == [f"{user.id} {SEEN}"]
    assert "Select ann (Default)" in shown(page)


@pytest.mark.parametrize("query", ["", "?state=expired", "?state=locked&q=nobody"])
def test_other_and_empty_lists_have_no_selection(site: Client, query: str) -> None:
    make_locked_user()

    assert "Unlock selected" not in shown(site.get(f"/accounts/{query}"))


def test_selection_keeps_filters_and_marker(site: Client) -> None:
    for number in range(51):
        make_locked_user(f"user{number}")
    next_page = site.get("/accounts/?state=locked&q=user").context["next"]
    page = site.get(f"/accounts/{next_page}").content.decode()

    assert f'action="/accounts/unlock/{next_page.replace("&", "&amp;")}"' in page


@pytest.mark.parametrize(
    ("accounts", "words"),
    [
        ([], "No row is selected"),
        ([f"{n} {SEEN}" for n in range(501)], "501 accounts are selected. Select at most 500"),
        (["abc"], "selection is invalid"),
        (["abc three"], "selection is invalid"),
        ([""], "selection is invalid"),
    ],
    ids=["none", "501", "no failures", "no number", "empty"],
)
@pytest.mark.parametrize("more", [{}, {"reason": "called", "identity": "callback"}])
def test_invalid_selection_is_explained_above_the_list(
    site: Client, accounts: list[str], words: str, more: dict[str, str]
) -> None:
    make_locked_user("ann")
    make_locked_user("ben")
    response = site.post(f"{ADDRESS}&q=ann", {"account": accounts, **more})

    assert response.status_code == 400
    assert words in shown(response)
    assert "Select ann (Default)" in shown(response)
    assert "Select ben (Default)" not in shown(response)
    assert not unlocks().exists()


@pytest.mark.parametrize(
    ("query", "target"), [("?q=a&state=locked", "?q=a&state=locked"), ("", "?state=locked")]
)
def test_get_leads_to_the_list(site: Client, query: str, target: str) -> None:
    assert site.get(f"/accounts/unlock/{query}")["Location"] == f"/accounts/{target}"


def test_signed_out_operator_comes_back_to_the_list(client: Client) -> None:
    response = client.post(ADDRESS, {"account": [f"abc {SEEN}"]})

    assert response["Location"] == "/signin/?next=%2Faccounts%2Funlock%2F%3Fstate%3Dlocked"


def test_form_without_its_csrf_token_changes_nothing(operator: Person) -> None:
    user = make_locked_user()
    browser = signed_in(operator)
    fields = form(browser, user)
    browser.handler.enforce_csrf_checks = True

    assert browser.post(ADDRESS, fields).status_code == 403
    assert failures(user) == (3, NOW)


# --- The form -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "Unlock 2 accounts",
        "ann Default · no email 30 min left Disabled Still can't sign in",
        "ben Default · no email 30 min left Can sign in",
        "Each account has its own row in the audit log",
    ],
)
def test_form_shows_the_accounts_and_the_effects(site: Client, text: str) -> None:
    users = [make_locked_user("ann", enabled=False), make_locked_user("ben")]

    assert text in shown(select(site, *users))


def test_form_keeps_the_order_and_each_row_once(
    site: Client, django_assert_num_queries: Any
) -> None:
    chosen = selection(site, *(make_locked_user(name) for name in ("cat", "ann", "ben")))
    with django_assert_num_queries(7, using="keystone"):  # rows, options, passwords, 4 for kinds
        page = site.post(ADDRESS, {"account": [*chosen, chosen[0]]})

    assert values(page) == chosen


def test_form_sends_the_failures_that_it_shows(site: Client) -> None:
    user = make_locked_user()
    chosen = selection(site, user)
    lock(user, count=4)

    assert values(site.post(ADDRESS, {"account": chosen})) == [
        f"{user.id} 4@2026-11-22T14:02:11+00:00"
    ]


def test_accounts_that_are_not_locked_any_more_are_left_out(site: Client) -> None:
    ann, ben = make_locked_user("ann"), make_locked_user("ben")
    chosen = selection(site, ann, ben)
    lock(ann, count=0, at=None)
    response = site.post(ADDRESS, {"account": chosen})
    assert "Unlock 1 account" in shown(response)
    assert "not locked any more: ann ( Default )" in shown(response)
    assert values(response) == chosen[1:]

    lock(ben, count=0, at=None)
    response = site.post(ADDRESS, {"account": chosen})
    assert response["Location"] == "/accounts/?state=locked"
    assert "nothing to unlock" in messages(response)[0]


def test_missing_accounts_are_counted(site: Client, fake_keystone: FakeKeystone) -> None:
    """An account of another domain and one that does not exist look the same."""
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    own, foreign = make_locked_user("own", domain_id="shops"), make_locked_user("foreign")
    chosen = [f"{user_id} {SEEN}" for user_id in (own.id, foreign.id, "nowhere")]
    page = shown(signed_in(keeper).post(ADDRESS, {"account": chosen}))

    assert "2 selected accounts no longer exist" in page
    assert "Unlock 1 account" in page
    assert "foreign" not in page


@pytest.mark.parametrize(
    "spoiled", [{"reason": ""}, {"reason": "x" * 1001}, {"identity": ""}, {"identity": "host"}]
)
def test_invalid_form_comes_back_and_changes_nothing(
    site: Client, spoiled: dict[str, str], three: list[User]
) -> None:
    fields = form(site, *three)
    response = site.post(ADDRESS, {**fields, **spoiled})

    assert response.status_code == 400
    assert response.context["form"].errors.keys() == spoiled.keys()
    assert "reason" in spoiled or REASON in shown(response)
    assert values(response) == fields["account"]
    assert locked(three) == ["ann", "ben", "cat"]


def test_invalid_form_without_a_locked_account_has_no_button(site: Client) -> None:
    user = make_user()
    response = site.post(ADDRESS, {"account": [f"{user.id} {SEEN}"], "reason": ""})

    assert response.status_code == 400
    assert values(response) == []


# --- Done ---------------------------------------------------------------------------------------
def test_form_begins_and_the_next_page_unlocks(
    site: Client, three: list[User], operator: Person
) -> None:
    response = send(site, form(site, three[0], three[2]))
    assert response["Location"].startswith("/accounts/unlocks/")
    assert locked(three) == ["ann", "ben", "cat"]

    page = site.get(response["Location"])
    assert locked(three) == ["ben"]
    assert "2 of 2 accounts unlocked" in shown(page)
    assert "ann Default Unlocked" in shown(page)
    assert f'href="/accounts/{three[0].id}/"' in page.content.decode()
    rows = unlocks().values_list(
        "target_id", "outcome", "reason", "identity", "via", "initiator_id"
    )
    assert sorted(rows) == sorted(
        (user.id, "success", REASON, "callback", "page", operator.id) for user in three[::2]
    )

    assert shown(site.get(response["Location"])) == shown(page)
    assert unlocks().count() == 2


def test_filters_of_the_list_are_kept(site: Client, three: list[User]) -> None:
    response = send(site, form(site, three[0]), "/accounts/unlock/?state=locked&q=an")
    page = site.get(response["Location"]).content.decode()

    assert 'href="/accounts/?state=locked&amp;q=an"' in page


# --- Conflicts ----------------------------------------------------------------------------------
def test_conflict_does_not_stop_the_others(site: Client, three: list[User]) -> None:
    fields = form(site, *three)
    lock(three[1], count=4)
    page = shown(finished(site, fields))

    assert locked(three) == ["ben"]
    assert "2 of 3 accounts unlocked" in page
    assert "ben Default Skipped The account was locked again" in page


def test_form_that_is_sent_twice_unlocks_once(site: Client, three: list[User]) -> None:
    fields = form(site, *three)
    finished(site, fields)
    page = shown(finished(site, fields))

    assert "0 of 3 accounts unlocked" in page
    assert "ada (Default) unlocked it on 22 Nov 2026, 14:02:11 UTC." in page


def test_lock_that_has_lapsed_since_is_left_alone(
    site: Client, clock: time_machine.Traveller
) -> None:
    old = make_locked_user("old", at=NOW - timedelta(minutes=29))
    new = make_locked_user("new")
    fields = form(site, old, new)
    clock.shift(timedelta(minutes=2))
    page = shown(finished(site, fields))

    assert "1 of 2 accounts unlocked" in page
    assert "already ended" in page


def test_account_that_was_deleted_since_is_counted(site: Client, three: list[User]) -> None:
    fields = form(site, *three)
    delete(read(three[1].id))
    response = send(site, fields)

    assert messages(response) == ["1 selected account no longer exists."]
    assert "2 of 2 accounts unlocked" in shown(site.get(response["Location"]))


# --- Scope and rights ---------------------------------------------------------------------------
def test_account_of_another_domain_is_not_unlocked(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    own, foreign = make_locked_user("own", domain_id="shops"), make_locked_user("foreign")
    fields = form(site, own, foreign)
    browser = signed_in(keeper)
    response = send(browser, fields)

    assert messages(response) == ["1 selected account no longer exists."]
    browser.get(response["Location"])
    assert locked([own, foreign]) == ["foreign"]
    assert [event.target_id for event in unlocks()] == [own.id]


def test_operator_who_lost_the_role_is_signed_out(
    site: Client, three: list[User], operator: Person
) -> None:
    fields = form(site, *three)
    operator.roles["system"] = {"reader"}
    response = send(site, fields)

    assert response["Location"].startswith("/signin/?next=%2Faccounts%2Funlock%2F%3Fstate%3Dlocked")
    assert "_auth_user_id" not in site.session
    assert locked(three) == ["ann", "ben", "cat"]
    refused = unlocks().get()
    assert (refused.outcome, refused.target_id) == ("failure", "")
    assert "lost its role" in refused.remark


def test_rights_are_confirmed_with_the_form_and_before_each_account(
    site: Client, three: list[User], fake_keystone: FakeKeystone
) -> None:
    fields = form(site, *three)
    fake_keystone.asked.clear()
    finished(site, fields)

    assert fake_keystone.asked == {"GET /v3/auth/tokens": 4}


def test_outage_of_keystone_changes_nothing(
    site: Client, three: list[User], fake_keystone: FakeKeystone
) -> None:
    fields = form(site, *three)
    fake_keystone.fail(500)
    response = send(site, fields)

    assert response.status_code == 503
    assert "can't confirm your rights: it answered HTTP 500" in shown(response)
    assert values(response) == fields["account"]
    assert REASON in shown(response)
    assert locked(three) == ["ann", "ben", "cat"]


# --- Failures -----------------------------------------------------------------------------------
def test_refusal_of_the_database_ends_the_rest(site: Client, three: list[User]) -> None:
    fields = form(site, *three)
    updates: list[str] = []

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE"):
            updates.append(sql)
            if len(updates) == 2:
                raise DatabaseError(1142, "UPDATE command denied to user 'pciops'")
        context["connection"].needs_rollback = False  # only tests have a transaction around it
        return execute(sql, params, many, context)

    with connections["keystone"].execute_wrapper(refuse):
        response = finished(site, fields)
    page = shown(response)

    assert response.status_code == 503
    assert "1 of 3 accounts unlocked" in page
    assert "Stopped after 2 of 3." in page
    assert "ann Default Unlocked" in page
    assert "ben Default Failed Keystone's database refused: UPDATE command denied" in page
    assert "cat Default Not tried" in page
    assert locked(three) == ["ben", "cat"]


@pytest.mark.parametrize("for_good", [False, True])
def test_outage_of_our_database_ends_the_rest(
    site: Client, three: list[User], monkeypatch: pytest.MonkeyPatch, for_good: bool
) -> None:
    address = send(site, form(site, *three))["Location"]
    save = Event.save
    outage = connections["default"].execute_wrapper(down)

    def fail_at_ben(event: Event, **options: Any) -> None:
        if event.target_name == "ben" and not for_good:
            down()
        if event.target_name == "ben":
            outage.__enter__()
        save(event, **options)

    monkeypatch.setattr(Event, "save", fail_at_ben)
    site.raise_request_exception = False
    try:
        response = site.get(address)
    finally:
        if for_good:
            outage.__exit__(None, None, None)

    assert response.status_code == 503
    assert for_good or "1 of 3 accounts unlocked" in shown(response)
    assert locked(three) == ["ben", "cat"]


def test_one_form_takes_500_accounts(site: Client) -> None:
    users = [make_locked_user(f"user{number}") for number in range(500)]
    chosen = values(site.post(ADDRESS, {"all": "yes"}))
    response = send(site, {"account": chosen, "reason": "storm", "identity": "ticket"})

    assert response["Location"].startswith("/accounts/unlocks/")
    items = BatchItem.objects.filter(outcome=BatchItem.WAITING).order_by("number")
    assert [f"{item.account_id} {item.precondition}" for item in items] == chosen
    assert {item.account_id for item in items} == {user.id for user in users}
