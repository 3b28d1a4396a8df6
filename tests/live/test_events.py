"""A real Keystone publishes to a real RabbitMQ, and the consumer keeps what happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from pciops.demo.keystone import Keystone
from tests.support.cloud import UNKNOWN, Cloud, Person
from tests.support.mariadb import MariaDB, Row
from tests.support.processes import Program, wait_until
from tests.support.site import consuming, manage

OLD, NEW = "Correct-Horse-7", "Correct-Horse-8"


@dataclass
class Story:
    """The things that were done to j.doe, and the rows that pciops keeps of them."""

    doe: Person
    admin: Person
    attempts: list[Row]
    activity: list[Row]
    consumer: Program
    doctor: str


@pytest.fixture(scope="module")
def story(
    notifying: Keystone,
    mariadb: MariaDB,
    events_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Story]:
    """Everything that can happen to an account, in order, and the rows that it leaves."""
    cloud = Cloud(notifying, mariadb)  # it signs in: now there is an exchange
    with consuming(events_environment, tmp_path_factory.mktemp("consumer") / "log") as consumer:
        consumer.wait_for_output("connected to")
        doe = _act(cloud)
        rows = _rows(mariadb, doe)
        doctor = manage(events_environment, "doctor").stdout
        assert consumer.stop() == 0
        yield Story(doe, cloud.admin, *rows, consumer, doctor)


def _act(cloud: Cloud) -> Person:
    doe = cloud.create_user("j.doe", password=OLD)
    cloud.sign_in(doe)
    for _ in range(4):  # the last attempt finds it locked
        cloud.sign_in(doe, "wrong")
    cloud.api.users.update(doe.id, description="unlocked by this")
    cloud.authenticate(UNKNOWN)
    _change_password(cloud, doe, OLD, "short")
    _change_password(cloud, doe, OLD, OLD)
    _change_password(cloud, doe, OLD, NEW)
    _wait_for(cloud, doe, "password", 3)
    cloud.api.users.update(doe.id, enabled=False)
    cloud.sign_in(doe, NEW)  # Keystone publishes nothing about it
    # A new value is looked up when the notification is read.
    _wait_for(cloud, doe, "disabled")
    cloud.api.users.update(doe.id, enabled=True)
    _wait_for(cloud, doe, "enabled")
    cloud.api.roles.grant(cloud.role("reader"), user=doe.id, domain="default")
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


def test_only_a_wrong_password_has_a_partial_hash(story: Story) -> None:
    hashes = {row["reason"]: len(str(row["partial_hash"])) for row in story.attempts}

    assert hashes["wrong_password"] > 5
    assert (hashes["locked"], hashes[""]) == (0, 0)


def test_an_unknown_name_is_kept_with_the_domain_of_the_request(story: Story) -> None:
    [row] = [row for row in story.attempts if row["reason"] == "unknown_name"]

    assert (row["user_id"], row["name"], row["domain_name"]) == ("", "nobody", "Default")


def test_a_sign_in_has_its_address_and_user_agent(story: Story) -> None:
    [row] = [row for row in story.attempts if row["reason"] == "locked"]

    assert row["address"] == "127.0.0.1"
    assert "python-requests" in str(row["agent"])


def test_every_change_of_the_account_is_kept_in_order(story: Story) -> None:
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


def test_a_change_has_its_author_and_a_password_change_has_none(story: Story) -> None:
    doers = {row["action"]: (row["doer_id"], row["doer_name"]) for row in story.activity}

    assert doers.pop("password") == ("", "")
    assert set(doers.values()) == {(story.admin.id, "admin")}


def test_the_deleted_account_keeps_its_name_and_domain(story: Story) -> None:
    row = story.activity[-1]

    assert (row["name"], row["domain_name"]) == (story.doe.name, "Default")


def test_no_message_became_a_dead_letter(story: Story, mariadb: MariaDB) -> None:
    assert mariadb.execute("SELECT * FROM events_setaside", database="events") == []


def test_the_doctor_warns_only_about_the_proxy(story: Story) -> None:
    lines = [line for line in story.doctor.splitlines() if "  keystone.conf  " in line]

    assert ["ignores proxy headers" in line for line in lines] == [True]
    assert "It is connected" in story.doctor
    assert "answers. 0 notifications wait" in story.doctor


def test_the_consumer_exits_and_reports_its_work(story: Story) -> None:
    assert story.consumer.output.count(" WARNING ") <= 1  # that nothing was published yet
    assert "messages taken in" in story.consumer.output
