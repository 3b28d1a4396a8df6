"""The page of one account: can this user sign in, why not, and what was done here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.factories import (
    NOW,
    PasswordRow,
    make_federated_user,
    make_ldap_user,
    make_locked_user,
    make_user,
)
from tests.signin.visit import shown

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, "Can sign in with the right password."),
        (
            {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(minutes=2)},
            "Cannot sign in: locked until 14:30:11 UTC (28 min from now).",
        ),
        ({"enabled": False}, "Cannot sign in: disabled."),
        (
            {"failed_auth_count": 3, "failed_auth_at": NOW, "enabled": False},
            "Cannot sign in: locked until 14:32:11 UTC (30 min from now), and disabled.",
        ),
        (
            {"passwords": [PasswordRow(expires_at=NOW - timedelta(days=2))]},
            "Cannot sign in: the password expired at 20 Nov 2026, 14:02:11 UTC (2 days ago).",
        ),
        (
            {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(hours=1)},
            "Can sign in with the right password: the lock ran out at 13:32:11 UTC (30 min ago).",
        ),
    ],
)
def test_the_page_answers_whether_the_user_can_sign_in(
    site: Client, facts: dict[str, Any], sentence: str
) -> None:
    user = make_user(**facts)

    assert sentence in shown(site.get(f"/accounts/{user.id}/"))


def test_an_ldap_user_is_not_covered(site: Client) -> None:
    user = make_ldap_user("lena")

    assert "Not covered: an LDAP or federated user" in shown(site.get(f"/accounts/{user.id}/"))


def test_a_federated_user_is_shown_by_its_name(site: Client) -> None:
    user = make_federated_user("Frida of the IdP")

    assert "Frida of the IdP" in shown(site.get(f"/accounts/{user.id}/"))


def test_a_locked_account_offers_the_unlock(site: Client) -> None:
    user = make_locked_user()

    assert f'href="/accounts/{user.id}/unlock/"' in (
        site.get(f"/accounts/{user.id}/").content.decode()
    )


def test_an_account_that_is_not_locked_offers_no_unlock(site: Client) -> None:
    user = make_user(enabled=False)

    assert "unlock/" not in site.get(f"/accounts/{user.id}/").content.decode()


def test_a_locked_and_disabled_account_says_that_an_unlock_is_not_enough(site: Client) -> None:
    user = make_locked_user(enabled=False)

    assert "An unlock alone will not let the user in." in shown(site.get(f"/accounts/{user.id}/"))


def test_a_page_without_acts_says_what_would_be_there(site: Client) -> None:
    user = make_user()

    assert "Nothing yet. Every unlock tried or done through pciops is recorded here." in shown(
        site.get(f"/accounts/{user.id}/")
    )


@pytest.mark.parametrize(
    ("facts", "fact"),
    [
        ({}, "Failures 0 of 3"),
        ({"failed_auth_count": None}, "Failures 0 of 3"),
        ({"email": "ann@example.test"}, "E-mail ann@example.test"),
        ({"extra": "no JSON"}, "E-mail none"),
        ({"extra": '["a list"]'}, "E-mail none"),
        ({"extra": '{"email": 7}'}, "E-mail none"),
        ({"enabled": None}, "Enabled No"),
        ({"last_active_at": NOW.date()}, "Last active 22 Nov 2026, today"),
        ({"options": {"1002": True}}, "Exemptions ignore_lockout_failure_attempts"),
        ({"options": {"1002": False}}, "Exemptions none"),
        ({"passwords": []}, "Password set no password"),
        ({"created_at": None}, "Created not recorded"),
    ],
)
def test_the_facts_are_those_of_keystones_rows(
    site: Client, facts: dict[str, Any], fact: str
) -> None:
    user = make_user(**facts)

    assert fact in shown(site.get(f"/accounts/{user.id}/"))


def test_the_page_asks_keystones_database_three_times(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    user = make_locked_user(options={"1001": True})

    # The user with its names and its domain, its options, its passwords.
    with django_assert_num_queries(3, using="keystone"):
        site.get(f"/accounts/{user.id}/")
