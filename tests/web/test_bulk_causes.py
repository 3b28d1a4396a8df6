"""The form of several unlocks: why each account is locked, and what to leave out."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.events.factories import failure, save_attempts, stale_script
from tests.factories import make_locked_user
from tests.signin.visit import Response, shown
from tests.web.pages import account_names
from tests.web.selecting import ADDRESS, values

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

TYPED = {"reason": "INC-7 typed", "identity": "callback"}


@pytest.fixture
def chosen(site: Client) -> list[str]:
    """The rows of three locked accounts: typing errors, an old password, guessing."""
    guesses = [
        failure(400 - 4 * n, f"h{n:03}", agent="curl/8.5", address="9.9.9.9") for n in range(90)
    ]
    typed = [failure(60 - 14 * n, f"t{n}", address="10.9.9.9") for n in range(3)]
    for name, rows in (("ann", typed), ("bob", stale_script()), ("cyd", guesses)):
        save_attempts(make_locked_user(name).id, rows)
    return values(site.get("/accounts/?state=locked"))


def send(site: Client, chosen: list[str], **more: str) -> Response:
    return site.post(ADDRESS, {"account": chosen, **more})


def test_each_account_has_its_cause_and_warnings_come_first(
    site: Client, chosen: list[str]
) -> None:
    page = send(site, chosen)

    assert account_names(page) == ["cyd", "bob", "ann"]
    assert "1 account is under attack" in shown(page)
    assert "Old password in a program" in shown(page)
    assert "Still trying: relocks" in shown(page)


def test_accounts_under_attack_are_left_out_and_the_reason_stays(
    site: Client, chosen: list[str]
) -> None:
    page = send(site, chosen, leave_out="attacked", **TYPED)

    assert sorted(account_names(page)) == ["ann", "bob"]
    assert "under attack" not in shown(page)
    assert "INC-7 typed" in page.content.decode()


def test_a_selection_of_only_attacked_accounts_leads_back(site: Client, chosen: list[str]) -> None:
    page = send(site, chosen)
    attacked = [value for value in chosen if value.split()[0] in page.content.decode()]
    only = [value for value in attacked if value.startswith(_id_of(page, "cyd"))]

    assert send(site, only, leave_out="attacked", **TYPED).status_code == 302


def test_without_notifications_no_cause_is_shown(site: Client) -> None:
    make_locked_user("ann")
    page = send(site, values(site.get("/accounts/?state=locked")))

    assert "Cause" not in shown(page)


def _id_of(page: Response, name: str) -> str:
    before, _, _ = page.content.decode().partition(f"<bdi>{name}</bdi>")
    return before.rpartition("/accounts/")[2].partition("/")[0]
