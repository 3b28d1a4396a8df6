"""The sections about policy, population and accounts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from pciops.accounts.census import census
from pciops.accounts.census.counting import CensusTally
from pciops.accounts.policy import policy
from pciops.actions.models import Exemption
from pciops.keystone import options
from pciops.keystone.models import User
from pciops.reports import factor_lists
from pciops.reports.spool import ReportTables
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
from tests.reports.weekly import figures, rows, section, statements, verdicts
from tests.support.examples import some

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def rules(settings: Settings) -> None:
    """Rules as PCI DSS wants them."""
    settings.POLICY_OVERRIDES = {
        "lockout_failure_attempts": "3",
        "lockout_duration": "1800",
        "disable_user_account_days_inactive": "90",
        "password_expires_days": "90",
    }


def names(key: str, table: str, *, scope: str | None = None) -> list[object]:
    return [row[1] for row in rows(key, table, scope=scope)]


# --- Population ----------------------------------------------------------------------------------
@some(20)
@given(st.lists(st.sampled_from(["local", "locked", "ldap", "federated", "nameless"]), max_size=8))
def test_every_user_is_reported_or_listed_as_not_covered(kinds: list[str]) -> None:
    tables = ReportTables()
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
        population = section("population", tables)
        users = User.objects.count()
        transaction.set_rollback(True, using="keystone")
    numbers = {figure.key: figure.number for figure in population.figures}

    assert numbers["accounts"] == sum(kind in {"local", "locked"} for kind in kinds)
    assert numbers["accounts"] + len(list(tables.rows("not_covered"))) == users == len(kinds)
    assert numbers["unexplained"] == 0


def test_the_reconciliation_is_a_statement() -> None:
    make_user()
    make_ldap_user()
    [words] = statements("population")

    assert "2 rows in Keystone's table user = 1 accounts reported + 1 named" in words


def test_an_account_created_while_the_report_is_built_is_not_tested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counting = census.count

    def slow(*, policy: policy.Policy, now: object, passwords: bool) -> CensusTally:
        tally = counting(policy=policy, now=NOW, passwords=passwords)
        make_user("new")
        return tally

    monkeypatch.setattr(census, "count", slow)
    [words] = statements("population")

    assert "1 more" in words
    assert verdicts("8.2.6") == {"8.2.6": "partly_tested"}


def test_each_domain_has_its_own_counts() -> None:
    make_locked_user("ann", at=NOW)
    make_user("bob", domain_id="other")
    counts = {row[1]: row[2:4] for row in rows("population", "population_domains")}

    assert counts == {"Default": (1, 1), "Other": (1, 0)}


def test_the_report_of_a_domain_has_no_other_accounts() -> None:
    make_locked_user("ann", at=NOW)
    make_user("bob", domain_id="other")

    assert names("population", "population_domains", scope="other") == ["Other"]
    assert figures("population", scope="other")["accounts"] == 1
    assert figures("8.3.4", scope="other")["locked"] == 0


# --- Lists ---------------------------------------------------------------------------------------
LISTS = {
    "8.2.6": ("inactive", "inactive_soon", "inactivity_exempt"),
    "8.3.5": ("must_change", "first_use_exempt"),
    "8.3.9": ("expired", "no_expiry", "expiring"),
}


def days_ago(days: int) -> dict[str, Any]:
    return {"last_active_at": NOW.date() - timedelta(days=days)}


def password(**facts: Any) -> dict[str, Any]:
    return {"passwords": [PasswordRow(**facts)]}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (days_ago(82), set()),
        (days_ago(84), {"inactive_soon"}),
        (days_ago(90), {"inactive"}),
        (
            days_ago(400) | {"options": {options.IGNORE_USER_INACTIVITY: True}},
            {"inactivity_exempt"},
        ),
        ({"options": {options.IGNORE_CHANGE_PASSWORD: True}}, {"first_use_exempt"}),
        (password(created_at=NOW - 2 * DAY, expires_at=NOW - 2 * DAY), {"must_change"}),
        (password(expires_at=NOW - DAY), {"expired"}),
        (password(expires_at=NOW + DAY), {"expiring"}),
        (password(expires_at=None), {"no_expiry"}),
    ],
)
def test_an_account_is_only_in_its_lists(facts: dict[str, Any], expected: set[str]) -> None:
    make_user("ann", **{**password(expires_at=NOW + 90 * DAY), **facts})
    listed = {table for key, tables in LISTS.items() for table in tables if names(key, table)}

    assert listed == expected


def test_a_password_without_expiry_is_an_exception() -> None:
    make_user("old", **password(expires_at=None))

    assert names("8.3.9", "password_exceptions") == ["old"]
    assert verdicts("8.3.9") == {"8.3.9": "exception"}


def test_locked_accounts_have_failures_and_an_end_and_exempt_ones_are_apart() -> None:
    make_locked_user("ann", at=NOW - timedelta(minutes=1))
    make_locked_user("nova", at=NOW, options={options.IGNORE_LOCKOUT: True})
    [locked] = rows("8.3.4", "locked")

    assert locked[1:8] == (
        *("ann", "Default", "", 3, "2026-11-22T14:01:11Z", "2026-11-22T14:31:11Z"),
        "no failure recorded",
    )
    assert names("8.3.4", "attacked_exempt") == ["nova"]


def test_an_enabled_administrator_with_one_factor_is_an_exception() -> None:
    grant(make_user("one"))
    grant(make_user("two", options={options.MFA_RULES: [["password", "totp"]]}))
    grant(make_user("off", enabled=False))

    assert names("8.4", "single_factor") == ["one"]
    assert figures("8.4")["administrators"] == 3
    assert verdicts("8.4")["8.4.1"] == "exception"


def test_the_second_factor_of_an_ldap_administrator_is_not_known() -> None:
    grant(make_ldap_user("lena"))

    assert names("8.4", "factor_elsewhere") == ["lena"]
    assert rows("8.4", "single_factor") == []


def test_accounts_whose_second_factor_is_not_enrolled_are_listed() -> None:
    rules = {options.MFA_RULES: [["password", "totp"]]}
    make_user("ann", options=rules)
    make_user("bob", options=rules, credentials=["totp"])
    make_user("carl", options=rules, domain_id="other")
    make_user("dora")

    assert sorted(map(str, names("8.4", "not_enrolled"))) == ["ann", "carl"]
    assert names("8.4", "not_enrolled", scope="other") == ["carl"]
    assert figures("8.4")["not_enrolled"] == 2


@pytest.mark.parametrize("size", [1, 2, 100])
def test_holders_of_ec2_credentials_are_listed_and_counted(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factor_lists, "CHUNK", size)
    monkeypatch.setattr(factor_lists, "HOLDERS", size)
    rules = {options.MFA_RULES: [["password", "totp"]]}
    grant(make_user("root", options=rules, credentials=["totp", "ec2"]))
    make_user("ann", credentials=["ec2"])
    make_user("bob", credentials=["ec2"], domain_id="other", enabled=False)
    make_user("carl", credentials=["totp"])

    assert sorted((str(row[1]), *row[4:]) for row in rows("8.4", "ec2_credentials")) == [
        ("ann", True, 1),
        ("bob", False, 1),
        ("root", True, 1),
    ]
    assert names("8.4", "ec2_credentials", scope="other") == ["bob"]
    assert figures("8.4")["ec2_credentials"] == 3
    assert any("in spite of a lock" in words for words in statements("8.4"))
    [administrators, *_] = section("8.4").judgments or ()
    assert any("EC2 credentials (1)" in words for words in administrators.not_tested)


def test_without_ec2_credentials_nothing_is_said_of_them() -> None:
    grant(make_user("root", options={options.MFA_RULES: [["password", "totp"]]}))

    assert figures("8.4")["ec2_credentials"] == 0
    assert not any("EC2" in words for words in statements("8.4"))


def test_service_accounts_have_the_age_of_their_password() -> None:
    created_at = NOW - timedelta(days=400)
    nova = make_user("nova", passwords=[PasswordRow(created_at=created_at)])
    grant(nova, "member", on=make_project("service"))

    [row] = rows("8.6", "services")
    assert row[1:7] == ("nova", "Default", "Service account", True, "2025-10-18", 400)


@pytest.mark.parametrize("name", ["=1+1", "<script>", "a\x1b[2J\r\nb", "\u202eevil", "a\ud83d"])
def test_a_name_is_taken_as_it_is(name: str) -> None:
    stored = name.encode("utf-8", "replace").decode()
    make_user(stored, last_active_at=NOW.date() - timedelta(days=100))

    assert names("8.2.6", "inactive") == [stored]


# --- Policy --------------------------------------------------------------------------------------
def test_requirements_have_their_old_numbers() -> None:
    numbers = [row[:2] for row in rows("policy", "policy_requirements")]

    assert ("8.2.6", "8.1.4") in numbers
    assert ("8.3.9", "8.2.4") in numbers


def test_a_rule_that_is_off_is_named(settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "3"}

    assert "rule is off" in statements("8.2.6")[0]


# --- The exemption register ----------------------------------------------------------------------
def exempt(name: str = "nova", **facts: Any) -> User:
    return make_user(name, options={options.IGNORE_LOCKOUT: True}, **facts)


def recorded(user: User, ends_on: date) -> None:
    Exemption.objects.create(
        user_id=user.id,
        user_name="nova",
        domain_id="default",
        domain_name="Default",
        option="ignore_lockout_failure_attempts",
        owner="compute",
        reason="service",
        starts_on=NOW.date(),
        ends_on=ends_on,
        recorded_by="olga",
        event_id="e",
    )


def test_an_unrecorded_exemption_is_an_exception() -> None:
    exempt()

    assert figures("8.6")["register_unrecorded"] == 1
    assert [row[5] for row in rows("8.6", "register_findings")] == ["Not recorded"]
    assert verdicts("8.6")["8.2.2"] == "exception"


def test_an_overdue_exemption_is_an_exception() -> None:
    recorded(exempt(), date(2026, 11, 1))

    assert [row[5:8] for row in rows("8.6", "register_findings")] == [
        ("Overdue", "compute", "service")
    ]


def test_an_exemption_with_owner_and_end_proves_no_requirement() -> None:
    recorded(exempt(), date(2027, 1, 1))

    assert rows("8.6", "register_findings") == []
    assert len(rows("8.6", "register")) == 1
    assert set(verdicts("8.6").values()) == {"not_tested"}


def test_the_report_of_a_domain_has_only_its_own_exemptions() -> None:
    exempt()
    exempt("other", domain_id="other")

    assert [row[2] for row in rows("8.6", "register", scope="other")] == ["Other"]
