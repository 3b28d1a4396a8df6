"""Notices from end to end: a real Keystone, RabbitMQ, a worker, and an SMTP server on loopback."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.notices.smtp_server import SmtpServer, smtp_server_running
from tests.support.cloud import Cloud, Person
from tests.support.mariadb import MariaDB
from tests.support.processes import ENDS_WITH_US, ROOT, wait_until
from tests.support.rabbitmq import RabbitMQ
from tests.support.site import Result, Site

OPERATORS = "ops@cloud.example"


@dataclass
class Mailing:
    """A worker of the site that sends to an SMTP server of the test."""

    site: Site
    server: SmtpServer
    broker: RabbitMQ
    process: subprocess.Popen[bytes]
    log: Path
    calm: str | None = None  # the log until RabbitMQ was restarted, if it was

    def delay(self, *tasks: str) -> None:
        """Send the messages that the timetable sends."""
        calls = "; ".join(f"{task}.delay()" for task in tasks)
        result = self.manage("shell", "-c", f"from pciops.notices.tasks import *; {calls}")
        assert result.code == 0, result.stderr

    def manage(self, *words: str) -> Result:
        """Run manage.py with the settings of the worker."""
        return self.site.manage(*words, **settings(self.server, self.broker))

    def wait_for(self, person: Person, *words: str) -> None:
        """Return once they have a mail whose subject has all of these words."""
        wait_until(
            lambda: any(all(word in subject for word in words) for subject in self.to(person)),
            f"a mail about {words} arrives",
            self.process,
            self.log,
        )

    def to(self, person: Person) -> list[str]:
        """Return the subjects of their mails; each person has an address of their own."""
        to = address(person.name)
        return [str(mail["Subject"]) for mail in self.server.mails if mail["To"] == to]


def address(name: str) -> str:
    return f"{name}@cloud.example"


def settings(server: SmtpServer, broker: RabbitMQ) -> dict[str, str]:
    """Return the settings of a site that uses this server and broker."""
    return {
        "PCIOPS_BROKER_URL": broker.url,
        "PCIOPS_EMAIL_URL": f"smtp://127.0.0.1:{server.port}?tls=none",
        "PCIOPS_MAIL_FROM": "pciops <pciops@cloud.example>",
        "PCIOPS_DIGEST_RECIPIENTS": OPERATORS,
        "PCIOPS_DIGEST_HOUR": "0",  # so it has come
    }


@pytest.fixture
def mailing(site: Site, mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[Mailing]:
    """A worker without a timetable, until the test ends."""
    mariadb.execute("DELETE FROM lib_jobrun WHERE job LIKE 'notices.%%'", database="pciops")
    log = tmp_path / "worker.log"
    with smtp_server_running() as server, log.open("wb") as output:
        process = subprocess.Popen(
            [
                *ENDS_WITH_US,
                *(sys.executable, "-m", "celery", "-A", "pciops", "worker", "--pool", "solo"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ],
            cwd=ROOT,
            env={**site.environment, **settings(server, rabbitmq)},
            stdout=output,
            stderr=output,
        )
        mailing = Mailing(site, server, rabbitmq, process, log)
        try:
            yield mailing
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
    lines = log.read_text(encoding="utf-8")
    calm = lines if mailing.calm is None else mailing.calm
    assert "Traceback" not in calm.partition("Connection to broker lost")[0]
    # Libraries log tracebacks when the broker goes away; pciops' own code is in none.
    assert f'File "{ROOT / "pciops"}' not in lines
    assert "Task notices" not in lines  # "…raised unexpected"


def create_person(cloud: Cloud, mariadb: MariaDB, name: str) -> Person:
    """Create a user with an address of their own."""
    person = cloud.create_user(name)
    mariadb.execute(
        "UPDATE user SET extra = JSON_OBJECT('email', %s) WHERE id = %s",
        address(person.name),
        person.id,
        database="keystone",
    )
    return person


def test_an_expiring_password_is_announced_once_however_often_it_is_planned(
    mailing: Mailing, cloud: Cloud, mariadb: MariaDB
) -> None:
    person = make_expiring(cloud, mariadb, "expiring")
    mailing.delay("plan_by_date", "send_due", "plan_by_date", "send_due")
    mailing.wait_for(person, "expires in")
    again = mailing.manage("send_notices")

    assert again.code == 0, again.stderr
    assert len(mailing.to(person)) == 1


def make_expiring(cloud: Cloud, mariadb: MariaDB, name: str) -> Person:
    """Create a user whose password expires in less than two days."""
    person = create_person(cloud, mariadb, name)
    mariadb.execute(
        "UPDATE password SET expires_at_int = (UNIX_TIMESTAMP() + 2 * 86400 - 60) * 1000000,"
        " created_at_int = (UNIX_TIMESTAMP() - 88 * 86400) * 1000000"
        " WHERE local_user_id = (SELECT id FROM local_user WHERE user_id = %s)",
        person.id,
        database="keystone",
    )
    return person


def test_a_lock_and_its_unlock_are_announced(
    mailing: Mailing, cloud: Cloud, mariadb: MariaDB
) -> None:
    person = create_person(cloud, mariadb, "locked")
    cloud.lock(person)
    mailing.delay("plan_by_lock", "send_due")
    mailing.wait_for(person, "after 3 failed attempts")
    unlocked = mailing.manage("unlock", person.name, "--reason", "INC-1: asked by phone")
    mariadb.execute("DELETE FROM lib_jobrun WHERE job = 'notices.locks'", database="pciops")
    mailing.delay("plan_by_lock", "send_due")
    mailing.wait_for(person, "was unlocked")

    assert unlocked.code == 0, unlocked.stderr
    assert len(mailing.to(person)) == 2


def test_a_worker_continues_after_rabbitmq_was_restarted(
    mailing: Mailing, cloud: Cloud, mariadb: MariaDB
) -> None:
    person = make_expiring(cloud, mariadb, "patient")
    mailing.delay("plan_by_date")
    mailing.calm = mailing.log.read_text(encoding="utf-8")
    mailing.broker.restart()
    mailing.delay("send_due")
    mailing.wait_for(person, "expires in")

    assert mailing.process.poll() is None
    assert len(mailing.to(person)) == 1


def test_the_digest_of_the_day_is_sent_once_to_the_operators(
    mailing: Mailing, cloud: Cloud, mariadb: MariaDB
) -> None:
    person = create_person(cloud, mariadb, "locked-by-night")
    cloud.lock(person)
    mailing.delay("write_digests", "send_operator_mails", "write_digests", "send_operator_mails")
    wait_until(lambda: bool(digests(mailing)), "the digest arrives", mailing.process, mailing.log)
    again = mailing.manage("send_digest")
    [digest] = digests(mailing)
    body = digest.get_body(("plain",))

    assert again.code == 0, again.stderr
    assert "are written already" in again.stdout
    assert "new lock" in digest["Subject"]
    assert body is not None
    assert f"* “{person.name}” (" in body.get_content()


def digests(mailing: Mailing) -> list[EmailMessage]:
    """Return the mails to the operators."""
    return [mail for mail in mailing.server.mails if mail["To"] == OPERATORS]
