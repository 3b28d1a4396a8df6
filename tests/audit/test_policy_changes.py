"""Tests of changes of Keystone's policy in the audit log."""

from __future__ import annotations

import pytest

from pciops.accounts.policy.policy import parse
from pciops.audit.models import Event
from pciops.audit.policy_changes import record_changes
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def changes(**overrides: str) -> list[tuple[str, str]]:
    """Record the changes to a policy with these options; return resource and remark of each."""
    events = record_changes(parse((), overrides), NOW)
    return [(event.resource, event.remark) for event in events]


def test_first_call_records_every_value_in_one_row() -> None:
    [(resource, remark)] = changes(lockout_failure_attempts="6")
    event = Event.objects.get()

    assert resource == "[security_compliance]"
    assert "lockout_failure_attempts 6, lockout_duration 1800, " in remark
    assert (event.initiator, event.initiator_type, event.via) == ("pciops", "pciops", "task")


@pytest.mark.parametrize(
    "options", [{"lockout_failure_attempts": "6"}, {"report_invalid_password_hash": "event"}]
)
def test_unchanged_policy_records_nothing(options: dict[str, str]) -> None:
    changes(**options)

    assert changes(**options) == []


def test_each_changed_option_has_a_row_with_both_values() -> None:
    changes(lockout_failure_attempts="6")

    assert changes(lockout_failure_attempts="10", change_password_upon_first_use="yes") == [
        (
            "[security_compliance] lockout_failure_attempts",
            "6 → 10 (from PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS)",
        ),
        (
            "[security_compliance] change_password_upon_first_use",
            "off → on (from PCIOPS_POLICY_CHANGE_PASSWORD_UPON_FIRST_USE)",
        ),
    ]
    assert ("[security_compliance] lockout_failure_attempts", "10 → not set (from default)") in (
        changes()
    )
