"""Unlocks beyond the limit over the API: the confirmation, and the second operator."""

from __future__ import annotations

from typing import Any

import pytest

from pciops.audit.models import Event
from pciops.keystone.models import User
from tests.api.call import ACCOUNTS, BODY, assert_refused, post, token_of
from tests.factories import NOW, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response
from tests.web.unlocking import failures, lock

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def hal(fake_keystone: FakeKeystone) -> str:
    """A token of the help desk."""
    return token_of(fake_keystone, make_user("hal"), "helpdesk")


@pytest.fixture
def ida(fake_keystone: FakeKeystone) -> str:
    """A token of another one of the help desk."""
    return token_of(fake_keystone, make_user("ida"), "helpdesk")


def again(token: str, user: User, **more: Any) -> Response:
    """Unlock the account, which was locked again."""
    lock(user)
    return post(token, f"{ACCOUNTS}/{user.id}/unlock", {**BODY, **more})


@pytest.fixture
def worn(hal: str) -> User:
    """An account that the help desk has unlocked three times in this hour."""
    user = make_locked_user()
    assert [again(hal, user).status_code for _ in range(3)] == [200] * 3
    return user


def test_help_desk_cannot_undo_the_lockout_without_limit(hal: str, worn: User) -> None:
    """The attack: ten unlocks in eight seconds gave 30 guesses."""
    answers = [again(hal, worn) for _ in range(7)]

    for answer in answers:
        assert_refused(answer, 403, "The account was unlocked 3 times in the last hour")
    assert failures(worn) == (3, NOW)


def test_second_operator_confirms(hal: str, ida: str, worn: User) -> None:
    response = again(hal, worn, beyond_limit=True)
    asked = response.json()["unlock_request"]
    assert response.status_code == 202
    assert asked["expires_at"] == "2026-11-22T15:02:11Z"
    assert response.json()["event"]["outcome"] == "failure"
    assert failures(worn) == (3, NOW)

    assert_refused(again(hal, worn, confirms=asked["id"]), 409, "You asked for this unlock")
    response = again(ida, worn, confirms=asked["id"], reason=None)
    assert response.status_code == 200
    assert response.json()["event"]["reason"] == BODY["reason"]
    assert response.json()["event"]["resource"].startswith(f"confirms request {asked['id']} of")
    assert failures(worn) == (0, None)


@pytest.mark.parametrize("request_id", ["", "unknown", 7, [], "\ud800"], ids=ascii)
def test_request_that_does_not_exist_is_refused(ida: str, worn: User, request_id: object) -> None:
    assert_refused(again(ida, worn, confirms=request_id), 400, "confirms: ")


def test_request_is_of_one_account(hal: str, ida: str, worn: User) -> None:
    asked = again(hal, worn, beyond_limit=True).json()["unlock_request"]["id"]
    other = make_locked_user("ben")

    assert_refused(again(ida, other, confirms=asked), 400, "confirms: ")


def test_cloud_administrator_confirms_alone(token: str, worn: User) -> None:
    assert_refused(again(token, worn), 403, "The account was unlocked 3 times")
    assert again(token, worn, beyond_limit=True).status_code == 200
    assert failures(worn) == (0, None)


def test_bulk_unlock_has_the_same_limit(hal: str, token: str, worn: User) -> None:
    other = make_locked_user("ben")
    lock(worn)
    body = {**BODY, "accounts": [{"id": worn.id}, {"id": other.id}]}
    answers = [
        post(hal, f"{ACCOUNTS}/unlock", body),
        post(hal, f"{ACCOUNTS}/unlock", {**body, "beyond_limit": True}),
        post(token, f"{ACCOUNTS}/unlock", {**body, "beyond_limit": True}),
    ]
    outcomes = [[row["outcome"] for row in answer.json()["results"]] for answer in answers]

    assert outcomes == [
        ["refused", "unlocked"],
        ["requested", "conflict"],
        ["unlocked", "conflict"],
    ]


def test_flag_that_is_no_flag_is_refused(hal: str, worn: User) -> None:
    assert_refused(again(hal, worn, beyond_limit="yes"), 400, "beyond_limit: ")
    assert Event.objects.filter(action="unlock").count() == 3
