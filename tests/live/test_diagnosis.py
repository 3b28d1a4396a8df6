"""A stale script, a guesser and a sprayer at a real Keystone: the pages say which is which."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from pciops.demo.keystone import Keystone
from tests.support.cloud import Cloud, Person, authenticate
from tests.support.mariadb import MariaDB
from tests.support.processes import wait_until
from tests.support.proxy import TcpProxy
from tests.support.site import Site, consuming, manage
from tests.support.visitor import Visitor, text_of

SCRIPT, GUESSER, SPRAYER = "127.0.0.2", "127.0.0.3", "127.0.0.4"


class SourceAddress(HTTPAdapter):
    """Sends requests from this address of loopback."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, source_address=(self.address, 0))


def fail(url: str, name: str, password: str, *, address: str, agent: str) -> None:
    """Fail to sign in once, from this address and with this user agent."""
    user = {"name": name, "domain": {"name": "Default"}}
    with requests.Session() as http:
        http.mount("http://", SourceAddress(address))
        authenticate(url, user, password, http=http, **{"User-Agent": agent})


@dataclass
class Scene:
    """Three locked people, each by another attacker, and an operator who looks at them."""

    scripted: Person
    guessed: Person
    sprayed: Person
    cloud: Cloud
    environment: dict[str, str]
    operator: Visitor

    def page(self, person: Person, rest: str = "") -> str:
        return text_of(self.operator.get(f"/accounts/{person.id}/{rest}"))


@pytest.fixture(scope="module")
def scene(
    notifying: Keystone,
    mariadb: MariaDB,
    events_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    own = {n: value for n, value in events_environment.items() if n.startswith(("PCIOPS_", "OS_"))}
    site = Site(
        folder=tmp_path_factory.mktemp("site"),
        settings={name: value for name, value in own.items() if name != "PCIOPS_VAR"},
        keystone_api=TcpProxy(1),
        keystone_database=TcpProxy(1),
    )
    cloud = Cloud(notifying, mariadb)  # it signs in: now there is an exchange
    with consuming(events_environment, tmp_path_factory.mktemp("consumer") / "log") as consumer:
        consumer.wait_for_output("connected to")
        attacked = _attack(cloud)
        with site:
            operator = site.visitor()
            operator.sign_in(cloud.create_operator())
            yield Scene(*attacked, cloud, events_environment, operator)


def _attack(cloud: Cloud) -> tuple[Person, Person, Person]:
    scripted, guessed = cloud.create_user("backup"), cloud.create_user("boss")
    crowd = [cloud.create_user("member") for _ in range(7)]
    url, attempts = cloud.auth_url, 0
    for number in range(14):
        fail(url, scripted.name, "of last month", address=SCRIPT, agent="keystoneauth1/5.18")
        fail(url, guessed.name, f"guess {number}", address=GUESSER, agent="curl/8.5")
        attempts += 2
        time.sleep(0.5)
    for password in ("Summer2026", "Winter2026", "Spring2026"):
        for person in crowd:
            fail(url, person.name, password, address=SPRAYER, agent="python/3")
        fail(url, f"no {password}", "x", address=SPRAYER, agent="python/3")
        attempts += len(crowd) + 1
    statement = (
        "SELECT SUM(count) AS total FROM events_attempts"
        " WHERE outcome = 'failure' AND address LIKE '127.0.0._' AND address <> '127.0.0.1'"
    )
    wait_until(
        lambda: cloud.database.execute(statement, database="events")[0]["total"] == attempts,
        f"{attempts} failures are kept",
    )
    return scripted, guessed, crowd[3]


def test_a_stale_script_is_an_old_password_in_a_program(scene: Scene) -> None:
    page = scene.page(scene.scripted)

    assert "Old password in a program" in page
    assert SCRIPT in page


def test_different_passwords_from_one_address_are_guessing(scene: Scene) -> None:
    page = scene.page(scene.guessed)

    assert "3 different passwords" in page
    assert GUESSER in page


def test_one_password_for_many_accounts_is_spraying(scene: Scene) -> None:
    page = scene.page(scene.sprayed)

    assert "very likely Password spraying" in page
    assert "6 other accounts, 3 unknown usernames" in page
    assert "with the same password" in page
    assert SPRAYER in page


def test_the_unlock_form_shows_the_cause(scene: Scene) -> None:
    assert "Password guessing" in scene.page(scene.guessed, "unlock/")


def test_the_list_shows_each_cause(scene: Scene) -> None:
    page = text_of(scene.operator.get("/accounts/?state=locked"))

    for words in ("Old password in a program", "Password guessing", "Password spraying"):
        assert words in page


def test_the_spray_is_a_storm_on_the_overview(scene: Scene) -> None:
    watch = (
        "from django.utils import timezone; from pciops.accounts.policy import policy;"
        "from pciops.events.storms import storms;"
        "print(storms.watch(policy=policy.current(), now=timezone.now()).locked.count())"
    )
    limited = {**scene.environment, "PCIOPS_STORM_ACCOUNTS": "5"}

    assert manage(limited, "shell", "-v0", "-c", watch).stdout.strip() == "7"
    page = text_of(scene.operator.get("/"))
    assert "Possible attack: 7 accounts locked, 3 unknown usernames tried" in page
    assert f"before you unlock: {SPRAYER}" in page


def test_idle_accounts_are_remembered_on_the_real_database(scene: Scene) -> None:
    look = (
        "from django.utils import timezone; from pciops.accounts.policy import policy;"
        "from pciops.events.tampering import detection;"
        "from pciops.events.models import IdleSnapshot;"
        "print([detection.find_activity_changes(policy=policy.current(), now=timezone.now())"
        " for _ in range(2)], IdleSnapshot.objects.count())"
    )
    limited = {**scene.environment, "PCIOPS_POLICY_DISABLE_USER_ACCOUNT_DAYS_INACTIVE": "3"}

    numbers, _, remembered = (
        manage(limited, "shell", "-v0", "-c", look).stdout.strip().rpartition(" ")
    )
    assert numbers == "[0, 0]"
    assert int(remembered) > 5


def test_an_unlock_by_a_patch_is_detected_with_its_author(scene: Scene) -> None:
    look = (
        "from django.utils import timezone; from pciops.accounts.policy import policy;"
        "from pciops.events.tampering import detection;"
        "print(detection.find_unlocks(policy=policy.current(), now=timezone.now()))"
    )
    manage(scene.environment, "shell", "-v0", "-c", look)
    scene.cloud.api.users.update(scene.scripted.id, description="nothing about locks")
    statement = "SELECT 1 FROM events_activity WHERE user_id = %s AND action = 'updated'"
    wait_until(
        lambda: bool(scene.cloud.database.execute(statement, scene.scripted.id, database="events")),
        "the change is kept",
    )

    assert manage(scene.environment, "shell", "-v0", "-c", look).stdout.strip() == "1"
    page = scene.page(scene.scripted)
    assert "Unlocked elsewhere." in page
    assert "admin (Default) changed the account through Keystone's API" in page
