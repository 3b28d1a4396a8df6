"""Alerts about possible attacks: one email to each operator and one call, at begin and at end."""

from __future__ import annotations

import json
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from pytest_django import Settings

from pciops.accounts.privileged import AccountKind
from pciops.events.models import Storm
from pciops.events.storms.storms import CALM
from pciops.lib import times
from pciops.notices import tasks
from pciops.notices.alerts import run as alerts
from pciops.notices.models import Alert, OperatorMail, WebhookCall
from tests.factories import NOW
from tests.notices.queued import ADDRESS, SOURCE, make_storm

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def recipients(settings: Settings) -> None:
    """An operator and a webhook."""
    settings.MAIL_FROM = "pciops <pciops@cloud.example>"
    settings.ALERT_RECIPIENTS = ("ops@cloud.example",)
    settings.ALERT_WEBHOOK_URL = "https://alerts.cloud.example/pciops"


def queued() -> tuple[int, int]:
    """Return the number of mails and calls."""
    return OperatorMail.objects.count(), WebhookCall.objects.count()


def mail() -> EmailMessage:
    return message_from_bytes(bytes(OperatorMail.objects.get().content), policy=default)


def content(kind: str) -> str:
    part = mail().get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


@pytest.mark.usefixtures("recipients")
def test_a_storm_has_one_alert() -> None:
    make_storm()
    for minute in range(3):
        alerts.raise_alerts(NOW + timedelta(minutes=minute))

    assert queued() == (1, 1)


@pytest.mark.usefixtures("recipients")
@pytest.mark.parametrize(
    ("facts", "number"),
    [
        ({}, 1),
        ({"last_at": NOW - CALM + timedelta(seconds=1)}, 1),
        ({"last_at": NOW - CALM}, 0),
        ({"ended_at": NOW}, 0),
    ],
    ids=["going on", "detected lately", "not detected lately", "over"],
)
def test_a_storm_has_an_alert_only_while_it_lasts(facts: dict[str, Any], number: int) -> None:
    make_storm(**facts)
    alerts.raise_alerts(NOW)

    assert queued() == (number, number)


@pytest.mark.usefixtures("recipients")
def test_another_storm_has_another_alert() -> None:
    storm = make_storm()
    alerts.raise_alerts(NOW)
    Storm.objects.filter(pk=storm.pk).update(ended_at=NOW)
    make_storm()
    alerts.raise_alerts(NOW)

    assert queued() == (3, 3)
    assert Alert.objects.filter(resolved_at=None).count() == 1


@pytest.mark.usefixtures("recipients")
def test_the_end_of_a_storm_is_told_once() -> None:
    storm = make_storm("ann")
    alerts.raise_alerts(NOW)
    Storm.objects.filter(pk=storm.pk).update(ended_at=NOW)
    for minute in range(2):
        alerts.raise_alerts(NOW + timedelta(minutes=minute))
    began, ended = (json.loads(call.body) for call in WebhookCall.objects.order_by("about"))

    assert queued() == (2, 2)
    assert (began["status"], ended["status"]) == ("firing", "resolved")
    assert began["id"] == ended["id"]
    assert ended["ended_at"] == times.iso(NOW)
    assert OperatorMail.objects.filter(subject__contains="resolved: Possible attack").exists()


def test_without_recipients_there_is_no_alert() -> None:
    make_storm()
    alerts.raise_alerts(NOW)

    assert queued() == (0, 0)


@pytest.mark.usefixtures("recipients")
def test_the_alert_names_privileged_accounts_first_and_what_to_block() -> None:
    storm = make_storm("ann", "bob", "nova", "root")
    for name, kind in (("nova", AccountKind.SERVICE), ("root", AccountKind.ADMINISTRATOR)):
        storm.locked.filter(name=name).update(kinds=kind.value)
    alerts.raise_alerts(NOW)
    body, text = json.loads(WebhookCall.objects.get().body), content("plain")
    privileged = body["administrators_and_service_accounts"]

    assert [account["name"] for account in privileged] == ["root", "nova"]
    assert [account["name"] for account in body["other_accounts"]] == ["ann", "bob"]
    assert (body["block"], body["accounts_locked"]) == ([ADDRESS], 4)
    assert "4 accounts locked" in mail()["Subject"]
    assert f"\n  {ADDRESS}\n" in text
    assert text.index("“root” (“Payments”), administrator") < text.index("“ann” (“Payments”)")


@pytest.mark.usefixtures("recipients")
def test_hostile_names_and_addresses_are_text() -> None:
    source = {**SOURCE, "address": "<img src=x>\r\nBcc: a@b.example"}
    make_storm("<b>\u202eann", sources=[source])
    alerts.raise_alerts(NOW)
    html = content("html")

    assert mail()["Bcc"] is None
    assert "<img" not in html
    assert "<b>" not in html
    assert json.loads(WebhookCall.objects.get().body)["block"] == []


@pytest.mark.usefixtures("recipients")
def test_the_task_raises_alerts_and_makes_the_calls(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:1/"
    caplog.set_level("INFO", "pciops")
    now = NOW.now(NOW.tzinfo)
    make_storm(began_at=now, last_at=now)
    tasks.raise_alerts()

    assert queued() == (1, 1)
    assert "0 sent, 0 refused, 1 deferred" in caplog.text
