"""What the report says of unlocks, changes of policy and acts."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from pciops.accounts.account import Failures
from pciops.accounts.policy import policy as policies
from pciops.audit import chain, policy_changes, services
from pciops.audit.models import Event
from tests.audit.helpers import forge, open_event, record
from tests.factories import NOW, make_account
from tests.reports.scenes import IN_IT, WEEK, figures, rows, said

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def unlocked(**facts: object) -> Event:
    """An unlock in the week, nine minutes after the last failure."""
    seen = Failures(failed_auth_count=6, failed_auth_at=IN_IT - timedelta(minutes=9))
    event = open_event(**{"precondition": seen, "now": IN_IT, **facts})
    with time_machine.travel(IN_IT, tick=False):
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
    services.settle(open_event(now=IN_IT), Event.Outcome.FAILURE, "somebody was first")

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
def test_the_week_has_its_monday_and_not_the_next(now: object, listed: int) -> None:
    unlocked(now=now)

    assert len(rows("8.3.4", "unlocks")) == listed


def test_of_a_domain_only_acts_on_its_accounts() -> None:
    unlocked()
    unlocked(account=make_account(domain_id="other", domain_name="Other"))

    assert [row[3] for row in rows("8.3.4", "unlocks", scope="other")] == ["Other"]
    assert figures("acts", scope="other")["acts"] == 1


def test_what_the_seen_failures_were_may_be_nonsense() -> None:
    event = unlocked()
    forge("UPDATE audit_event SET seen = 'nonsense' WHERE id = %s", event.id)

    assert [row[4] for row in rows("8.3.4", "unlocks")] == [0]


def test_sign_ins_are_counted_and_files_are_listed() -> None:
    record(now=IN_IT)
    record(now=IN_IT, action=Event.Action.EXPORT, resource="accounts.csv")

    assert [row[1] for row in rows("acts", "acts")] == ["Exported"]
    assert rows("acts", "acts_numbers") == [("Signed in", "Success", 1), ("Exported", "Success", 1)]


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
def test_a_batch_may_end_anywhere(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.audit.selectors.BATCH", batch)
    for _ in range(6):
        record(now=IN_IT, action=Event.Action.EXPORT)

    assert len({row[-1] for row in rows("acts", "acts")}) == 6


def test_an_option_that_changed_is_marked(settings: object) -> None:
    policy_changes.record_changes(policies.current_with_sources(), IN_IT)
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "9"}  # type: ignore[attr-defined]
    policy_changes.record_changes(policies.current_with_sources(), IN_IT + timedelta(minutes=5))
    values = {row[0]: row[1:] for row in rows("policy", "policy_values")}

    assert values["lockout_failure_attempts"] == (
        "9",
        "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS",
        True,
    )
    assert values["password_regex"][2] is False
    assert "3 → 9" in str(rows("policy", "policy_changes")[1][2])


def trail() -> tuple[str, str | None]:
    return said("acts")[0]


def test_a_trail_that_fits_is_said_with_its_head() -> None:
    record()
    chain.run_check(NOW)

    words, verdict = trail()
    assert "1 rows fit" in words
    assert verdict == "met"


def test_a_trail_that_nobody_verified_is_not_known() -> None:
    assert trail()[1] == "unknown"


def test_a_verification_of_long_ago_is_not_known() -> None:
    chain.run_check(NOW - timedelta(days=3))

    assert trail()[1] == "unknown"


def test_a_trail_that_does_not_fit_is_a_finding() -> None:
    record()
    forge("UPDATE audit_event SET remark = 'forged'")
    chain.run_check(NOW)

    assert trail()[1] == "finding"
