"""What the report says of notices, and of the locks that they saw."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from pciops.accounts.account import Failures
from pciops.audit import services
from pciops.audit.models import Event
from tests.audit.helpers import open_event
from tests.factories import make_account
from tests.notices.scenes import a_notice
from tests.reports.scenes import IN_IT, WEEK, figures, rows

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def locked(**facts: object) -> None:
    a_notice(
        **{"kind": "locked", "step": 0, "fact_at": IN_IT, "failures": 6, "status": "sent", **facts}
    ).save()


@pytest.mark.parametrize(
    ("status", "figure"),
    [
        ("sent", "sent"),
        ("refused", "failed"),
        ("given_up", "failed"),
        ("no_address", "unaddressed"),
        ("bad_address", "unaddressed"),
    ],
)
def test_notices_are_counted_by_how_they_ended(status: str, figure: str) -> None:
    settled = None if "address" in status else IN_IT
    a_notice(status=status, settled_at=settled, planned_at=IN_IT).save()
    found = figures("8.3.9")

    assert {key for key, number in found.items() if key.startswith("notices") and number} == {
        f"notices_passwords_{figure}"
    }


def test_what_ended_in_another_week_does_not_count() -> None:
    for at in (WEEK.begins - timedelta(seconds=1), WEEK.ends):
        a_notice(status="sent", settled_at=at).save()

    assert figures("8.3.9")["notices_passwords_sent"] == 0


def test_what_did_not_get_through_is_listed_with_the_reason() -> None:
    a_notice(kind="inactivity", status="refused", settled_at=IN_IT, answer="550 no").save()

    [row] = rows("8.2.6", "notices_inactivity")
    assert row[1:] == (
        *("ann", "Default", "Inactive soon", "Refused by the mail server"),
        *("2026-11-11T03:00:00Z", "550 no"),
    )


def test_a_lock_that_ran_out_is_told_with_its_end() -> None:
    locked()

    [row] = rows("8.3.4", "locks")
    assert (row[0], row[4], row[6], row[7]) == (
        *("2026-11-11T03:00:00Z", 6, "ran out, or was ended elsewhere"),
        "2026-11-11T03:30:00Z",
    )


def test_a_lock_without_an_end_did_not_run_out(settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "3", "lockout_duration": "off"}
    locked()

    assert rows("8.3.4", "locks")[0][6] == "not unlocked through pciops"


def test_a_lock_that_somebody_ended_has_who_why_and_after_how_long() -> None:
    account = make_account()
    locked(user_id=account.id, fact_at=IN_IT)
    seen = Failures(failed_auth_count=6, failed_auth_at=IN_IT.replace(microsecond=0))
    event = services.settle(
        open_event(account=account, precondition=seen, now=IN_IT + timedelta(minutes=5)),
        Event.Outcome.SUCCESS,
    )

    [row] = rows("8.3.4", "locks")
    assert row[6] == "unlocked through pciops"
    assert row[8:11] == (event.initiator, "called", "Called back on a number on file")


def test_of_a_domain_only_its_own() -> None:
    locked()
    locked(domain_id="other", domain_name="Other")

    assert [row[3] for row in rows("8.3.4", "locks", scope="other")] == ["Other"]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_batch_may_end_anywhere(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.reports.sections.notices_evidence.BATCH", batch)
    for number in range(5):
        locked(user_id="same", fact_at=IN_IT + timedelta(hours=number))

    assert len(rows("8.3.4", "locks")) == 5
