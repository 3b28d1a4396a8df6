"""An unlock: what it changes in a real Keystone, what it leaves alone, and who wins a race."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.support.cloud import LONG_AGO, Cloud
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of

CROWD = 50


@pytest.fixture(scope="module")
def other(site: Site, cloud: Cloud) -> Visitor:
    """A second administrator, signed in."""
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator("second"))
    return visitor


def test_an_unlocked_person_can_sign_in_at_once(visitor: Visitor, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    assert not cloud.sign_in(locked)

    visitor.unlock(locked)

    assert cloud.sign_in(locked)


def test_an_unlock_sets_two_columns(visitor: Visitor, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    cloud.make_inactive(locked)
    before, user_before = cloud.row(locked), cloud.row(locked, "user")
    assert str(user_before["last_active_at"]) == LONG_AGO

    visitor.unlock(locked)

    assert cloud.row(locked) == {**before, "failed_auth_count": 0, "failed_auth_at": None}
    assert cloud.row(locked, "user") == user_before


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


def test_an_unlock_needs_the_csrf_token_of_its_form(visitor: Visitor, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    form = visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason")
    del form.fields["csrfmiddlewaretoken"]

    page = visitor.send(form, reason="Called back", identity="callback")

    assert page.status_code == 403
    assert not cloud.sign_in(locked)


def test_a_token_from_before_the_lock_works_during_it_and_after_the_unlock(
    visitor: Visitor, cloud: Cloud
) -> None:
    person = cloud.create_user()
    token = cloud.token(person, scope={"unscoped": True})

    cloud.lock(person)
    assert cloud.accepts(token)
    page = visitor.get(f"/accounts/{person.id}/")
    assert "Tokens and application credentials still work" in text_of(page)

    visitor.unlock(person)
    assert cloud.row(person)["failed_auth_count"] == 0
    assert cloud.accepts(token)


# --- Two at once, and a lock that changed in between --------------------------------------------
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

    def send(number: int) -> requests.Response:
        start.wait()
        return visitors[number].send(forms[number], reason="Called back", identity="callback")

    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(send, range(2)))

    succeeded = [number for number, page in enumerate(pages) if "is unlocked." in text_of(page)]
    assert len(succeeded) == 1
    winner, loser = succeeded[0], 1 - succeeded[0]
    assert f"{operators[winner].name} (Default) unlocked it" in text_of(pages[loser])
    assert cloud.sign_in(locked)


def test_an_account_that_was_locked_again_in_between_stays_locked(
    visitor: Visitor, cloud: Cloud
) -> None:
    locked = cloud.create_locked()
    form = visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason")
    cloud.sql("UPDATE local_user SET failed_auth_count = 0 WHERE user_id = %s", locked.id)
    cloud.lock(locked)
    cloud.sql(  # the column has whole seconds
        "UPDATE local_user SET failed_auth_at = failed_auth_at + INTERVAL 1 SECOND"
        " WHERE user_id = %s",
        locked.id,
    )

    page = visitor.send(form, reason="Called back", identity="callback")

    assert page.status_code == 409
    assert "locked again" in text_of(page)
    assert not cloud.sign_in(locked)


def test_a_second_unlock_is_told_who_was_first_and_is_in_the_audit_log_too(
    visitor: Visitor, other: Visitor, cloud: Cloud
) -> None:
    locked = cloud.create_locked()
    form = visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason")
    other.unlock(locked, reason="The first to come")

    page = text_of(visitor.send(form, reason="The second to come", identity="callback"))

    assert "second-" in page
    assert "(Default) unlocked it" in page
    assert "The first to come" in page
    assert "The second to come" in page


def test_of_fifty_unlocks_at_once_one_succeeds_and_each_is_in_the_audit_log(
    site: Site, cloud: Cloud
) -> None:
    locked = cloud.create_locked()
    headers = {"X-Auth-Token": cloud.token(cloud.create_operator())}

    def unlock(number: int) -> int:
        body = {"reason": f"Caller {number}", "identity": "callback"}
        url = f"{site.url}/api/v1/accounts/{locked.id}/unlock"
        return requests.post(url, headers=headers, json=body, timeout=120).status_code

    with ThreadPoolExecutor(CROWD) as crowd:
        codes = Counter(crowd.map(unlock, range(CROWD)))
    query: dict[str, Any] = {"account": locked.id, "limit": 1000}
    rows = requests.get(f"{site.url}/api/v1/audit", query, headers=headers, timeout=60).json()

    assert codes == {200: 1, 409: CROWD - 1}
    assert Counter(row["outcome"] for row in rows["events"]) == {
        "success": 1,
        "failure": CROWD - 1,
    }
    assert {row["reason"] for row in rows["events"]} == {f"Caller {n}" for n in range(CROWD)}
    assert site.manage("verify_audit").code == 0
    assert cloud.sign_in(locked)
