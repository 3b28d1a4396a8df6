"""Alerts from end to end: a real Keystone, consumer, and worker with its beat; SMTP and HTTP."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pciops.demo.keystone import Keystone
from tests.notices.smtp_server import SmtpServer, smtp_server_running
from tests.support.cloud import ATTEMPTS, Cloud, Person
from tests.support.mariadb import MariaDB
from tests.support.processes import Program, running, wait_until
from tests.support.site import consuming, manage
from tests.support.webhook import SECRET, Receiver, serving

OPERATOR = "oncall@cloud.example"


@dataclass
class Alarm:
    """A pciops that alerts, and what its operators receive."""

    env: dict[str, str]
    cloud: Cloud
    mail: SmtpServer
    worker: Program
    alerts: Receiver = field(default_factory=Receiver)
    acts: Receiver = field(default_factory=Receiver)

    def subjects(self) -> list[str]:
        """Return the subjects of the emails to operators, without those to owners of accounts."""
        return [str(mail["Subject"]) for mail in self.mail.mails if mail["To"] == OPERATOR]

    def bodies(self, kind: str, receiver: Receiver) -> list[dict[str, Any]]:
        """Return the bodies of a type; all calls are signed."""
        now = time.time()
        assert all(receiver.accepts(number, now=now) for number in range(len(receiver.calls)))
        found = [json.loads(body) for _, _, body in receiver.calls]
        return [body for body in found if body["type"] == kind]

    def wait(self, condition: Callable[[], bool], what: str) -> float:
        """Return the time at which the condition became true."""
        wait_until(condition, what, self.worker.process, self.worker.log)
        return time.monotonic()


@pytest.fixture
def alarm(
    notifying: Keystone, mariadb: MariaDB, events_environment: dict[str, str], tmp_path: Path
) -> Iterator[Alarm]:
    """A consumer and a worker as production runs them, with a folder of messages."""
    alerts, acts = Receiver(), Receiver()
    cloud = Cloud(notifying, mariadb)
    with smtp_server_running() as mail, serving(alerts) as port, serving(acts) as other:
        env = {
            **events_environment,
            "PCIOPS_ALERT_RECIPIENTS": OPERATOR,
            "PCIOPS_ALERT_WEBHOOK_URL": f"http://127.0.0.1:{port}/alerts",
            "PCIOPS_ALERT_WEBHOOK_SECRET": SECRET,
            "PCIOPS_ACT_WEBHOOK_URL": f"http://127.0.0.1:{other}/acts",
            "PCIOPS_ACT_WEBHOOK_SECRET": SECRET,
            "PCIOPS_TICKET_PATTERN": "INC-[0-9]+",
            "PCIOPS_EMAIL_URL": f"smtp://127.0.0.1:{mail.port}?tls=none",
            "PCIOPS_MAIL_FROM": "pciops <pciops@cloud.example>",
            "PCIOPS_SITE_URL": "https://pciops.cloud.example",
        }
        command = [
            *(sys.executable, "-m", "celery", "-A", "pciops", "worker", "--beat"),
            *("--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]
        log = tmp_path / "worker"
        with (
            consuming(env, tmp_path / "consumer") as consumer,
            running(command, env=env, log=log) as worker,
        ):
            consumer.wait_for_output("connected to")
            worker.wait_for_output("start/process of worker")
            yield Alarm(env, cloud, mail, worker, alerts, acts)
            assert consumer.stop() == 0
            assert worker.stop() == 0
        assert "Traceback" not in worker.output


def make_service_account(cloud: Cloud) -> Person:
    person = cloud.create_user("nova")
    cloud.grant(person, "service")
    return person


def test_lock_of_a_service_account_reaches_operators_within_a_minute_and_so_does_its_end(
    alarm: Alarm,
) -> None:
    person = make_service_account(alarm.cloud)
    for _ in range(ATTEMPTS):
        assert not alarm.cloud.sign_in(person, "an old password")
    locked = time.monotonic()
    by_webhook = alarm.wait(
        lambda: bool(alarm.bodies("privileged_account_locked", alarm.alerts)), "a call arrives"
    )
    by_mail = alarm.wait(lambda: bool(alarm.subjects()), "an email arrives")
    [began] = alarm.bodies("privileged_account_locked", alarm.alerts)
    print(f"{by_webhook - locked:.1f} s to the webhook, {by_mail - locked:.1f} s to the email")
    print(json.dumps(began, indent=2, ensure_ascii=False))

    assert max(by_webhook, by_mail) - locked < 60
    assert began["status"] == "firing"
    assert began["account"]["id"] == person.id
    assert began["locked_until"] > began["locked_at"]
    assert began["url"] == f"https://pciops.cloud.example/accounts/{person.id}/"
    assert began["diagnosis"]["sources"][0]["reported_address"] == "127.0.0.1"
    assert person.name in alarm.subjects()[0]

    refused = manage(alarm.env, "unlock", person.name, "--reason", "called")
    assert (refused.code, "--reason: Enter the ticket" in refused.stderr) == (2, True)
    unlocked = manage(alarm.env, "unlock", person.name, "--reason", "INC-4711: called")
    assert unlocked.code == 0, unlocked.stderr
    alarm.wait(lambda: len(alarm.subjects()) == 2, "the email about the end arrives")
    alarm.wait(lambda: bool(alarm.acts.calls), "the call about the act arrives")
    _, ended = alarm.bodies("privileged_account_locked", alarm.alerts)
    [act] = alarm.bodies("act", alarm.acts)

    assert (ended["id"], ended["status"]) == (began["id"], "resolved")
    assert "Unlocked by" in ended["description"]
    assert (act["action"], act["outcome"], act["ticket"]) == ("unlock", "success", "INC-4711")
    assert act["account"]["id"] == person.id
