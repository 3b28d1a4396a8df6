"""Alerts about locks of privileged accounts: whose, what they say, and how they end."""

from __future__ import annotations

import json
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from pciops.accounts import machines
from pciops.accounts.policy import policy as policies
from pciops.audit.models import Event
from pciops.audit.services import Target, record
from pciops.keystone.models import LocalUser, Password, User
from pciops.lib import times
from pciops.notices import tasks
from pciops.notices.alerts import lifecycle, locks
from pciops.notices.alerts import run as alerts
from pciops.notices.alerts.message import AlertKind
from pciops.notices.models import Alert, OperatorMail, WebhookCall
from tests.factories import NOW, grant, make_credential, make_initiator, make_locked_user
from tests.notices.queued import make_storm
from tests.notices.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MINUTE = timedelta(minutes=1)
OPS = "ops@cloud.example"


@pytest.fixture(autouse=True)
def _channels(settings: Settings) -> None:
    settings.MAIL_FROM = "pciops <pciops@cloud.example>"
    settings.ALERT_RECIPIENTS = (OPS,)
    settings.ALERT_WEBHOOK_URL = "https://alerts.cloud.example/pciops"
    settings.SITE_URL = "https://pciops.cloud.example"


def make_locked(name: str = "nova", role: str = "service", **facts: Any) -> User:
    """Create an account with a role, which was just locked."""
    user = make_locked_user(name, at=NOW, **facts)
    if role:
        grant(user, role)
    return user


def bodies() -> list[dict[str, Any]]:
    """Return the bodies of the calls, in the order in which they were raised."""
    calls = WebhookCall.objects.order_by("raised_at", "about")
    return [json.loads(call.body) for call in calls]


def texts() -> list[str]:
    """Return subject and text of each email."""
    found = []
    for row in OperatorMail.objects.order_by("written_at", "about"):
        mail = message_from_bytes(bytes(row.content), policy=default)
        body = mail.get_body(("plain",))
        assert body is not None
        found.append(f"{mail['Subject']}\n{body.get_content()}".replace("\r\n", "\n"))
    return found


def change(user: User, **columns: Any) -> None:
    LocalUser.objects.using("keystone").filter(user_id=user.id).update(**columns)


# --- Whose locks ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "label"),
    [("admin", "Administrator"), ("service", "Service account"), ("member", ""), ("", "")],
)
def test_only_privileged_accounts_have_alerts(role: str, label: str) -> None:
    make_locked("root", role)
    alerts.raise_alerts(NOW)

    summaries = [body["summary"] for body in bodies()]
    assert summaries == ([f"{label} locked: “root” (“Default”)"] if label else [])
    assert OperatorMail.objects.count() == len(summaries)


@pytest.mark.parametrize("said", [True, False], ids=["recorded", "guessed"])
def test_recorded_machine_has_an_alert_and_a_guessed_one_has_not(said: bool) -> None:
    user = make_locked("billing-sync", "")
    make_credential(user)
    if said:
        machines.record(user.id, is_machine=True, event_id="e" * 32)
    alerts.raise_alerts(NOW)

    assert [body["summary"].split(":")[0] for body in bodies()] == ["Machine locked"] * said


def test_without_channels_nothing_is_read(settings: Settings) -> None:
    settings.ALERT_RECIPIENTS, settings.ALERT_WEBHOOK_URL = (), ""
    make_locked()
    with CaptureQueriesContext(connections["keystone"]) as queries:
        alerts.raise_alerts(NOW)

    assert len(queries) == 0
    assert Alert.objects.count() == 0


def test_look_reads_keystone_once_while_nothing_is_locked() -> None:
    with CaptureQueriesContext(connections["keystone"]) as queries:
        alerts.raise_alerts(NOW)

    assert len(queries) == 1


# --- What they say --------------------------------------------------------------------------------
def test_alert_says_who_until_when_why_and_where_to_look() -> None:
    user = make_locked()
    alerts.raise_alerts(NOW)
    [body], [text] = bodies(), texts()
    until = NOW + timedelta(minutes=30)
    url = f"https://pciops.cloud.example/accounts/{user.id}/"

    assert (body["type"], body["status"]) == ("privileged_account_locked", "firing")
    assert (body["severity"], body["url"]) == ("critical", url)
    assert body["began_at"] == body["locked_at"] == times.iso(NOW)
    assert body["locked_until"] == body["expected_end"] == times.iso(until)
    assert body["account"]["id"] == user.id
    assert body["account"]["kinds"] == ["service"]
    assert body["diagnosis"]["cause"] == "unknown"
    assert text.startswith("OpenStack: Service account locked: “nova” (“Default”), 22 Nov 2026\n")
    assert f"after 3 failed sign-ins. Locked until {times.dated(until)}" in text
    assert "Cause:\n" in text
    assert url in text
    print(text)
    print(json.dumps(body, indent=1))


def test_lock_without_end_says_so() -> None:
    user = make_locked("root", "admin")
    change(user, failed_auth_at=None)
    alerts.raise_alerts(NOW)

    assert bodies()[0]["locked_until"] is None
    assert "does not end by itself" in texts()[0]


def test_hostile_name_is_no_link_and_no_header_and_machines_get_it_as_it_is() -> None:
    name = "www.evil.example\r\nBcc: a@b.example <script>"
    make_locked(name)
    alerts.raise_alerts(NOW)
    [body], [text] = bodies(), texts()
    mail = message_from_bytes(bytes(OperatorMail.objects.get().content), policy=default)
    html = mail.get_body(("html",))

    assert mail["Bcc"] is None
    assert "evil.example" not in text
    assert "evil.example" not in body["summary"] + body["description"]
    assert html is not None
    assert "<script>" not in html.get_content()
    assert body["account"]["name"] == name


# --- Once, and to the end -------------------------------------------------------------------------
def test_lock_has_one_alert_while_it_lasts() -> None:
    make_locked()
    for minute in range(3):
        alerts.raise_alerts(NOW + minute * MINUTE)

    assert (len(bodies()), len(texts())) == (1, 1)


def test_two_workers_raise_one_alert() -> None:
    user = make_locked()
    [condition] = locks.conditions(policies.current(), NOW)
    alerts.raise_alerts(NOW)

    assert not lifecycle.begin(condition, NOW)
    assert Alert.objects.get().subject.startswith(user.id)
    assert len(bodies()) == 1


def unlock(user: User) -> None:
    change(user, failed_auth_count=0, failed_auth_at=None)
    record(
        Event.Action.UNLOCK,
        Event.Outcome.SUCCESS,
        initiator=make_initiator(),
        resource="",
        target=Target(id=user.id, name="nova", domain_id="default", domain_name="Default"),
        now=NOW + MINUTE,
    )


def lapse(user: User) -> None:
    change(user, failed_auth_at=NOW - timedelta(minutes=30))


def reset(user: User) -> None:
    change(user, failed_auth_count=0, failed_auth_at=None)


def delete(user: User) -> None:
    Password.objects.using("keystone").filter(local_user__user_id=user.id).delete()
    LocalUser.objects.using("keystone").filter(user_id=user.id).delete()
    User.objects.using("keystone").filter(id=user.id).delete()


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        (unlock, "Unlocked by “olga (Default)” at"),
        (lapse, "The lock ended by itself at"),
        (reset, "The account is no longer locked."),
        (delete, "The account was deleted."),
    ],
)
def test_end_of_a_lock_is_told_once_and_how(end: Any, sentence: str) -> None:
    user = make_locked()
    alerts.raise_alerts(NOW)
    end(user)
    for minute in (1, 2):
        alerts.raise_alerts(NOW + minute * MINUTE)
    began, ended = bodies()

    assert (began["id"], began["status"]) == (ended["id"], "firing")
    assert (ended["status"], ended["ended_at"]) == ("resolved", times.iso(NOW + MINUTE))
    assert ended["description"].startswith(sentence)
    assert len(texts()) == 2
    assert "resolved: Service account locked" in texts()[1]
    assert sentence in texts()[1]


def test_next_lock_of_the_account_has_an_alert_of_its_own() -> None:
    user = make_locked()
    alerts.raise_alerts(NOW)
    change(user, failed_auth_at=NOW + MINUTE)
    alerts.raise_alerts(NOW + MINUTE)

    assert sorted(body["status"] for body in bodies()) == ["firing", "firing", "resolved"]
    assert Alert.objects.filter(resolved_at=None).count() == 1


def test_outage_of_keystones_database_ends_no_alert(caplog: pytest.LogCaptureFixture) -> None:
    make_locked()
    alerts.raise_alerts(NOW)
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE local_user RENAME TO elsewhere")
    alerts.raise_alerts(NOW + MINUTE)
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO local_user")

    assert "alerts wait for Keystone's database" in caplog.text
    assert len(bodies()) == 1


def test_policy_that_cannot_be_read_ends_no_alert_and_stops_no_other(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    make_locked()
    alerts.raise_alerts(NOW)
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = ["/no/such/keystone.conf"], {}
    make_storm()
    alerts.raise_alerts(NOW + MINUTE)

    assert "alerts wait for the policy: PCIOPS_KEYSTONE_CONF" in caplog.text
    assert {body["type"] for body in bodies()} == {AlertKind.ACCOUNT_LOCKED, AlertKind.STORM}
    assert not Alert.objects.exclude(resolved_at=None).exists()


def test_many_locks_at_once_share_an_alert() -> None:
    users = [make_locked(f"svc-{number}") for number in range(locks.MANY + 3)]
    for minute in range(2):
        alerts.raise_alerts(NOW + minute * MINUTE)
    kinds = [body["type"] for body in bodies()]

    assert kinds.count(AlertKind.ACCOUNT_LOCKED) == locks.MANY
    assert kinds.count(AlertKind.MANY_LOCKED) == 1

    for user in users[:5]:
        reset(user)
    alerts.raise_alerts(NOW + 2 * MINUTE)
    open_ = Alert.objects.filter(resolved_at=None)

    assert {alert.subject.split()[0] for alert in open_} == {user.id for user in users[5:]}


def test_task_sends_the_alert_at_once(smtp_server: SmtpServer, settings: Settings) -> None:
    settings.ALERT_WEBHOOK_URL = ""
    user = make_locked()
    change(user, failed_auth_at=timezone.now())
    tasks.raise_alerts()

    assert smtp_server.recipients == [OPS]
    assert "Service account locked" in str(smtp_server.mails[0]["Subject"])
