"""Invalid attempts in the trail: one row each, until there are too many."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError, connections

from pciops.audit import refusals
from pciops.audit.chain import verify
from pciops.audit.models import Event, RefusalCounter
from tests.actions.test_trail_down import down
from tests.factories import NOW, make_initiator

pytestmark = pytest.mark.django_db

OTHER_CUSTOMER = "2001:db8:0:2::1"


def refuse(
    times: int = 1, *, name: str = "olga", address: str = "192.0.2.7", after: int = 0
) -> None:
    """Refuse somebody so often, so many minutes after NOW."""
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
    """What tasks wrote of refusals that had no row."""
    return list(Event.objects.filter(initiator_type="pciops").values_list("remark", flat=True))


def test_a_refusal_says_who_tried_what_and_why_not() -> None:
    refuse()

    event = Event.objects.get()
    assert (event.action, event.outcome, event.initiator_name, event.resource, event.remark) == (
        "deny",
        "failure",
        "olga",
        "POST /accounts/1/disable/",
        "An auditor changes nothing.",
    )


def test_of_one_caller_the_trail_takes_twenty_rows_in_ten_minutes() -> None:
    refuse(25)

    assert rows() == 20


def test_ten_minutes_later_it_takes_more() -> None:
    refuse(25)
    refuse(5, after=10)

    assert rows() == 25


def test_others_have_rows_of_their_own() -> None:
    refuse(25)
    refuse(name="otto")
    refuse(address="192.0.2.8")

    assert rows() == 22


def test_one_ipv6_customer_is_one_source() -> None:
    for number in range(25):
        refuse(address=f"2001:db8:0:1::{number:x}")
    refuse(address=OTHER_CUSTOMER)

    assert rows() == 21


def test_of_all_together_it_takes_three_hundred_in_an_hour() -> None:
    for number in range(320):
        refuse(address=f"10.0.{number // 250}.{number % 250}")

    assert rows() == 300
    assert RefusalCounter.objects.count() <= 302  # nor does our own table grow


def test_who_was_left_out_does_not_use_up_what_others_may_write() -> None:
    refuse(400)
    refuse(name="otto")

    assert rows() == 21


def test_what_was_only_counted_is_written_when_the_window_is_over() -> None:
    refuse(25)
    refusals.record_counted(NOW + timedelta(minutes=11))

    assert summaries() == [
        "5 more of olga from 192.0.2.7 since 22 Nov 2026, 14:02:11 UTC, without rows of their own"
    ]


def test_it_is_written_once() -> None:
    refuse(25)
    for _ in range(2):
        refusals.record_counted(NOW + timedelta(minutes=11))

    assert len(summaries()) == 1


def test_without_a_worker_the_next_refusal_writes_it() -> None:
    refuse(25)
    refuse(after=11)

    assert len(summaries()) == 1
    assert rows() == 21


def test_nothing_is_written_of_a_window_that_is_open() -> None:
    refuse(25)
    refusals.record_counted(NOW + timedelta(minutes=9))

    assert summaries() == []


def test_callers_are_forgotten_after_a_day() -> None:
    refuse()
    refusals.record_counted(NOW + timedelta(days=2))

    assert not RefusalCounter.objects.exists()


def test_the_rows_are_in_the_chain() -> None:
    refuse(25)
    refuse(after=11)

    assert verify().problem == ""


def test_a_database_that_does_not_answer_is_said_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with connections["default"].execute_wrapper(down):
        refuse()

    assert "a refusal cannot be counted" in caplog.text


def test_a_trail_that_takes_no_row_keeps_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(25)

    def fill(event: Event, **options: object) -> None:
        raise OperationalError("the trail's disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Event, "save", fill)
        refuse(after=11)
    refusals.record_counted(NOW + timedelta(minutes=12))

    assert len(summaries()) == 1
