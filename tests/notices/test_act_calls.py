"""Calls about acts: one for each, with who, whom and why."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from pciops.actions.registry import ACTS
from pciops.audit.models import Event
from pciops.audit.services import Target, open_event, record, settle
from pciops.notices.alerts import acts, run
from pciops.notices.models import DeliveryStatus, WebhookCall
from tests.factories import NOW, make_account, make_initiator
from tests.support.webhook import SECRET, Receiver, serving

pytestmark = pytest.mark.django_db

TARGET = Target(id="a" * 32, name="<ann>", domain_id="default", domain_name="Default")


@pytest.fixture(autouse=True)
def _webhook(settings: Settings) -> None:
    settings.ACT_WEBHOOK_URL = "https://tickets.cloud.example/pciops"
    settings.ACT_WEBHOOK_SECRET = SECRET


def act(
    action: Event.Action = Event.Action.UNLOCK,
    outcome: Event.Outcome = Event.Outcome.SUCCESS,
    **facts: Any,
) -> Event:
    """Write an act in the audit log."""
    usual = {"resource": "", "target": TARGET, "reason": "INC-4711: called", "now": NOW}
    return record(action, outcome, initiator=make_initiator(), **{**usual, **facts})


def bodies() -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in WebhookCall.objects.order_by("act_position")]


def test_every_act_of_the_registry_is_told() -> None:
    assert set(acts.ACTIONS) == {act.action for act in ACTS}


@pytest.mark.parametrize("action", acts.ACTIONS)
@pytest.mark.parametrize("outcome", ["success", "failure", "unknown"])
def test_act_is_told_once_with_who_whom_and_why(action: Event.Action, outcome: str) -> None:
    event = act(action, Event.Outcome(outcome), resource="ignore_lockout", remark="done")
    for _ in range(2):
        acts.queue_calls(NOW)
    [body] = bodies()

    assert (body["type"], body["id"]) == ("act", event.pk)
    assert (body["action"], body["outcome"]) == (action.value, outcome)
    assert (body["operator"]["name"], body["operator"]["domain_name"]) == ("olga", "Default")
    assert (body["account"]["id"], body["account"]["name"]) == ("a" * 32, "<ann>")
    assert (body["reason"], body["resource"]) == ("INC-4711: called", "ignore_lockout")
    assert body["remark"] == "done"


def test_what_is_no_act_on_an_account_is_not_told() -> None:
    act(Event.Action.SIGN_IN, target=None)
    act(Event.Action.EXPORT, target=None)
    acts.queue_calls(NOW)

    assert bodies() == []


def test_pending_act_is_told_when_it_is_over() -> None:
    event = open_event(
        Event.Action.UNLOCK,
        make_account(),
        precondition="3@",
        initiator=make_initiator(),
        reason="x",
        identity="callback",
        now=NOW,
    )
    acts.queue_calls(NOW)
    assert bodies() == []

    settle(event, Event.Outcome.SUCCESS)
    acts.queue_calls(NOW)
    assert [body["id"] for body in bodies()] == [event.pk]


def test_act_of_yesterday_and_acts_without_the_setting_are_not_told(settings: Settings) -> None:
    act()
    acts.queue_calls(NOW + timedelta(days=1))
    settings.ACT_WEBHOOK_URL = ""
    acts.queue_calls(NOW)

    assert bodies() == []


@pytest.mark.parametrize(
    ("pattern", "ticket"),
    [("INC-[0-9]+", "INC-4711"), ("CHG-[0-9]+", None), (None, None)],
)
def test_ticket_is_the_part_of_the_reason_that_matches(
    settings: Settings, pattern: str | None, ticket: str | None
) -> None:
    settings.TICKET_PATTERN = re.compile(pattern) if pattern else None
    act()
    acts.queue_calls(NOW)

    assert bodies()[0]["ticket"] == ticket


def test_calls_are_signed_with_the_secret_of_their_receiver(settings: Settings) -> None:
    act()
    acts.queue_calls(NOW)
    tickets = Receiver()
    with serving(tickets) as port:
        settings.ACT_WEBHOOK_URL = f"http://127.0.0.1:{port}/"
        settings.ALERT_FORMAT = "slack"  # of the other webhook
        run.call_due(clock=lambda: NOW)

    assert tickets.accepts()
    assert json.loads(tickets.calls[0][2])["type"] == "act"


def test_receiver_that_takes_nothing_is_asked_once_in_a_run_and_holds_up_no_alert(
    settings: Settings,
) -> None:
    for _ in range(3):
        act()
    acts.queue_calls(NOW)
    WebhookCall.objects.create(about="alert 7", body="{}", raised_at=NOW, next_attempt_at=NOW)
    alerts, tickets = Receiver(), Receiver(status=500)
    with serving(alerts) as port, serving(tickets) as other:
        settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{port}/"
        settings.ACT_WEBHOOK_URL = f"http://127.0.0.1:{other}/"
        run.call_due(clock=lambda: NOW)

    assert (len(alerts.calls), len(tickets.calls)) == (1, 1)
    assert WebhookCall.objects.get(about="alert 7").status == DeliveryStatus.SENT
    assert WebhookCall.objects.filter(status=DeliveryStatus.PLANNED).count() == 3
