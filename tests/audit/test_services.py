"""Tests of writing and reading the audit log: rows opened before an act and settled after it."""

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
from tests.audit.helpers import FAILURES, open_event, record
from tests.factories import NOW, make_account, make_initiator

pytestmark = pytest.mark.django_db

Outcome = Event.Outcome


def stored(event: Event) -> Event:
    return Event.objects.get(pk=event.pk)


def test_intent_has_all_fields_of_pci_dss() -> None:
    row = stored(open_event())

    assert len(row.id) == 32
    assert int(row.id, 16)
    assert {field.name: getattr(row, field.name) for field in Event._meta.fields} == {
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
        "initiator_scope": "",
        "seal": "",
    }


def test_long_agent_is_cut() -> None:
    event = open_event(initiator=make_initiator(agent="x" * 5000))

    assert stored(event).initiator_agent == "x" * 255


@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.FAILURE, Outcome.UNKNOWN])
def test_act_is_settled_once_with_outcome_and_time(outcome: Event.Outcome) -> None:
    before = timezone.now()
    event = services.settle(open_event(), outcome, "why")
    row = stored(event)

    assert (row.outcome, row.remark) == (outcome, "why")
    assert row.settled_at is not None
    assert before <= row.settled_at <= timezone.now()
    assert (event.outcome, event.remark, event.settled_at) == (outcome, "why", row.settled_at)
    with pytest.raises(SettledError, match=event.pk):
        services.settle(event, Outcome.SUCCESS, "second")
    assert (stored(event).outcome, stored(event).remark) == (outcome, "why")


def test_settling_does_not_change_the_intent() -> None:
    event = open_event()
    intent = Event.objects.filter(pk=event.pk).values("reason", "precondition", "event_time")
    before = intent.get()
    event.reason = event.precondition = "forged"
    services.settle(event, Outcome.SUCCESS)

    assert intent.all().get() == before


def test_act_that_another_process_settled_is_not_settled_again() -> None:
    event = open_event()
    services.settle(stored(event), Outcome.SUCCESS)

    with pytest.raises(SettledError):
        services.settle(event, Outcome.FAILURE)


def test_settling_one_act_leaves_the_others_pending() -> None:
    other = open_event()
    services.settle(open_event(), Outcome.SUCCESS)

    assert stored(other).outcome == Outcome.PENDING


def test_settled_act_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="pciops")
    services.settle(open_event(), Outcome.FAILURE, "not locked")

    assert caplog.messages == [f"unlock of ann ({'a' * 32}) by olga (Default): failure, not locked"]


def test_user_of_the_host_is_named_with_the_host() -> None:
    initiator = make_initiator("root", type=Event.InitiatorType.OS, domain_name="")
    event = open_event(initiator=initiator)

    assert event.initiator == f"root (on {socket.gethostname()})"


def test_operators_cannot_choose_the_identity_of_the_command_line() -> None:
    choices = [value for value, _ in Event.Identity.for_operators()]

    assert choices == ["callback", "in_person", "manager", "ticket", "service_account"]


# --- Reading ------------------------------------------------------------------------------------
def test_acts_on_an_account_come_newest_first() -> None:
    times = [NOW, NOW + timedelta(hours=2), NOW + timedelta(hours=1)]
    for at in times:
        open_event(now=at)
    open_event(account=make_account(id="other"))

    source = selectors.account_source("a" * 32)
    acts = list(source.order.sort(source.rows))
    assert [event.event_time for event in acts] == sorted(times, reverse=True)


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
def test_lock_was_ended_by_the_act_that_succeeded_or_else_is_pending(
    outcomes: list[Event.Outcome], expected: Event.Outcome | None
) -> None:
    for outcome in outcomes:
        event = open_event()
        if outcome != Outcome.PENDING:
            services.settle(event, outcome)
    act = selectors.unlock_of("a" * 32, precondition=str(FAILURES), but=open_event())

    assert (act and act.outcome) == expected


@pytest.mark.parametrize(
    "facts",
    [
        {"account": make_account(id="other")},
        {"precondition": Failures(failed_auth_count=4, failed_auth_at=NOW)},
        {"precondition": Failures(failed_auth_count=3, failed_auth_at=None)},
    ],
    ids=["another account", "another count", "another time"],
)
def test_lock_was_not_ended_by_an_act_on_another_lock(facts: dict[str, Any]) -> None:
    services.settle(open_event(**facts), Outcome.SUCCESS)

    assert selectors.unlock_of("a" * 32, precondition=str(FAILURES), but=open_event()) is None


def test_last_unlock_is_the_newest_successful_one() -> None:
    services.settle(open_event(now=NOW - timedelta(days=2)), Outcome.SUCCESS)
    newest = services.settle(open_event(now=NOW - timedelta(days=1)), Outcome.SUCCESS)
    for hours, outcome in enumerate((Outcome.FAILURE, Outcome.UNKNOWN)):
        services.settle(open_event(now=NOW - timedelta(hours=hours)), outcome)

    assert selectors.last_unlock("a" * 32, since=NOW - timedelta(days=9)) == newest
    assert selectors.last_unlock("a" * 32, since=NOW - timedelta(hours=2)) is None


@pytest.mark.parametrize(
    ("since", "included"),
    [
        (NOW - timedelta(microseconds=1), True),
        (NOW, True),
        (NOW + timedelta(microseconds=1), False),
    ],
    ids=["before", "at", "after"],
)
def test_last_unlock_is_not_older_than_since(since: datetime, included: bool) -> None:
    services.settle(open_event(now=NOW), Outcome.SUCCESS)

    assert (selectors.last_unlock("a" * 32, since=since) is not None) is included


# --- Scopes -------------------------------------------------------------------------------------
def test_domain_does_not_see_what_its_user_did_for_the_whole_cloud() -> None:
    of_cloud = make_initiator(domain_id="shops", scope=services.WHOLE_CLOUD)
    of_domain = make_initiator(domain_id="default", scope="shops")
    for initiator in (of_cloud, of_domain):
        record(action=Event.Action.EXPORT, initiator=initiator)
    record(initiator=of_cloud)  # a sign-in of their user
    record(action=Event.Action.EXPORT, initiator=make_initiator(domain_id="shops"))  # of 0.1.0

    seen = selectors.within("shops").order_by("position")
    assert [(row.action, row.initiator_scope) for row in seen] == [
        ("read/export", "shops"),
        ("authenticate", "*"),
    ]
    assert selectors.within(None).count() == 4
