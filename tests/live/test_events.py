"""A real Keystone publishes to a real RabbitMQ, and what arrives is what the tables say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from pciops.demo.keystone import Keystone
from tests.support.cloud import Cloud, Person
from tests.support.consumer import Consumer, consuming, environment_of, manage
from tests.support.mariadb import MariaDB, Row
from tests.support.processes import ROOT, wait_until
from tests.support.rabbitmq import RabbitMQ

OLD, NEW = "Correct-Horse-7", "Correct-Horse-8"
_PUBLISHING = """\
[DEFAULT]
notification_format = cadf
notification_opt_out =

[oslo_messaging_notifications]
driver = messagingv2
transport_url = {url}
"""


@pytest.fixture(scope="module")
def notifying(
    mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Keystone]:
    """A Keystone that sends all that it can."""
    database = mariadb.create_database("notifying", password="keystones-own")
    with Keystone(
        Path(os.environ.get("TEST_KEYSTONE", ROOT / "var" / "demo" / "keystone")),
        tmp_path_factory.mktemp("notifying"),
        database=database.replace("mysql://", "mysql+pymysql://"),
        security_compliance={
            "lockout_failure_attempts": 3,
            "lockout_duration": 1800,
            "unique_last_password_count": 3,
            "password_regex": r"^(?=.*\d).{7,}$$",
            "password_regex_description": "Seven characters, one a number.",
            "report_invalid_password_hash": "event",
            "invalid_password_hash_secret_key": "only-of-this-test",
        },
        further=_PUBLISHING.format(url=rabbitmq.url.replace("amqp:", "rabbit:").rstrip("/") + "/"),
    ) as server:
        yield server


@pytest.fixture(scope="module")
def environment(
    mariadb: MariaDB, rabbitmq: RabbitMQ, notifying: Keystone, tmp_path_factory: Any
) -> dict[str, str]:
    """Of a pciops that reads that Keystone, with tables of its own."""
    return environment_of(
        tmp_path_factory.mktemp("events"),
        PCIOPS_DATABASE_URL=mariadb.create_database("events", password="ours"),
        PCIOPS_KEYSTONE_CONF=str(notifying.conf),
        PCIOPS_KEYSTONE_DATABASE_URL=mariadb.url(
            "notifying", user="notifying", password="keystones-own"
        ),
        PCIOPS_NOTIFICATIONS_URL=rabbitmq.url,
        OS_AUTH_URL=notifying.url,
    )


@dataclass
class Story:
    """What was done to j.doe, and what is kept of it."""

    doe: Person
    admin: Person
    attempts: list[Row]
    activity: list[Row]
    consumer: Consumer
    doctor: str


@pytest.fixture(scope="module")
def story(
    notifying: Keystone,
    mariadb: MariaDB,
    environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Story]:
    """Everything that can happen to an account, in order, and the rows that it leaves."""
    manage(environment, "migrate", "-v0")
    [row] = mariadb.execute(
        "SELECT user_id FROM local_user WHERE name = 'admin'", database="notifying"
    )
    admin = Person(
        id=str(row["user_id"]),
        name="admin",
        password=notifying.admin_password,
        domain_id="default",
        domain="Default",
    )
    with consuming(environment, tmp_path_factory.mktemp("consumer") / "log") as consumer:
        cloud = Cloud(notifying.url, mariadb, admin)  # it signs in: now there is an exchange
        consumer.wait_until_it_says("connected to")
        doe = _act(cloud)
        rows = _rows(mariadb, doe)
        doctor = manage(environment, "doctor", check=False)
        assert consumer.end() == 0
        yield Story(doe, admin, *rows, consumer, doctor)


def _act(cloud: Cloud) -> Person:
    doe = cloud.create_user("j.doe", password=OLD)
    cloud.sign_in(doe)
    for _ in range(4):  # the last try finds it locked
        cloud.sign_in(doe, "wrong")
    cloud.api.users.update(doe.id, description="unlocked by this")
    cloud.authenticate(Person(id="", name="nobody", password="x", domain_id="", domain="Default"))
    _change_password(cloud, doe, OLD, "short")
    _change_password(cloud, doe, OLD, OLD)
    _change_password(cloud, doe, OLD, NEW)
    _wait_for(cloud, doe, "password", 3)
    cloud.api.users.update(doe.id, enabled=False)
    cloud.sign_in(doe, NEW)  # Keystone says nothing of it
    # What has turned is looked up when the notification is read.
    _wait_for(cloud, doe, "disabled")
    cloud.api.users.update(doe.id, enabled=True)
    _wait_for(cloud, doe, "enabled")
    cloud.api.roles.grant(cloud._roles["reader"], user=doe.id, domain="default")
    cloud.api.users.delete(doe.id)
    _wait_for(cloud, doe, "deleted")
    return doe


def _wait_for(cloud: Cloud, doe: Person, action: str, number: int = 1) -> None:
    statement = "SELECT 1 FROM events_activity WHERE user_id = %s AND action = %s"
    wait_until(
        lambda: len(cloud.database.execute(statement, doe.id, action, database="events")) >= number,
        f"{action!r} is kept {number} times",
    )


def _change_password(cloud: Cloud, person: Person, old: str, new: str) -> None:
    requests.post(
        f"{cloud.auth_url}/users/{person.id}/password",
        json={"user": {"password": new, "original_password": old}},
        headers={"User-Agent": "their-own"},
        timeout=30,
    )


def _rows(database: MariaDB, doe: Person) -> tuple[list[Row], list[Row]]:
    return (
        database.execute("SELECT * FROM events_attempts ORDER BY first_at", database="events"),
        database.execute(
            "SELECT * FROM events_activity WHERE user_id = %s ORDER BY at, id",
            doe.id,
            database="events",
        ),
    )


def _counted(story: Story, **facts: str) -> int:
    return sum(
        int(str(row["count"]))
        for row in story.attempts
        if all(row[name] == value for name, value in facts.items())
    )


@pytest.mark.parametrize(
    ("outcome", "reason", "number"),
    [
        ("failure", "wrong_password", 3),
        ("failure", "locked", 1),
        ("success", "", 4),  # one sign-in, and one with each change of the password
    ],
)
def test_each_sign_in_is_counted_by_how_it_ended(
    story: Story, outcome: str, reason: str, number: int
) -> None:
    assert _counted(story, user_id=story.doe.id, outcome=outcome, reason=reason) == number


def test_a_wrong_password_has_its_hash_and_another_sign_in_has_none(story: Story) -> None:
    hashes = {row["reason"]: len(str(row["partial_hash"])) for row in story.attempts}

    assert hashes["wrong_password"] > 5
    assert (hashes["locked"], hashes[""]) == (0, 0)


def test_an_unknown_name_is_kept_with_the_domain_that_was_asked(story: Story) -> None:
    [row] = [row for row in story.attempts if row["reason"] == "unknown_name"]

    assert (row["user_id"], row["name"], row["domain_name"]) == ("", "nobody", "Default")


def test_where_from_and_with_what(story: Story) -> None:
    [row] = [row for row in story.attempts if row["reason"] == "locked"]

    assert row["address"] == "127.0.0.1"
    assert "python-requests" in str(row["agent"])


def test_all_that_was_done_to_the_account_is_there_in_order(story: Story) -> None:
    assert [(row["action"], row["outcome"], row["reason"]) for row in story.activity] == [
        ("created", "success", ""),
        ("updated", "success", ""),
        ("password", "failure", "requirements"),
        ("password", "failure", "history"),
        ("password", "success", ""),
        ("disabled", "success", ""),
        ("enabled", "success", ""),
        ("role_granted", "success", ""),
        ("deleted", "success", ""),
    ]


def test_it_says_by_whom_and_a_change_of_the_password_is_the_owners(story: Story) -> None:
    doers = {row["action"]: (row["doer_id"], row["doer_name"]) for row in story.activity}

    assert doers.pop("password") == ("", "")
    assert set(doers.values()) == {(story.admin.id, "admin")}


def test_the_deleted_account_keeps_its_name_and_domain(story: Story) -> None:
    row = story.activity[-1]

    assert (row["name"], row["domain_name"]) == (story.doe.name, "Default")


def test_nothing_was_set_aside(story: Story, mariadb: MariaDB) -> None:
    assert mariadb.execute("SELECT * FROM events_setaside", database="events") == []


def test_the_doctor_finds_all_in_order_but_the_proxy(story: Story) -> None:
    lines = [line for line in story.doctor.splitlines() if "  keystone.conf  " in line]

    assert ["believes no proxy" in line for line in lines] == [True]
    assert "It is running and connected" in story.doctor
    assert "answers; 0 notifications wait" in story.doctor


def test_the_consumer_ends_in_order_and_says_what_it_did(story: Story) -> None:
    assert story.consumer.said.count(" WARNING ") <= 1  # that nobody had published yet
    assert "messages taken in" in story.consumer.said
