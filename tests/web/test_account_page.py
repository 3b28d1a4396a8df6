"""The page of one account: can this user sign in, why not, and what was done here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import (
    NOW,
    PasswordRow,
    grant,
    make_credential,
    make_domain,
    make_federated_user,
    make_group,
    make_ldap_user,
    make_locked_user,
    make_project,
    make_role,
    make_user,
)
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in

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

    assert "Nothing yet. Every act tried or done through pciops is recorded here." in shown(
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


def test_the_page_asks_keystones_database_eight_times(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_role("admin")
    user = make_locked_user(options={"1001": True})

    # The user with its names and its domain, its options, its passwords; why it matters: its
    # groups, the roles, the projects of services, what user and groups hold; its application
    # credentials.
    with django_assert_num_queries(8, using="keystone"):
        site.get(f"/accounts/{user.id}/")


def test_the_page_of_one_that_matters_asks_for_what_it_holds_too(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    user = make_user()
    grant(user, on=make_project())

    # Those of above; the roles, the projects of services, its groups, what is held on the system
    # and elsewhere, the names of roles and of targets.
    with django_assert_num_queries(15, using="keystone"):
        site.get(f"/accounts/{user.id}/")


# --- Why it matters -----------------------------------------------------------------------------
def test_an_account_that_matters_says_by_which_roles(site: Client) -> None:
    make_role("owner", implies="admin")
    user = make_user()
    grant(user)
    grant(user, on=make_domain())
    grant(user, "owner", on=make_project("web"))
    grant(make_group(user, name="crew"), "reader", on=make_project("service"))

    page = shown(site.get(f"/accounts/{user.id}/"))

    assert "ann Default administrator service account" in page
    assert "Why it matters Administrator and service account, by these roles:" in page
    assert "admin on the whole system admin on the domain Default" in page
    assert "owner , which implies admin , on the project web Default" in page
    assert "reader on the project service Default , through the group crew" in page


def test_an_inherited_role_is_said_to_be_one(site: Client) -> None:
    user = make_user()
    grant(user, on=make_domain(), inherited=True)

    assert "admin on every project of the domain Default" in shown(
        site.get(f"/accounts/{user.id}/")
    )


def test_an_account_that_does_not_matter_says_nothing_of_it(site: Client) -> None:
    user = make_user()
    grant(user, "member", on=make_project())

    assert "Why it matters" not in shown(site.get(f"/accounts/{user.id}/"))


def test_more_than_ten_roles_are_folded(site: Client) -> None:
    user = make_user()
    for number in range(13):
        grant(user, on=make_project(f"web{number}"))

    assert "3 more" in shown(site.get(f"/accounts/{user.id}/"))


def test_an_operator_of_one_domain_reads_no_names_of_others(fake_keystone: FakeKeystone) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    user = make_user(domain_id="shops")
    secret = make_project("secret", domain_id="payments")
    grant(make_group(user, name="hidden", domain_id="payments"), on=secret)
    make_credential(user, project=secret)

    page = shown(signed_in(keeper).get(f"/accounts/{user.id}/"))

    assert "admin on a project out of your sight, through a group out of your sight" in page
    assert "ci on a project out of your sight" in page
    assert "secret" not in page
    assert "hidden" not in page


# --- Application credentials --------------------------------------------------------------------
def test_application_credentials_stand_by_name_with_project_and_expiry(site: Client) -> None:
    user = make_user()
    make_credential(user, "zeta", expires_at=NOW + timedelta(days=2))
    make_credential(user, "beta", expires_at=NOW - timedelta(days=2), unrestricted=True)
    make_credential(user, "alfa", project=make_project("web", domain_id="shops"))

    page = shown(site.get(f"/accounts/{user.id}/"))

    assert "alfa on the project web Shops never expires" in page
    assert "beta on the project web Default ⚠ unrestricted expired 20 Nov 2026" in page
    assert "zeta on the project web Default expires 24 Nov 2026" in page
    assert page.index("alfa on") < page.index("beta on") < page.index("zeta on")
    assert "Application credentials 3" in page


def test_it_is_said_what_stops_them(site: Client) -> None:
    user = make_locked_user()
    make_credential(user)

    assert "They keep working while the account is locked." in shown(
        site.get(f"/accounts/{user.id}/")
    )


def test_an_account_without_application_credentials_says_so(site: Client) -> None:
    make_credential(make_user("bob"))
    user = make_user()

    assert "Application credentials none" in shown(site.get(f"/accounts/{user.id}/"))


# --- What ends a state --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(minutes=2)},
            "It ends by itself at 14:30:11 UTC (28 min from now), or unlock it here.",
        ),
        ({"enabled": False}, "openstack user set --enable"),
        ({"passwords": [PasswordRow(expires_at=NOW)]}, "openstack user set --password-prompt"),
    ],
)
def test_each_state_says_what_ends_it(site: Client, facts: dict[str, Any], words: str) -> None:
    user = make_user(**facts)

    assert words in shown(site.get(f"/accounts/{user.id}/"))


def test_an_ldap_user_is_sent_to_where_the_rules_are(site: Client) -> None:
    user = make_ldap_user("lena")

    assert "Lock, expiry and inactivity are set where its password is kept" in shown(
        site.get(f"/accounts/{user.id}/")
    )


def test_a_command_is_text_on_the_page(site: Client) -> None:
    user = make_user(user_id="<b>'id'", enabled=False)
    page = site.get("/accounts/%3Cb%3E'id'/").content.decode()

    assert user.id not in page
    assert "openstack user set --enable &#x27;&lt;b&gt;" in page


@pytest.mark.parametrize(
    ("facts", "crumbs"),
    [
        ({"failed_auth_count": 3}, '<a href="/accounts/?state=locked">Locked accounts</a>'),
        ({}, '<a href="/accounts/">Accounts</a>'),
    ],
)
def test_the_page_leads_back_to_a_list_that_the_account_is_in(
    site: Client, facts: dict[str, Any], crumbs: str
) -> None:
    user = make_user(**facts)
    page = site.get(f"/accounts/{user.id}/").content.decode()

    assert f'<p class="crumbs">{crumbs}' in page


def test_an_inactive_account_is_not_said_to_be_enabled_without_more(
    site: Client, settings: Settings
) -> None:
    settings.POLICY_OVERRIDES = {"disable_user_account_days_inactive": "90"}
    user = make_user(last_active_at=(NOW - timedelta(days=91)).date())
    page = shown(site.get(f"/accounts/{user.id}/"))

    assert "Cannot sign in: inactive since 21 Nov 2026 (1 day ago)." in page
    assert "Enabled Yes, but refused as inactive" in page
    assert "Inactive since 21 Nov 2026, 1 day ago" in page
