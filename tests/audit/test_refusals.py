"""Tests of invalid attempts in the audit log: one row each, up to a limit."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError, connections

from pciops.audit import refusals
from pciops.audit.chain import verify
from pciops.audit.models import Event, RefusalCounter
from tests.actions.acts import down
from tests.factories import NOW, make_initiator

pytestmark = pytest.mark.django_db


def refuse(
    times: int = 1, *, name: str = "olga", address: str = "192.0.2.7", after: int = 0
) -> None:
    """Refuse a caller that many times, that many minutes after NOW."""
    for _ in range(times):
        refusals.record_refusal(
            initiator=make_initiator(id=name, name=name, address=address),
            resource="POST /accounts/1/disable/",
            remark="An auditor changes nothing.",
            now=NOW + timedelta(minutes=after),
        )


def rows() -> int:
    return Event.objects.filter(action="deny", via="page").count()


def summaries() -> list[str]:
    """Return the remarks on refusals that were only counted."""
    return list(Event.objects.filter(initiator_type="pciops").values_list("remark", flat=True))


def test_refusal_has_initiator_resource_and_reason() -> None:
    refuse()

    event = Event.objects.get()
    assert (event.action, event.outcome, event.initiator_name, event.resource, event.remark) == (
        "deny",
        "failure",
        "olga",
        "POST /accounts/1/disable/",
        "An auditor changes nothing.",
    )


def test_one_caller_gets_twenty_rows_in_ten_minutes() -> None:
    refuse(25)
    assert rows() == 20
    refuse(5, after=10)

    assert rows() == 25


def test_callers_and_addresses_have_limits_of_their_own() -> None:
    refuse(25)
    refuse(name="otto")
    refuse(address="192.0.2.8")

    assert rows() == 22


def test_ipv6_network_of_a_customer_is_one_address() -> None:
    for number in range(25):
        refuse(address=f"2001:db8:0:1::{number:x}")
    refuse(address="2001:db8:0:2::1")

    assert rows() == 21


def test_all_callers_get_three_hundred_rows_in_an_hour() -> None:
    for number in range(320):
        refuse(address=f"10.0.{number // 250}.{number % 250}")

    assert rows() == 300
    assert RefusalCounter.objects.count() <= 302  # this table does not grow either


def test_counted_refusals_do_not_use_the_rows_of_others() -> None:
    refuse(400)
    refuse(name="otto")

    assert rows() == 21


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (9, []),
        (
            11,
            [
                "5 more of olga from 192.0.2.7 since 22 Nov 2026, 14:02:11 UTC, without rows of"
                " their own"
            ],
        ),
    ],
    ids=["window open", "window over"],
)
def test_counts_are_recorded_once_when_their_window_is_over(
    minutes: int, expected: list[str]
) -> None:
    refuse(25)
    for _ in range(2):
        refusals.record_counted(NOW + timedelta(minutes=minutes))

    assert summaries() == expected


def test_without_a_worker_the_next_refusal_records_the_count() -> None:
    refuse(25)
    refuse(after=11)

    assert (len(summaries()), rows()) == (1, 21)
    assert verify().problem == ""


def test_counters_are_deleted_after_a_day() -> None:
    refuse()
    refusals.record_counted(NOW + timedelta(days=2))

    assert not RefusalCounter.objects.exists()


def test_database_outage_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with connections["default"].execute_wrapper(down):
        refuse()

    assert "cannot count a refusal" in caplog.text


def test_count_is_kept_if_the_row_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(25)

    def fail(event: Event, **options: object) -> None:
        raise OperationalError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Event, "save", fail)
        refuse(after=11)
    refusals.record_counted(NOW + timedelta(minutes=12))

    assert len(summaries()) == 1


def test_refusals_of_an_operator_are_not_hidden_by_a_flood_without_names() -> None:
    for number in range(320):
        refuse(name="", address=f"10.0.{number // 250}.{number % 250}")
    refuse(4, name="insider", address="192.0.2.66")

    assert Event.objects.filter(action="deny", initiator_id="insider").count() == 4
    assert rows() == 304
