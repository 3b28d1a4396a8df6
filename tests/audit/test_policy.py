"""Values of Keystone's policy that change are in the trail."""

from __future__ import annotations

import pytest

from pciops.accounts.policy.policy import parse
from pciops.audit.models import Event
from pciops.audit.policy_changes import record_changes
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def look(**overrides: str) -> list[tuple[str, str]]:
    """Look at a policy of these options; the new rows."""
    found = parse((), overrides)
    return [(event.resource, event.remark) for event in record_changes(found, NOW)]


def test_the_first_look_writes_every_value_in_one_row() -> None:
    rows = look(lockout_failure_attempts="6")

    assert [resource for resource, _ in rows] == ["[security_compliance]"]
    assert "first seen: lockout_failure_attempts 6, lockout_duration 1800, " in rows[0][1]


def test_a_policy_that_stays_writes_nothing() -> None:
    look(lockout_failure_attempts="6")

    assert look(lockout_failure_attempts="6") == []


def test_each_option_that_changed_has_a_row_with_both_values() -> None:
    look(lockout_failure_attempts="6")

    assert look(lockout_failure_attempts="10", change_password_upon_first_use="yes") == [
        (
            "[security_compliance] lockout_failure_attempts",
            "6 → 10 (from PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS)",
        ),
        (
            "[security_compliance] change_password_upon_first_use",
            "off → on (from PCIOPS_POLICY_CHANGE_PASSWORD_UPON_FIRST_USE)",
        ),
    ]


def test_a_rule_that_was_switched_off_is_a_change() -> None:
    look(lockout_failure_attempts="6")

    assert look() == [
        ("[security_compliance] lockout_failure_attempts", "6 → not set (from default)")
    ]


def test_a_list_that_stays_is_no_change() -> None:
    look(report_invalid_password_hash="event")

    assert look(report_invalid_password_hash="event") == []


def test_pciops_itself_is_who_noticed() -> None:
    look()
    event = Event.objects.get()

    assert (event.initiator, event.initiator_type, event.via) == ("pciops", "pciops", "task")
