"""Alerts about unlocks: to the owner and the security contacts, once, whatever the rules say."""

from __future__ import annotations

import json
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from pytest_django import Settings

from pciops.audit import marks
from pciops.audit.models import Event
from pciops.audit.services import Target, record
from pciops.notices.alerts import run as alerts
from pciops.notices.alerts.lifecycle import DAY
from pciops.notices.models import OperatorMail, WebhookCall
from tests.factories import NOW, make_initiator, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

OPS, OWNER = "ops@cloud.example", "root@cloud.example"


@pytest.fixture(autouse=True)
def _contacts(settings: Settings) -> None:
    settings.MAIL_FROM = "pciops <pciops@cloud.example>"
    settings.ALERT_RECIPIENTS = (OPS,)
    settings.NOTICE_KINDS = ()


def unlocked(
    remark: str, *, email: str = OWNER, outcome: Event.Outcome = Event.Outcome.SUCCESS
) -> Event:
    """Write the unlock of root in the audit log."""
    user = make_user("root", email=email)
    target = Target(id=user.id, name="root", domain_id="default", domain_name="Default")
    return record(
        Event.Action.UNLOCK,
        outcome,
        initiator=make_initiator(),
        resource="",
        target=target,
        remark=remark,
        now=NOW,
    )


def recipients() -> list[str]:
    return sorted(OperatorMail.objects.values_list("to", flat=True))


@pytest.mark.parametrize(
    ("remark", "email", "expected"),
    [
        (marks.ADMINISTRATOR, OWNER, [OPS, OWNER]),
        (f"{marks.BREAK_GLASS}; {marks.ADMINISTRATOR}", OWNER, [OPS, OWNER]),
        (marks.ADMINISTRATOR, "", [OPS]),
        (marks.ADMINISTRATOR, "not an address", [OPS]),
        (marks.ADMINISTRATOR, OPS, [OPS]),
        (marks.BEYOND_LIMIT, OWNER, [OPS]),
        ("", OWNER, []),
    ],
    ids=["administrator", "on the host", "no address", "bad", "same", "beyond", "usual"],
)
def test_alert_goes_to_owner_and_contacts(remark: str, email: str, expected: list[str]) -> None:
    unlocked(remark, email=email)
    for minute in range(3):
        alerts.raise_alerts(NOW + timedelta(minutes=minute))

    assert recipients() == expected


@pytest.mark.parametrize(
    ("outcome", "number"), [("success", 2), ("unknown", 2), ("failure", 0)], ids=str
)
def test_unlock_that_failed_has_no_alert(outcome: str, number: int) -> None:
    unlocked(marks.ADMINISTRATOR, outcome=Event.Outcome(outcome))
    alerts.raise_alerts(NOW)

    assert len(recipients()) == number


def test_old_unlock_has_no_alert() -> None:
    unlocked(marks.ADMINISTRATOR)
    alerts.raise_alerts(NOW + DAY)

    assert recipients() == []


def test_email_says_who_unlocked_whom_and_why() -> None:
    event = unlocked(f"{marks.ADMINISTRATOR}; {marks.BEYOND_LIMIT}", email="")
    alerts.raise_alerts(NOW)
    mail = message_from_bytes(bytes(OperatorMail.objects.get().content), policy=default)

    assert mail["Subject"] == "OpenStack: Administrator unlocked: “root” (“Default”), 22 Nov 2026"
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        text = part.get_content()
        for expected in ("olga (Default)", "192.0.2.7", "limit", event.pk):
            assert expected in text


def test_unlock_is_told_to_the_webhook_as_an_event(settings: Settings) -> None:
    settings.ALERT_WEBHOOK_URL = "https://alerts.cloud.example/pciops"
    event = unlocked(marks.ADMINISTRATOR)
    for minute in range(2):
        alerts.raise_alerts(NOW + timedelta(minutes=minute))
    body = json.loads(WebhookCall.objects.get().body)

    assert (body["type"], body["status"]) == ("privileged_unlock", "event")
    assert (body["id"], body["operator"]["name"]) == (event.pk, "olga")
    assert body["account"]["id"] == event.target_id


def test_alert_has_no_link_of_others_and_keeps_to_the_allowed_domains(settings: Settings) -> None:
    settings.MAIL_DOMAINS = ("corp.example",)
    user = make_user("root", email=OWNER)
    record(
        Event.Action.UNLOCK,
        Event.Outcome.SUCCESS,
        initiator=make_initiator("https://evil.example"),
        resource="",
        target=Target(id=user.id, name="www.evil.example", domain_id="default", domain_name="D"),
        remark=marks.ADMINISTRATOR,
        now=NOW,
    )
    alerts.raise_alerts(NOW)
    [stored] = OperatorMail.objects.all()
    mail = message_from_bytes(bytes(stored.content), policy=default)
    body = mail.get_body(("plain",))

    assert stored.to == OPS
    assert body is not None
    assert "evil[.]example" in body.get_content()
    assert "evil.example" not in body.get_content()
