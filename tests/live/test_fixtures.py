"""The real Keystone behaves as the other live tests assume."""

from __future__ import annotations

from tests.support.cloud import ATTEMPTS, Cloud


def test_an_account_is_locked_after_the_failures_of_the_policy(cloud: Cloud) -> None:
    person = cloud.create_user()
    assert cloud.sign_in(person)
    cloud.lock(person)

    assert not cloud.sign_in(person)
    assert cloud.row(person)["failed_auth_count"] == ATTEMPTS


def test_one_failure_less_does_not_lock(cloud: Cloud) -> None:
    person = cloud.create_user()
    for _ in range(ATTEMPTS - 1):
        cloud.sign_in(person, "wrong")

    assert cloud.sign_in(person)


def test_an_expired_password_is_refused_with_an_explanation(cloud: Cloud) -> None:
    person = cloud.create_user()
    cloud.expire_password(person)

    assert "expired" in cloud.authenticate(person).text
