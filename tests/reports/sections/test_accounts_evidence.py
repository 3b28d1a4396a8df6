"""What the report says of policy, population and lists, and that nobody is left out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from pciops.accounts.census import census
from pciops.accounts.census.counting import CensusTally
from pciops.accounts.models import CensusGap
from pciops.accounts.policy import policy
from pciops.keystone import options
from pciops.keystone.models import User
from pciops.lib.evidence import Gap
from tests.factories import (
    NOW,
    PasswordRow,
    grant,
    make_federated_user,
    make_ldap_user,
    make_locked_user,
    make_project,
    make_user,
)
from tests.reports.scenes import IN_IT, WEEK, counted, figures, parts, rows, said

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

NEVER = timedelta(0)


@pytest.fixture(autouse=True)
def ninety(settings: Settings) -> None:
    """Rules as PCI DSS wants them."""
    settings.POLICY_OVERRIDES = {
        "lockout_failure_attempts": "3",
        "lockout_duration": "1800",
        "disable_user_account_days_inactive": "90",
        "password_expires_days": "90",
    }


# --- Population ----------------------------------------------------------------------------------
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(["local", "locked", "ldap", "federated", "nameless"]), max_size=8))
def test_rows_are_reported_or_named(kinds: list[str]) -> None:
    with transaction.atomic(using="keystone"):
        for number, kind in enumerate(kinds):
            if kind == "local":
                make_user(f"user{number}")
            elif kind == "locked":
                make_locked_user(f"user{number}")
            elif kind == "ldap":
                make_ldap_user(f"user{number}", domain_id="default")
            else:
                make_federated_user("fred" if kind == "federated" else None)
        found, listed = figures("population"), rows("population", "not_covered")
        number = User.objects.count()
        transaction.set_rollback(True, using="keystone")

    assert found["accounts"] == sum(kind in {"local", "locked"} for kind in kinds)
    assert (found["accounts"] or 0) + len(listed) == number == len(kinds)
    assert found["unexplained"] == 0


def test_the_sum_is_said() -> None:
    make_user()
    make_ldap_user()

    assert said("population")[0] == (
        "2 rows in Keystone's table user = 1 accounts reported + 1 named as not covered (LDAP or"
        " federated).",
        "met",
    )


def test_an_account_that_came_while_it_was_read_is_a_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counting = census.count

    def slow(*, policy: policy.Policy, now: object) -> CensusTally:
        found = counting(policy=policy, now=NOW)
        make_user("new")
        return found

    monkeypatch.setattr(census, "count", slow)
    [(words, verdict), *_] = said("population")

    assert "1 more than that" in words
    assert verdict == "finding"


def test_domains_are_counted_each_for_itself() -> None:
    make_locked_user("ann", at=NOW)
    make_user("bob", domain_id="other")

    found = {row[1]: row[2:4] for row in rows("population", "population_domains")}
    assert found == {"Default": (1, 1), "Other": (1, 0)}


def test_of_a_domain_nothing_else_is_said() -> None:
    make_locked_user("ann", at=NOW)
    make_user("bob", domain_id="other")

    assert [row[1] for row in rows("population", "population_domains", scope="other")] == ["Other"]
    assert figures("population", scope="other")["accounts"] == 1
    assert figures("8.3.4", scope="other")["locked"] == 0


# --- Lists ---------------------------------------------------------------------------------------
def test_inactive_due_and_exempt_accounts_are_told_apart() -> None:
    for name, days in (("gone", 90), ("soon", 84), ("here", 82)):
        make_user(name, last_active_at=NOW.date() - timedelta(days=days))
    make_user(
        "exempt",
        last_active_at=NOW.date() - timedelta(days=400),
        options={options.IGNORE_USER_INACTIVITY: True},
    )
    found = {
        key: [row[1] for row in rows("8.2.6", key)]
        for key in ("inactive", "inactive_soon", "inactivity_exempt")
    }

    assert found == {
        "inactive": ["gone"],
        "inactive_soon": ["soon"],
        "inactivity_exempt": ["exempt"],
    }


def test_locks_have_failures_and_an_end_and_attacks_on_exempt_accounts_are_a_list() -> None:
    make_locked_user("ann", at=NOW - timedelta(minutes=1))
    make_locked_user("nova", at=NOW, options={options.IGNORE_LOCKOUT: True})

    [locked], [attacked] = rows("8.3.4", "locked"), rows("8.3.4", "attacked_exempt")
    assert locked[1:] == (
        *("ann", "Default", "", 3, "2026-11-22T14:01:11Z", "2026-11-22T14:31:11Z"),
        "no failure recorded",
    )
    assert attacked[1] == "nova"


def test_a_first_password_is_not_an_expired_one() -> None:
    row = PasswordRow(created_at=NOW - timedelta(days=2), expires_at=NOW - timedelta(days=2))
    make_user("new", passwords=[row])

    assert [row[1] for row in rows("8.3.5", "must_change")] == ["new"]
    assert rows("8.3.9", "expired") == []


def test_a_password_of_before_the_rule_is_a_finding() -> None:
    make_user("old", passwords=[PasswordRow(expires_at=None)])

    assert figures("8.3.9")["no_expiry"] == 1
    assert said("8.3.9")[0][1] == "finding"


def test_an_administrator_with_one_factor_is_a_finding() -> None:
    grant(make_user("one"))
    grant(make_user("two", options={options.MFA_RULES: [["password", "totp"]]}))
    grant(make_user("off", enabled=False))

    assert [row[1] for row in rows("8.4", "single_factor")] == ["one"]
    assert figures("8.4")["administrators"] == 3


def test_what_the_rules_of_an_ldap_administrator_are_is_not_known() -> None:
    grant(make_ldap_user("lena"))

    assert [row[1] for row in rows("8.4", "factor_elsewhere")] == ["lena"]
    assert rows("8.4", "single_factor") == []


def test_service_accounts_have_the_age_of_their_password() -> None:
    made = NOW - timedelta(days=400)
    nova = make_user("nova", passwords=[PasswordRow(created_at=made)])
    grant(nova, "member", on=make_project("service"))

    [row] = rows("8.6", "services")
    assert row[1:7] == ("nova", "Default", "Service account", True, "2025-10-18", 400)


@pytest.mark.parametrize("name", ["=1+1", "<script>", "a\x1b[2J\r\nb", "\u202eevil", "a\ud83d"])
def test_a_name_is_taken_as_it_is(name: str) -> None:
    stored = name.encode("utf-8", "replace").decode()
    make_user(stored, last_active_at=NOW.date() - timedelta(days=100))

    assert [row[1] for row in rows("8.2.6", "inactive")] == [stored]


# --- Policy --------------------------------------------------------------------------------------
def test_requirements_have_their_old_numbers() -> None:
    found = [row[:2] for row in rows("policy", "policy_requirements")]

    assert ("8.2.6", "8.1.4") in found
    assert ("8.3.9", "8.2.4") in found


def test_a_rule_that_is_off_is_a_finding(settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "3"}

    assert ("Keystone's rule is off: it lets unused accounts in for ever.", "finding") in said(
        "8.2.6"
    )


# --- Gaps ----------------------------------------------------------------------------------------
def gaps() -> list[tuple[str, timedelta, timedelta]]:
    """Source, and both ends as time since the week began."""
    return [
        (part.source, part.begins - WEEK.begins, part.ends - WEEK.begins)
        for part in parts("gaps")
        if isinstance(part, Gap)
    ]


def test_a_census_that_comes_late_writes_down_the_gap() -> None:
    for minutes in (0, 5, 50, 55):
        now = IN_IT + timedelta(minutes=minutes)
        census.take(policy=policy.current(), now=now)

    [gap] = CensusGap.objects.all()
    assert (gap.begins, gap.ends) == (
        IN_IT + timedelta(minutes=5),
        IN_IT + timedelta(minutes=50),
    )


def test_a_gap_is_cut_to_the_week() -> None:
    counted(WEEK.begins - timedelta(days=3), NOW)
    hour = timedelta(hours=1)
    CensusGap.objects.create(begins=WEEK.begins - hour, ends=WEEK.begins + hour)
    CensusGap.objects.create(begins=WEEK.ends - hour, ends=WEEK.ends + hour)
    week = WEEK.ends - WEEK.begins

    assert gaps()[:2] == [("schedule", NEVER, hour), ("schedule", week - hour, week)]


def test_a_schedule_that_stands_still_to_this_day_is_a_gap() -> None:
    counted(WEEK.begins - timedelta(days=1), WEEK.begins + timedelta(days=1))

    assert gaps()[0] == ("schedule", timedelta(days=1), timedelta(days=7))


def test_before_the_first_census_nothing_was_watched() -> None:
    counted(WEEK.begins + timedelta(days=3), NOW)

    assert gaps()[0] == ("schedule", NEVER, timedelta(days=3))


def test_without_a_gap_the_schedule_ran_all_week() -> None:
    counted(WEEK.begins - timedelta(days=1), WEEK.ends - timedelta(minutes=5))

    assert [gap for gap in gaps() if gap[0] == "schedule"] == []
    assert said("gaps")[0][1] == "met"
