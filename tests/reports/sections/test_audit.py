"""The sections about unlocks, changes of policy and acts, from the audit log."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine
from pytest_django import Settings

from pciops.accounts.account import Failures
from pciops.accounts.policy import policy as policies
from pciops.audit import chain, policy_changes, services
from pciops.audit.models import Event
from tests.audit.helpers import forge, open_event, record
from tests.factories import NOW, make_account
from tests.reports.weekly import IN_WEEK, WEEK, figures, rows, statements

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def unlocked(**facts: object) -> Event:
    """Record an unlock in the week, nine minutes after the last failure."""
    seen = Failures(failed_auth_count=6, failed_auth_at=IN_WEEK - timedelta(minutes=9))
    event = open_event(**{"precondition": seen, "now": IN_WEEK, **facts})
    with time_machine.travel(IN_WEEK, tick=False):
        return services.settle(event, Event.Outcome.SUCCESS)


def test_an_unlock_has_all_that_an_assessor_asks_for() -> None:
    event = unlocked(reason="INC-1: called")

    assert rows("8.3.4", "unlocks") == [
        (
            *("2026-11-11T03:00:00Z", "a" * 32, "ann", "Default", 6, "2026-11-11T02:51:00Z"),
            *("9 min", "Success", "olga (Default)", "Web page", "Called back on a number on file"),
            *("INC-1: called", "", event.id),
        )
    ]
    assert figures("8.3.4")["unlocked"] == 1


def test_an_unlock_without_a_check_of_identity_is_a_finding() -> None:
    unlocked(identity="")

    assert figures("8.3.4")["unlocked_unchecked"] == 1


def test_an_unlock_that_failed_is_listed_and_not_counted() -> None:
    services.settle(open_event(now=IN_WEEK), Event.Outcome.FAILURE, "somebody was first")

    assert [row[7] for row in rows("8.3.4", "unlocks")] == ["Failure"]
    assert figures("8.3.4")["unlocked"] == 0


@pytest.mark.parametrize(
    ("now", "listed"),
    [
        (WEEK.begins - timedelta(microseconds=1), 0),
        (WEEK.begins, 1),
        (WEEK.ends - timedelta(microseconds=1), 1),
        (WEEK.ends, 0),
    ],
)
def test_the_week_includes_its_monday_and_not_the_next(now: datetime, listed: int) -> None:
    unlocked(now=now)

    assert len(rows("8.3.4", "unlocks")) == listed


def test_the_report_of_a_domain_has_only_acts_on_its_accounts() -> None:
    unlocked()
    unlocked(account=make_account(domain_id="other", domain_name="Other"))

    assert [row[3] for row in rows("8.3.4", "unlocks", scope="other")] == ["Other"]
    assert figures("acts", scope="other")["acts"] == 1


def test_an_unlock_with_unreadable_failures_is_listed() -> None:
    event = unlocked()
    forge("UPDATE audit_event SET seen = 'nonsense' WHERE id = %s", event.id)

    assert [row[4] for row in rows("8.3.4", "unlocks")] == [0]


def test_sign_ins_are_counted_and_downloads_are_listed() -> None:
    record(now=IN_WEEK)
    record(now=IN_WEEK, action=Event.Action.EXPORT, resource="accounts.csv")

    assert [row[1] for row in rows("acts", "acts")] == ["Exported"]
    assert rows("acts", "acts_numbers") == [("Signed in", "Success", 1), ("Exported", "Success", 1)]


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
def test_a_batch_of_acts_may_end_anywhere(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.audit.selectors.BATCH", batch)
    for _ in range(6):
        record(now=IN_WEEK, action=Event.Action.EXPORT)

    assert len({row[-1] for row in rows("acts", "acts")}) == 6


def test_a_changed_option_is_marked(settings: Settings) -> None:
    policy_changes.record_changes(policies.current_with_sources(), IN_WEEK)
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "9"}
    policy_changes.record_changes(policies.current_with_sources(), IN_WEEK + timedelta(minutes=5))
    values = {row[0]: row[1:] for row in rows("policy", "policy_values")}

    assert values["lockout_failure_attempts"] == (
        "9",
        "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS",
        True,
    )
    assert values["password_regex"][2] is False
    assert "3 → 9" in str(rows("policy", "policy_changes")[1][2])


# --- The verification of the audit log -----------------------------------------------------------
def test_an_audit_log_that_passes_is_met_with_its_number_of_rows() -> None:
    record()
    chain.run_check(NOW)
    [(words, verdict)] = statements("acts")

    assert "1 rows" in words
    assert verdict == "met"


@pytest.mark.parametrize("checked_at", [None, NOW - timedelta(days=3)])
def test_an_audit_log_not_verified_of_late_is_not_known(checked_at: datetime | None) -> None:
    if checked_at:
        chain.run_check(checked_at)

    assert statements("acts")[0][1] == "unknown"


def test_an_audit_log_that_fails_is_a_finding() -> None:
    record()
    forge("UPDATE audit_event SET remark = 'forged'")
    chain.run_check(NOW)

    assert statements("acts")[0][1] == "finding"
