"""Options of keystone.conf that change what a sign-in does, on a real Keystone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.accounts.policy import policy as policies
from pciops.demo.keystone import Keystone
from pciops.keystone import client
from pciops.signin import rights
from pciops.signin.rights import Role, ScopedTokenError
from tests.support.cloud import ATTEMPTS, Cloud, Person, keystone_on
from tests.support.mariadb import MariaDB

FURTHER = """\
[DEFAULT]
notification_format = cadf
notification_opt_out =

[oslo_messaging_notifications]
driver = log

[token]
allow_rescope_scoped_token = false
"""


@dataclass(frozen=True)
class Odd:
    """A Keystone that reports hashes without a key, and exchanges no scoped token."""

    keystone: Keystone
    cloud: Cloud
    notifications: Path

    def heard(self, person: Person) -> list[str]:
        """Return the outcome of each sign-in of the person that Keystone published."""
        lines = self.notifications.read_text(encoding="utf-8").splitlines()
        events = [json.loads(line[line.index("{") :]) for line in lines if person.id in line]
        return [
            event["payload"]["outcome"]
            for event in events
            if event["event_type"] == "identity.authenticate"
        ]


@pytest.fixture(scope="module")
def odd(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Odd]:
    """That Keystone, of release 30."""
    folder = tmp_path_factory.mktemp("odd")
    notifications = folder / "notifications"
    compliance = {"lockout_failure_attempts": ATTEMPTS, "report_invalid_password_hash": "event"}
    with keystone_on(
        mariadb,
        "odd",
        folder,
        security_compliance=compliance,
        further=FURTHER,
        notifications=notifications,
    ) as server:
        yield Odd(server, Cloud(server, mariadb), notifications)


def test_hashes_without_a_key_make_wrong_passwords_fail_counted_and_unheard(odd: Odd) -> None:
    person = odd.cloud.create_user()
    assert odd.cloud.sign_in(person)
    statuses = [odd.cloud.authenticate(person, "wrong").status_code for _ in range(ATTEMPTS)]

    assert statuses == [500] * ATTEMPTS
    assert odd.cloud.row(person)["failed_auth_count"] == ATTEMPTS
    assert odd.heard(person) == ["success"]
    assert not odd.cloud.sign_in(person)
    policy = policies.parse([str(odd.keystone.conf)], {}, keystone_release=30).policy
    assert policy.wrong_passwords_fail


def test_sign_in_works_where_scoped_tokens_are_not_exchanged(odd: Odd, settings: Settings) -> None:
    settings.OS_AUTH_URL = odd.cloud.auth_url
    operator = odd.cloud.create_operator()
    [(_, held)] = rights.choices(
        client.authenticate(operator.name, operator.password, operator.domain)
    )
    assert held.role is Role.ADMINISTRATOR

    project = odd.cloud.api.projects.create("elsewhere", domain="default")
    odd.cloud.api.roles.grant(odd.cloud.role("member"), user=operator.id, project=project.id)
    scoped = client.validate(odd.cloud.token(operator, scope={"project_id": project.id}))
    with pytest.raises(ScopedTokenError):
        rights.strongest(scoped)
