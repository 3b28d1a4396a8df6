"""Notices in the sections they support, and the locks that their planning saw."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from pciops.accounts.account import Failures
from pciops.audit import services
from pciops.audit.models import Event
from tests.audit.helpers import open_event
from tests.factories import make_account
from tests.notices.queued import build_notice
from tests.reports.weekly import IN_WEEK, WEEK, figures, rows

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def locked(**facts: object) -> None:
    usual = {"kind": "locked", "step": 0, "fact_at": IN_WEEK, "failures": 6, "status": "sent"}
    build_notice(**{**usual, **facts}).save()


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
def test_notices_are_counted_by_their_outcome(status: str, figure: str) -> None:
    settled = None if "address" in status else IN_WEEK
    build_notice(status=status, settled_at=settled, planned_at=IN_WEEK).save()
    numbers = figures("8.3.9")

    assert {key for key, number in numbers.items() if key.startswith("notices") and number} == {
        f"notices_passwords_{figure}"
    }


def test_notices_settled_in_another_week_do_not_count() -> None:
    for at in (WEEK.begins - timedelta(seconds=1), WEEK.ends):
        build_notice(status="sent", settled_at=at).save()

    assert figures("8.3.9")["notices_passwords_sent"] == 0


def test_undelivered_notices_are_listed_with_the_reason() -> None:
    build_notice(kind="inactivity", status="refused", settled_at=IN_WEEK, answer="550 no").save()

    [row] = rows("8.2.6", "notices_inactivity")
    assert row[1:] == (
        *("ann", "Default", "Inactive soon", "Refused by the mail server"),
        *("2026-11-11T03:00:00Z", "550 no"),
    )


def test_a_lock_that_ran_out_has_its_end() -> None:
    locked()

    [row] = rows("8.3.4", "locks")
    assert (row[0], row[4], row[7]) == ("2026-11-11T03:00:00Z", 6, "2026-11-11T03:30:00Z")
    assert str(row[6]).startswith("ran out")


def test_a_lock_without_a_duration_did_not_run_out(settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "3", "lockout_duration": "off"}
    locked()

    [row] = rows("8.3.4", "locks")
    assert str(row[6]).startswith("not unlocked")
    assert row[7] is None


def test_a_lock_ended_by_an_unlock_has_the_person_and_the_reason() -> None:
    account = make_account()
    locked(user_id=account.id, fact_at=IN_WEEK)
    seen = Failures(failed_auth_count=6, failed_auth_at=IN_WEEK.replace(microsecond=0))
    event = services.settle(
        open_event(account=account, precondition=seen, now=IN_WEEK + timedelta(minutes=5)),
        Event.Outcome.SUCCESS,
    )

    [row] = rows("8.3.4", "locks")
    assert row[6] == "unlocked through pciops"
    assert row[8:11] == (event.initiator, "called", "Called back on a number on file")


def test_the_report_of_a_domain_has_only_its_own_locks() -> None:
    locked()
    locked(domain_id="other", domain_name="Other")

    assert [row[3] for row in rows("8.3.4", "locks", scope="other")] == ["Other"]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_batch_of_locks_may_end_anywhere(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.reports.sections.lockout.BATCH", batch)
    for number in range(5):
        locked(user_id="same", fact_at=IN_WEEK + timedelta(hours=number))

    assert len(rows("8.3.4", "locks")) == 5
