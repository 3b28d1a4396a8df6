"""The exemption register in the report."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from pciops.actions.models import Exemption
from pciops.keystone import options
from pciops.keystone.models import User
from tests.factories import NOW, make_user
from tests.reports.weekly import figures, rows, statements

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


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


def test_an_unrecorded_exemption_is_a_finding() -> None:
    exempt()

    assert figures("8.6")["register_unrecorded"] == 1
    assert [row[5] for row in rows("8.6", "register_findings")] == ["Not recorded"]
    assert statements("8.6")[0][1] == "finding"


def test_an_overdue_exemption_is_a_finding() -> None:
    recorded(exempt(), date(2026, 11, 1))

    assert [row[5:8] for row in rows("8.6", "register_findings")] == [
        ("Overdue", "compute", "service")
    ]


def test_an_exemption_with_owner_and_end_is_met() -> None:
    recorded(exempt(), date(2027, 1, 1))

    assert rows("8.6", "register_findings") == []
    assert len(rows("8.6", "register")) == 1
    assert statements("8.6")[0][1] == "met"


def test_the_report_of_a_domain_has_only_its_own_exemptions() -> None:
    exempt()
    exempt("other", domain_id="other")

    assert [row[2] for row in rows("8.6", "register", scope="other")] == ["Other"]
