"""The trail: opened before an act, settled once after it."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from pciops.accounts.account import Failures
from pciops.audit import selectors, services
from pciops.audit.models import Event
from pciops.audit.services import SettledError
from tests.audit.acts import SEEN, open_event
from tests.factories import NOW, make_account, make_initiator

pytestmark = pytest.mark.django_db

Outcome = Event.Outcome


def stored(event: Event) -> Event:
    """The row of an event."""
    return Event.objects.get(pk=event.pk)


def test_an_intent_is_written_with_all_that_pci_dss_asks_for() -> None:
    row = stored(open_event())

    assert {name: getattr(row, name) for name in (field.name for field in Event._meta.fields)} == {
        "id": row.id,
        "event_time": NOW,
        "settled_at": None,
        "observer": socket.gethostname(),
        "action": "unlock",
        "outcome": "pending",
        "initiator_type": "keystone",
        "initiator_id": "id of olga",
        "initiator_name": "olga",
        "initiator_domain_id": "default",
        "initiator_domain_name": "Default",
        "initiator_address": "192.0.2.7",
        "initiator_agent": "Test/1.0",
        "via": "page",
        "target_id": "a" * 32,
        "target_name": "ann",
        "target_domain_id": "default",
        "target_domain_name": "Default",
        "reason": "called",
        "identity": "callback",
        "precondition": "3@2026-11-22T14:02:11+00:00",
        "remark": "",
        "resource": "",
        "position": None,
        "previous_hash": "",
        "hash": "",
    }


def test_an_event_has_an_id_as_keystone_writes_ids() -> None:
    assert len(open_event().id) == 32
    assert int(open_event().id, 16)


def test_an_agent_that_is_too_long_is_cut() -> None:
    event = open_event(initiator=make_initiator(agent="x" * 5000))

    assert stored(event).initiator_agent == "x" * 255


@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.FAILURE, Outcome.UNKNOWN])
def test_an_act_is_settled_with_its_outcome(outcome: Event.Outcome) -> None:
    row = stored(services.settle(open_event(), outcome, "why"))

    assert (row.outcome, row.remark) == (outcome, "why")


def test_an_act_says_when_it_was_settled() -> None:
    before = timezone.now()
    row = stored(services.settle(open_event(), Outcome.SUCCESS))

    assert row.settled_at is not None
    assert before <= row.settled_at <= timezone.now()


def test_the_settled_event_is_as_its_row() -> None:
    event = services.settle(open_event(), Outcome.FAILURE, "why")
    row = stored(event)

    assert (event.outcome, event.remark, event.settled_at) == (
        row.outcome,
        row.remark,
        row.settled_at,
    )


def test_settling_changes_nothing_of_the_intent() -> None:
    event = open_event()
    intent = Event.objects.filter(pk=event.pk).values("reason", "precondition", "event_time")
    before = intent.get()
    event.reason = event.precondition = "forged"
    services.settle(event, Outcome.SUCCESS)

    assert (
        Event.objects.filter(pk=event.pk).values("reason", "precondition", "event_time").get()
        == before
    )


@pytest.mark.parametrize("first", [Outcome.SUCCESS, Outcome.FAILURE, Outcome.UNKNOWN])
def test_an_act_is_settled_only_once(first: Event.Outcome) -> None:
    event = services.settle(open_event(), first, "first")

    with pytest.raises(SettledError, match=event.pk):
        services.settle(event, Outcome.SUCCESS, "second")
    assert (stored(event).outcome, stored(event).remark) == (first, "first")


def test_an_act_that_another_process_settled_stays_so() -> None:
    event = open_event()
    services.settle(stored(event), Outcome.SUCCESS)

    with pytest.raises(SettledError):
        services.settle(event, Outcome.FAILURE)


def test_settling_one_act_leaves_the_others_pending() -> None:
    other = open_event()
    services.settle(open_event(), Outcome.SUCCESS)

    assert stored(other).outcome == Outcome.PENDING


def test_a_settled_act_is_logged_in_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="pciops")
    services.settle(open_event(), Outcome.FAILURE, "not locked")

    assert caplog.messages == [f"unlock of ann ({'a' * 32}) by olga (Default): failure, not locked"]


def test_a_person_on_the_host_is_named_with_the_host() -> None:
    initiator = make_initiator("root", type=Event.InitiatorType.OS, domain_name="")
    event = open_event(initiator=initiator)

    assert event.initiator == f"root (on {socket.gethostname()})"


def test_operators_cannot_claim_to_sit_at_the_host() -> None:
    choices = [value for value, _ in Event.Identity.for_operators()]

    assert choices == ["callback", "in_person", "manager", "ticket", "service_account"]


def test_the_acts_on_an_account_come_newest_first() -> None:
    times = [NOW, NOW + timedelta(hours=2), NOW + timedelta(hours=1)]
    for at in times:
        open_event(now=at)
    open_event(account=make_account(id="other"))

    found = selectors.acts_on("a" * 32, limit=2)
    assert [event.event_time for event in found] == sorted(times, reverse=True)[:2]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], None),
        ([Outcome.FAILURE, Outcome.UNKNOWN], None),
        ([Outcome.PENDING], Outcome.PENDING),
        ([Outcome.PENDING, Outcome.SUCCESS], Outcome.SUCCESS),
        ([Outcome.SUCCESS, Outcome.PENDING], Outcome.SUCCESS),
    ],
    ids=str,
)
def test_a_lock_was_ended_by_the_act_that_succeeded_or_is_under_way(
    outcomes: list[Event.Outcome], expected: Event.Outcome | None
) -> None:
    for outcome in outcomes:
        event = open_event()
        if outcome != Outcome.PENDING:
            services.settle(event, outcome)
    found = selectors.unlock_of("a" * 32, precondition=str(SEEN), but=open_event())

    assert (found and found.outcome) == expected


@pytest.mark.parametrize(
    "facts",
    [
        {"account": make_account(id="other")},
        {"precondition": Failures(failed_auth_count=4, failed_auth_at=NOW)},
        {"precondition": Failures(failed_auth_count=3, failed_auth_at=None)},
    ],
    ids=["of another account", "of another count", "of another instant"],
)
def test_an_act_on_another_lock_did_not_end_this_one(facts: dict[str, Any]) -> None:
    services.settle(open_event(**facts), Outcome.SUCCESS)

    assert selectors.unlock_of("a" * 32, precondition=str(SEEN), but=open_event()) is None


def test_the_last_unlock_is_the_newest_that_succeeded() -> None:
    services.settle(open_event(now=NOW - timedelta(days=2)), Outcome.SUCCESS)
    newest = services.settle(open_event(now=NOW - timedelta(days=1)), Outcome.SUCCESS)
    services.settle(open_event(now=NOW), Outcome.FAILURE)

    assert selectors.last_unlock("a" * 32, since=NOW - timedelta(days=9)) == newest


@pytest.mark.parametrize(
    ("since", "found"),
    [
        (NOW - timedelta(microseconds=1), True),
        (NOW, True),
        (NOW + timedelta(microseconds=1), False),
    ],
    ids=["before", "at", "after"],
)
def test_an_unlock_from_before_is_not_the_last(since: datetime, found: bool) -> None:
    services.settle(open_event(now=NOW), Outcome.SUCCESS)

    assert (selectors.last_unlock("a" * 32, since=since) is not None) is found


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.FAILURE])
def test_an_act_that_did_not_succeed_is_no_unlock(outcome: Event.Outcome) -> None:
    services.settle(open_event(), outcome)

    assert selectors.last_unlock("a" * 32, since=NOW) is None
