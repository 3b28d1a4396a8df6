"""Why an account is locked: on its page, in the form, in the list, for machines and in mails."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.events.factories import (
    SCRIPT,
    failure,
    save_attempts,
    save_unknown_names,
    stale_script,
)
from tests.factories import NOW, make_locked_user, make_user
from tests.signin.visit import shown

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

LOCKED = "/accounts/?state=locked"


def test_the_page_of_a_locked_account_says_why(site: Client) -> None:
    user = make_locked_user(at=NOW)
    save_attempts(user.id, stale_script())

    page = shown(site.get(f"/accounts/{user.id}/"))

    assert "Old password in a program, very likely: the same wrong password every 300 s" in page
    assert "an unlock will be undone in about 13 min, at 14:15:31 UTC." in page
    assert "Find the program on 10.2.3.4" in page
    assert "a clock, no person" in page


def test_the_page_of_an_account_without_failures_asks_nothing(site: Client) -> None:
    user = make_user()
    save_attempts(user.id, stale_script())

    assert "Old password" not in shown(site.get(f"/accounts/{user.id}/"))


def test_where_nothing_is_heard_the_page_says_what_to_set(site: Client) -> None:
    user = make_locked_user(at=NOW)
    page = shown(site.get(f"/accounts/{user.id}/"))

    assert "Unknown: no failed sign-in to this account was heard of." in page
    assert "driver = messagingv2" in page
    assert "report_invalid_password_hash = event" in page


def test_what_strangers_wrote_is_text_on_the_page(site: Client) -> None:
    user = make_locked_user(at=NOW)
    agent = "<script>alert(1)</script>"
    save_attempts(user.id, stale_script(agent=agent))
    page = site.get(f"/accounts/{user.id}/").content.decode()

    assert agent not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_form_says_why_and_that_an_unlock_will_be_undone(site: Client) -> None:
    user = make_locked_user(at=NOW)
    save_attempts(user.id, stale_script())
    page = shown(site.get(f"/accounts/{user.id}/unlock/"))

    assert "the same wrong password every 300 s from 10.2.3.4" in page
    assert "an unlock will be undone in about 13 min" in page


def test_the_form_of_another_act_says_nothing_of_it(site: Client) -> None:
    user = make_locked_user(at=NOW)
    save_attempts(user.id, stale_script())

    assert "Old password" not in shown(site.get(f"/accounts/{user.id}/disable/"))


def test_the_list_says_why_each_account_is_locked(site: Client) -> None:
    script, sprayed, unheard = (make_locked_user(name, at=NOW) for name in ("ann", "bob", "cleo"))
    save_attempts(script.id, stale_script())
    save_attempts(sprayed.id, [failure(60, "Summer", address="198.51.100.7")])
    save_unknown_names([f"admin{number}" for number in range(9)], address="198.51.100.7")

    rows = site.get(LOCKED).content.decode().split('role="row"')
    said = {
        name: next(row for row in rows if f"<bdi>{name}</bdi>" in row)
        for name in ("ann", "bob", "cleo")
    }

    assert f'/accounts/{script.id}/#why">Old password in a program</a>' in said["ann"]
    assert ">Spraying</a>" in said["bob"]
    assert "not known" in said["cleo"]
    assert unheard.id in said["cleo"]


def test_the_list_has_no_such_column_where_nothing_is_heard(site: Client) -> None:
    make_locked_user(at=NOW)

    assert "Why" not in shown(site.get(LOCKED))


@pytest.mark.parametrize("accounts", [1, 30])
def test_the_list_asks_no_more_for_more_accounts(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries, accounts: int
) -> None:
    for number in range(accounts):
        user = make_locked_user(f"user{number}", at=NOW)
        save_attempts(user.id, stale_script(times=4, agent=f"{SCRIPT} {number}"))
    site.get(LOCKED)

    # The session and operator, its new end (3), no census; then four of what was heard.
    with django_assert_num_queries(11, using="default"):
        site.get(LOCKED)


def test_an_account_that_was_locked_again_after_a_while_is_no_news(site: Client) -> None:
    user = make_locked_user(at=NOW - timedelta(minutes=5))

    assert "locked again" not in shown(site.get(f"/accounts/{user.id}/unlock/"))
