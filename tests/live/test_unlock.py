"""An unlock: what it changes in a real Keystone, what it leaves alone, and who wins a race."""

from __future__ import annotations

import threading

import requests

from tests.support.cloud import Cloud
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of


def test_an_unlocked_person_gets_in_at_once(visitor: Visitor, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    assert not cloud.sign_in(locked)

    visitor.unlock(locked)

    assert cloud.sign_in(locked)


def test_an_unlock_sets_two_columns(visitor: Visitor, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    before = cloud.row(locked)

    visitor.unlock(locked)

    changed = {"failed_auth_count": 0, "failed_auth_at": None}
    assert cloud.row(locked) == {**before, **changed}


def test_an_unlock_leaves_activity_and_enabled_as_they_were(visitor: Visitor, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    cloud.sql("UPDATE user SET last_active_at = '2020-02-02' WHERE id = %s", locked.id)
    before = cloud.row(locked, "user")

    visitor.unlock(locked)

    assert cloud.row(locked)["failed_auth_count"] == 0
    assert cloud.row(locked, "user") == before


def test_an_unlock_does_not_enable_a_disabled_account(visitor: Visitor, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    cloud.sql("UPDATE user SET enabled = 0 WHERE id = %s", locked.id)

    page = visitor.unlock(locked)

    assert cloud.row(locked)["failed_auth_count"] == 0
    assert "disabled" in text_of(page).lower()
    assert not cloud.sign_in(locked)


def test_an_unlock_without_a_reason_is_refused(visitor: Visitor, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    page = visitor.unlock(locked, reason="  ")

    assert page.status_code == 400
    assert not cloud.sign_in(locked)


def test_an_unlock_needs_the_token_of_its_own_form(visitor: Visitor, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    form = visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason")
    del form.fields["csrfmiddlewaretoken"]

    page = visitor.send(form, reason="Called back", identity="callback")

    assert page.status_code == 403
    assert not cloud.sign_in(locked)


def test_a_token_from_before_the_lock_works_during_it(cloud: Cloud) -> None:
    person = cloud.create_user()
    token = cloud.token(person, scope={"unscoped": True})

    cloud.lock(person)

    assert cloud.accepts(token)


def test_a_token_from_before_the_lock_works_after_the_unlock(
    visitor: Visitor, cloud: Cloud
) -> None:
    person = cloud.create_user()
    token = cloud.token(person, scope={"unscoped": True})
    cloud.lock(person)

    visitor.unlock(person)

    assert cloud.row(person)["failed_auth_count"] == 0
    assert cloud.accepts(token)


def test_the_unlock_form_says_that_tokens_were_never_stopped(
    visitor: Visitor, cloud: Cloud
) -> None:
    page = visitor.get(f"/accounts/{cloud.create_locked().id}/unlock/")

    assert "Tokens and application credentials were never stopped" in text_of(page)


# --- Two at once, and a lock that is not the one that was seen ----------------------------------
def test_of_two_operators_at_once_one_succeeds_and_the_other_is_told_who(
    site: Site, cloud: Cloud
) -> None:
    locked = cloud.create_locked()
    operators = [cloud.create_operator("first"), cloud.create_operator("second")]
    visitors = [site.visitor() for _ in operators]
    forms = []
    for visitor, operator in zip(visitors, operators, strict=True):
        visitor.sign_in(operator)
        forms.append(visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason"))
    start = threading.Barrier(2)
    pages: dict[int, requests.Response] = {}

    def send(number: int) -> None:
        start.wait()
        pages[number] = visitors[number].send(
            forms[number], reason="Called back", identity="callback"
        )

    threads = [threading.Thread(target=send, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    succeeded = [number for number, page in pages.items() if "is unlocked." in text_of(page)]
    assert len(succeeded) == 1
    winner, loser = succeeded[0], 1 - succeeded[0]
    first = f"The account is not locked. {operators[winner].name} (Default) unlocked it"
    assert first in text_of(pages[loser])
    assert cloud.sign_in(locked)


def test_an_account_that_was_locked_again_in_between_stays_locked(
    visitor: Visitor, cloud: Cloud
) -> None:
    locked = cloud.create_locked()
    form = visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason")
    cloud.sql("UPDATE local_user SET failed_auth_count = 0 WHERE user_id = %s", locked.id)
    cloud.lock(locked)
    cloud.sql(  # the clock of these rows has whole seconds
        "UPDATE local_user SET failed_auth_at = failed_auth_at + INTERVAL 1 SECOND"
        " WHERE user_id = %s",
        locked.id,
    )

    page = visitor.send(form, reason="Called back", identity="callback")

    assert page.status_code == 409
    assert "locked again" in text_of(page)
    assert not cloud.sign_in(locked)


def test_a_second_unlock_says_who_was_first(visitor: Visitor, site: Site, cloud: Cloud) -> None:
    locked, first = cloud.create_locked(), cloud.create_operator("first")
    form = visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason")
    other = site.visitor()
    other.sign_in(first)
    other.unlock(locked)

    page = visitor.send(form, reason="Called back", identity="callback")

    assert f"{first.name} (Default) unlocked it" in text_of(page)


def test_a_refused_unlock_is_in_the_trail_too(visitor: Visitor, site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    form = visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason")
    other = site.visitor()
    other.sign_in(cloud.create_operator())
    other.unlock(locked, reason="The first to come")

    page = visitor.send(form, reason="The second to come", identity="callback")

    assert "The first to come" in text_of(page)
    assert "The second to come" in text_of(page)
