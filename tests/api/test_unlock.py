"""Unlock over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.audit.models import Event
from pciops.keystone.models import LocalUser, User
from tests.api.call import ACCOUNTS, BODY, assert_refused, post, token_of_domain
from tests.factories import NOW, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def failures(user: User) -> tuple[int | None, object]:
    """Return the two columns that make a lock."""
    return LocalUser.objects.values_list("failed_auth_count", "failed_auth_at").get(user=user)


def unlock(token: str, user: User, body: object = BODY, **more: Any) -> Response:
    """Request the unlock."""
    return post(token, f"{ACCOUNTS}/{user.id}/unlock", body, **more)


# --- Done ---------------------------------------------------------------------------------------
def test_unlock_answers_with_its_row_of_the_audit_log(
    token: str, fake_keystone: FakeKeystone
) -> None:
    user = make_locked_user()
    response = unlock(token, user, REMOTE_ADDR="192.0.2.7", headers={"User-Agent": "curl/8"})
    event = Event.objects.get()

    assert failures(user) == (0, None)
    assert response.status_code == 200
    assert response.json() == {
        "event": {
            "id": event.id,
            "event_time": "2026-11-22T14:02:11Z",
            "settled_at": "2026-11-22T14:02:11Z",
            "observer": event.observer,
            "initiator": {
                "type": "keystone",
                "id": fake_keystone.people[0].id,
                "name": "ada",
                "domain_id": "default",
                "domain_name": "Default",
                "address": "192.0.2.7",
                "agent": "curl/8",
                "scope": event.initiator_scope,
                "via": "api",
            },
            "action": "unlock",
            "target": {
                "id": user.id,
                "name": "ann",
                "domain_id": "default",
                "domain_name": "Default",
            },
            "resource": "",
            "outcome": "success",
            "reason": "INC-4711",
            "identity": "ticket",
            "remark": "",
            "position": 2,  # after the intent
            "previous_hash": event.previous_hash,
            "hash": event.hash,
        }
    }


def test_domain_token_unlocks_only_accounts_of_the_domain(fake_keystone: FakeKeystone) -> None:
    token = token_of_domain(fake_keystone)
    own, foreign = (make_locked_user(domain_id=domain) for domain in ("shops", "payments"))
    unlock(token, own)
    unlock(token, foreign)

    assert (failures(own), failures(foreign)) == ((0, None), (3, NOW))
    assert Event.objects.count() == 1


def test_other_field_of_the_body_is_refused(token: str) -> None:
    user = make_locked_user()

    assert_refused(unlock(token, user, {**BODY, "confrims": "7"}), 400, "confrims: unknown field")
    assert failures(user) == (3, NOW)


# --- Conflict -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("count", "age", "message"),
    [
        (0, timedelta(0), "The account is not locked. A sign-in or another tool"),
        (3, timedelta(hours=1), "The lock has already ended"),
    ],
)
def test_account_that_is_not_locked_is_a_conflict(
    token: str, count: int, age: timedelta, message: str
) -> None:
    user = make_user(failed_auth_count=count, failed_auth_at=NOW - age)

    assert_refused(unlock(token, user), 409, message)
    assert failures(user) == (count, NOW - age)
    assert Event.objects.get().outcome == "failure"


def test_second_operator_is_told_who_was_first(token: str, fake_keystone: FakeKeystone) -> None:
    user = make_locked_user()
    bob = fake_keystone.issue(fake_keystone.person("bob"), "system")
    unlock(bob, user)

    message = unlock(token, user).json()["error"]["message"]
    assert "bob (Default) unlocked it on 22 Nov 2026, 14:02:11 UTC" in message


# --- Invalid bodies -----------------------------------------------------------------------------
HOST = {**BODY, "identity": "host"}
SPOILED: list[tuple[object, str]] = [
    (b"", "The body is not JSON"),
    (b"{", "The body is not JSON"),
    (b"reason=x", "The body is not JSON"),
    (b"\xff\xfe\x00", "The body is not JSON"),
    (b"[" * 50_000, "The body is not JSON"),
    (b"9" * 5_000, "The body is not JSON"),
    ([], "The body is not an object"),
    ("text", "The body is not an object"),
    (None, "The body is not an object"),
    (7, "The body is not an object"),
    ({}, "reason: Enter a reason"),
    ({**BODY, "reason": ""}, "reason: Enter a reason"),
    ({**BODY, "reason": " \n\t"}, "reason: Enter a reason"),
    ({**BODY, "reason": 7}, "reason: Enter a reason"),
    ({**BODY, "reason": None}, "reason: Enter a reason"),
    ({**BODY, "reason": ["x"]}, "reason: Enter a reason"),
    ({**BODY, "reason": "x" * 1001}, "reason: Enter at most 1000 characters"),
    ({**BODY, "reason": "a\0b"}, "reason: Enter text only"),
    ({**BODY, "reason": "a\x1b[2Jb"}, "reason: Enter text only"),
    ({**BODY, "reason": "half \ud83d of a character"}, "reason: Enter text only"),
    ({"reason": "x"}, "identity: how it was confirmed (PCI DSS 8.3.4), one of callback,"),
    ({**BODY, "identity": ""}, "identity: how it was confirmed"),
    ({**BODY, "identity": 7}, "identity: how it was confirmed"),
    ({**BODY, "identity": ["ticket"]}, "identity: how it was confirmed"),
    ({**BODY, "identity": {}}, "identity: how it was confirmed"),
    ({**BODY, "identity": "TICKET"}, "identity: how it was confirmed"),
    (HOST, "identity: how it was confirmed"),
]


@pytest.mark.parametrize(("body", "sentence"), SPOILED)
def test_invalid_body_is_refused_with_the_field_and_changes_nothing(
    token: str, body: object, sentence: str
) -> None:
    user = make_locked_user()

    assert_refused(unlock(token, user, body), 400, sentence)
    assert failures(user) == (3, NOW)
    assert not Event.objects.exists()


def test_too_large_body_is_refused(token: str) -> None:
    response = unlock(token, make_locked_user(), {**BODY, "more": "x" * 70_000})

    assert_refused(response, 413, "The body is too large.")


def test_identity_by_the_host_is_not_offered(token: str) -> None:
    message = unlock(token, make_locked_user(), HOST).json()["error"]["message"]

    assert message.endswith("one of callback, in_person, manager, ticket, service_account.")
