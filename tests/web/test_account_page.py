"""The page of an account: can the user sign in, why not, facts, credentials, and history."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.events.intake.consumer import SessionRecorder
from pciops.events.models import OutOfBandChange
from pciops.keystone.models import User
from tests.events.factories import save_attempts, stale_script
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
from tests.signin.visit import shown

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
LOCKED: dict[str, Any] = {"failed_auth_count": 3, "failed_auth_at": NOW - 2 * MINUTE}


def html(site: Client, user: User) -> str:
    """Return the page as HTML."""
    return site.get(f"/accounts/{user.id}/").content.decode()


def text(site: Client, user: User) -> str:
    """Return the page as text."""
    return shown(site.get(f"/accounts/{user.id}/"))


# --- Can the user sign in? ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "terms"),
    [
        ({}, ["Can sign in"]),
        (LOCKED, ["Can't sign in", "14:30:11 UTC (in 28 min)", "or unlock it here"]),
        ({"enabled": False}, ["Can't sign in: disabled", "openstack user set --enable"]),
        (
            LOCKED | {"enabled": False},
            ["14:30:11 UTC", "disabled", "After the unlock, the account still can't"],
        ),
        (
            {"passwords": [PasswordRow(expires_at=NOW - 2 * DAY)]},
            ["expired at 20 Nov 2026", "(2 days ago)", "openstack user set --password-prompt"],
        ),
        (
            LOCKED | {"failed_auth_at": NOW - timedelta(hours=1)},
            ["Can sign in", "the lock ended at 13:32:11 UTC (30 min ago)"],
        ),
    ],
)
def test_says_whether_the_user_can_sign_in_and_the_remedy(
    site: Client, facts: dict[str, Any], terms: list[str]
) -> None:
    page = text(site, make_user(**facts))

    assert [term for term in terms if term not in page] == []


def test_an_ldap_user_is_reached_by_inactivity_only(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"disable_user_account_days_inactive": "90"}
    page = text(site, make_ldap_user("lena"))

    assert "LDAP or federated user. Lockout and expiry don't apply to it" in page
    assert "where its password is" in page
    assert "Password expires not covered" in page
    assert "Goes inactive 20 Feb 2027" in page


def test_last_active_says_never_without_a_sign_in(site: Client) -> None:
    page = text(site, make_user(last_active_at=None))

    assert "Never signed in" in page
    assert "Last active never" in page


def test_a_federated_user_has_its_display_name(site: Client) -> None:
    assert "Frida of the IdP" in text(site, make_federated_user("Frida of the IdP"))


def test_an_inactive_account_is_enabled_but_refused(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"disable_user_account_days_inactive": "90"}
    page = text(site, make_user(last_active_at=(NOW - 91 * DAY).date()))

    assert "Can't sign in: inactive since 21 Nov 2026 (1 day ago)" in page
    assert "Enabled Yes, but refused as inactive" in page
    assert "Inactive since 21 Nov 2026, 1 day ago" in page


@pytest.mark.parametrize(
    ("locked", "crumbs"),
    [
        (True, '<a href="/accounts/?state=locked">Locked accounts</a>'),
        (False, '<a href="/accounts/">Accounts</a>'),
    ],
)
def test_only_a_locked_account_offers_the_unlock_and_the_locked_list(
    site: Client,
    locked: bool,  # noqa: FBT001 (a parameter of the table)
    crumbs: str,
) -> None:
    user = make_locked_user() if locked else make_user(enabled=False)
    page = html(site, user)

    assert (f'href="/accounts/{user.id}/unlock/"' in page) is locked
    assert f'<nav class="crumbs" aria-label="Breadcrumb">{crumbs}' in page


def test_a_command_is_escaped(site: Client) -> None:
    user = make_user(user_id="<b>'id'", enabled=False)
    page = site.get("/accounts/%3Cb%3E'id'/").content.decode()

    assert user.id not in page
    assert "openstack user set --enable &#x27;&lt;b&gt;" in page


# --- Facts --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "fact"),
    [
        ({}, "Failed attempts 0 of 3"),
        ({"failed_auth_count": None}, "Failed attempts 0 of 3"),
        ({"email": "ann@example.test"}, "Email ann@example.test"),
        ({"extra": "no JSON"}, "Email none"),
        ({"extra": '["a list"]'}, "Email none"),
        ({"extra": '{"email": 7}'}, "Email none"),
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
    assert fact in text(site, make_user(**facts))


@pytest.mark.parametrize(("privileged", "queries"), [(False, 10), (True, 16)])
def test_queries_to_keystones_database(
    site: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    privileged: bool,  # noqa: FBT001 (a parameter of the table)
    queries: int,
) -> None:
    """The user with its names and domain, options, passwords; for privileges its groups, roles,
    service projects, assignments; application credentials, twice; EC2 credentials. A privileged
    account also: roles, service projects, groups, assignments on the system and elsewhere, names
    of roles and targets.
    """
    make_role("admin")
    user = make_locked_user(options={"1001": True})
    if privileged:
        grant(user, on=make_project())

    with django_assert_num_queries(queries, using="keystone"):
        site.get(f"/accounts/{user.id}/")


def test_queries_to_our_own_database(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Session and operator; a record that it is a machine; attempts, acts, changes, and emails of
    the history; the consumer; requests to unlock it; exemptions; changes outside pciops; alerts
    (4).
    """
    user = make_user()
    SessionRecorder().connect(NOW)
    html(site, user)  # notes once a minute that Keystone's database answers

    with django_assert_num_queries(15, using="default"):
        html(site, user)


# --- Privileges ---------------------------------------------------------------------------------
def test_a_privileged_account_lists_its_roles(site: Client) -> None:
    make_role("owner", implies="admin")
    user = make_user()
    grant(user)
    grant(user, on=make_domain())
    grant(user, "owner", on=make_project("web"))
    grant(make_group(user, name="crew"), "reader", on=make_project("service"))
    page = text(site, user)

    assert "ann Admin Service Default" in page
    assert "admin on the entire system admin on the domain Default" in page
    assert "owner , which implies admin , on the project web Default" in page
    assert "reader on the project service Default , through the group crew" in page


def test_an_inherited_role_is_on_every_project(site: Client) -> None:
    user = make_user()
    grant(user, on=make_domain(), inherited=True)

    assert "admin on every project of the domain Default" in text(site, user)


def test_an_account_without_privileges_has_no_roles_section(site: Client) -> None:
    user = make_user()
    grant(user, "member", on=make_project())

    assert 'id="matters"' not in html(site, user)


def test_roles_after_the_tenth_are_collapsed(site: Client) -> None:
    user = make_user()
    for number in range(13):
        grant(user, on=make_project(f"web{number}"))

    assert "<summary>3 more</summary>" in html(site, user)


def test_names_of_other_domains_are_not_shown_to_an_operator_of_one(shops: Client) -> None:
    user = make_user(domain_id="shops")
    secret = make_project("secret", domain_id="payments")
    grant(make_group(user, name="their group", domain_id="payments"), on=secret)
    make_credential(user, project=secret)
    page = text(shops, user)

    assert "admin on a project that you can't see, through a group that you can't see" in page
    assert "ci on a project that you can't see" in page
    assert "secret" not in page
    assert "their group" not in page


# --- Application credentials --------------------------------------------------------------------
def test_application_credentials_are_sorted_with_project_and_expiry(site: Client) -> None:
    user = make_locked_user()
    make_credential(user, "zeta", expires_at=NOW + 2 * DAY)
    make_credential(user, "beta", expires_at=NOW - 2 * DAY, unrestricted=True)
    make_credential(user, "alfa", project=make_project("web", domain_id="shops"))
    page = text(site, user)

    assert "alfa on the project web Shops never expires" in page
    assert "beta on the project web Default unrestricted expired 20 Nov, 14:02 UTC" in page
    assert "zeta on the project web Default expires 24 Nov, 14:02 UTC" in page
    assert page.index("alfa on") < page.index("beta on") < page.index("zeta on")
    assert "Application credentials 3" in page
    assert "keep working while the account is locked" in page


def test_an_account_without_application_credentials_has_none(site: Client) -> None:
    make_credential(make_user("bob"))

    assert "Application credentials none" in text(site, make_user())


# --- The cause of a lock ------------------------------------------------------------------------
@pytest.mark.parametrize("url", ["/accounts/{}/", "/accounts/{}/unlock/"])
def test_a_locked_account_shows_the_cause_and_when_it_locks_again(site: Client, url: str) -> None:
    user = make_locked_user(at=NOW)
    save_attempts(user.id, stale_script())
    page = shown(site.get(url.format(user.id)))

    assert "he same wrong password every 300 s" in page
    assert "10.2.3.4" in page
    assert "in about 13 min, at 14:15:31 UTC" in page


def test_the_evidence_of_the_cause_is_shown_and_escaped(site: Client) -> None:
    user = make_locked_user(at=NOW)
    save_attempts(user.id, stale_script(agent="<script>alert(1)</script>"))
    page = html(site, user)

    assert "Old password in a program" in page
    assert ">Evidence</summary>" in page
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize(
    ("locked", "url"), [(False, "/accounts/{}/"), (True, "/accounts/{}/disable/")]
)
def test_no_cause_without_failures_or_in_the_form_of_another_act(
    site: Client,
    locked: bool,  # noqa: FBT001 (a parameter of the table)
    url: str,
) -> None:
    user = make_locked_user(at=NOW) if locked else make_user()
    save_attempts(user.id, stale_script())

    assert "Old password" not in shown(site.get(url.format(user.id)))


def test_without_notifications_the_page_says_what_to_set(site: Client) -> None:
    page = text(site, make_locked_user(at=NOW))

    assert "Unknown" in page
    assert "driver = messagingv2" in page
    assert "report_invalid_password_hash = event" in page


def test_a_lock_long_after_an_unlock_is_not_a_relock(site: Client) -> None:
    user = make_locked_user(at=NOW - 5 * MINUTE)

    assert "locked again" not in shown(site.get(f"/accounts/{user.id}/unlock/"))


# --- Changes elsewhere ---------------------------------------------------------------------------
def test_an_out_of_band_change_is_shown(site: Client) -> None:
    user = make_user()
    OutOfBandChange.objects.create(
        dedup_key=uuid.uuid4(),
        kind="activity",
        user_id=user.id,
        name="ann",
        before="last active on 6 May 2026",
        after="last active on 22 Nov 2026",
        checked_at=NOW - timedelta(hours=1),
        found_at=NOW,
    )
    page = text(site, user)

    assert "Last activity changed elsewhere" in page
    assert "Last active on 6 May 2026" in page
    assert "13:02:11 UTC" in page
