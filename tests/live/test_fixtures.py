"""The servers that the other tests stand on do what those tests take for granted."""

from __future__ import annotations

from tests.support.cloud import ATTEMPTS, Cloud


def test_a_new_user_gets_in(cloud: Cloud) -> None:
    assert cloud.sign_in(cloud.create_user())


def test_keystone_locks_an_account_after_the_failures_of_the_policy(cloud: Cloud) -> None:
    locked = cloud.create_locked()

    assert not cloud.sign_in(locked)
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


def test_one_failure_less_does_not_lock(cloud: Cloud) -> None:
    person = cloud.create_user()
    for _ in range(ATTEMPTS - 1):
        cloud.sign_in(person, "wrong")

    assert cloud.sign_in(person)


def test_an_expired_password_is_refused_with_keystones_explanation(cloud: Cloud) -> None:
    person = cloud.create_user()
    cloud.expire_password(person)

    assert "expired" in cloud.authenticate(person).text
