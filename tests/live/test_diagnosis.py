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
from tests.live.test_events import environment as environment
from tests.live.test_events import notifying as notifying
from tests.support.cloud import Cloud, Person
from tests.support.consumer import consuming, manage
from tests.support.mariadb import MariaDB
from tests.support.processes import wait_until
from tests.support.proxy import Door
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of

SCRIPT, GUESSER, SPRAYER = "127.0.0.2", "127.0.0.3", "127.0.0.4"


class From(HTTPAdapter):
    """Requests that come from this address of loopback."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, source_address=(self.address, 0))


def sign_in(url: str, name: str, domain: str, password: str, *, address: str, agent: str) -> None:
    """One try."""
    user = {"name": name, "domain": {"name": domain}, "password": password}
    identity = {"methods": ["password"], "password": {"user": user}}
    with requests.Session() as link:
        link.mount("http://", From(address))
        link.post(
            f"{url}/auth/tokens",
            json={"auth": {"identity": identity}},
            headers={"User-Agent": agent},
            timeout=30,
        )


@dataclass
class Scene:
    """Who was locked by whom, and an operator who looks."""

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
    environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
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
        scripted, guessed, sprayed = _attack(cloud)
        with _site(environment, tmp_path_factory) as site:
            operator = site.visitor()
            operator.sign_in(cloud.create_operator())
            yield Scene(scripted, guessed, sprayed, cloud, environment, operator)


def _site(environment: dict[str, str], folders: pytest.TempPathFactory) -> Site:
    own = {name: value for name, value in environment.items() if name[:3] in {"PCI", "OS_"}}
    return Site(
        folder=folders.mktemp("site"),
        settings={name: value for name, value in own.items() if name != "PCIOPS_VAR"},
        keystone_api=Door(1),
        keystone_database=Door(1),
    )


def _attack(cloud: Cloud) -> tuple[Person, Person, Person]:
    scripted, guessed = cloud.create_user("backup"), cloud.create_user("boss")
    crowd = [cloud.create_user("member") for _ in range(7)]
    url, tries = cloud.auth_url, 0
    for number in range(14):
        sign_in(
            *(url, scripted.name, scripted.domain, "of last month"),
            address=SCRIPT,
            agent="keystoneauth1/5.18",
        )
        sign_in(
            *(url, guessed.name, guessed.domain, f"guess {number}"),
            address=GUESSER,
            agent="curl/8.5",
        )
        tries += 2
        time.sleep(0.5)
    for password in ("Summer2026", "Winter2026", "Spring2026"):
        for person in crowd:
            sign_in(*(url, person.name, person.domain, password), address=SPRAYER, agent="python/3")
            tries += 1
        sign_in(*(url, f"no {password}", "Default", "x"), address=SPRAYER, agent="python/3")
        tries += 1
    statement = (
        "SELECT SUM(count) AS total FROM events_attempts"
        " WHERE outcome = 'failure' AND address LIKE '127.0.0._' AND address <> '127.0.0.1'"
    )
    wait_until(
        lambda: cloud.database.execute(statement, database="events")[0]["total"] == tries,
        f"{tries} failures are kept",
    )
    return scripted, guessed, crowd[3]


def test_the_stale_script_is_an_old_password_in_a_program(scene: Scene) -> None:
    page = scene.page(scene.scripted)

    assert "Old password in a program" in page
    assert f"Find the program on {SCRIPT}" in page


def test_the_guesser_is_somebody_who_guesses(scene: Scene) -> None:
    page = scene.page(scene.guessed)

    assert "Guessing, probably: 3 different passwords" in page
    assert f"Block {GUESSER}" in page


def test_the_sprayer_is_one_who_sprays(scene: Scene) -> None:
    page = scene.page(scene.sprayed)

    assert "Spraying, very likely" in page
    assert "6 other accounts, 3 names that no account has" in page
    assert "with the same password" in page
    assert f"Block {SPRAYER}" in page


def test_the_form_of_the_unlock_says_it_too(scene: Scene) -> None:
    assert "Guessing, probably" in scene.page(scene.guessed, "unlock/")


def test_the_list_says_it_for_each(scene: Scene) -> None:
    page = text_of(scene.operator.get("/accounts/?state=locked"))

    for words in ("Old password in a program", "Guessing", "Spraying"):
        assert words in page


def test_the_spray_is_a_storm_on_the_overview(scene: Scene) -> None:
    watch = (
        "from django.utils import timezone; from pciops.accounts.policy import policy;"
        "from pciops.events.storms import storms;"
        "print(storms.watch(policy=policy.current(), now=timezone.now()).locked.count())"
    )
    limited = {**scene.environment, "PCIOPS_STORM_ACCOUNTS": "5"}

    assert manage(limited, "shell", "-v0", "-c", watch).strip() == "7"
    page = text_of(scene.operator.get("/"))
    assert "Lockout storm: 7 accounts locked, 3 names tried that nobody has" in page
    assert f"if you know them not to be yours: {SPRAYER}" in page


def test_idle_accounts_are_remembered_on_the_real_database(scene: Scene) -> None:
    look = (
        "from django.utils import timezone; from pciops.accounts.policy import policy;"
        "from pciops.events.tampering import detection;"
        "from pciops.events.models import IdleSnapshot;"
        "print([detection.find_activity_changes(policy=policy.current(), now=timezone.now())"
        " for _ in range(2)], IdleSnapshot.objects.count())"
    )
    limited = {**scene.environment, "PCIOPS_POLICY_DISABLE_USER_ACCOUNT_DAYS_INACTIVE": "3"}

    numbers, _, remembered = manage(limited, "shell", "-v0", "-c", look).strip().rpartition(" ")
    assert numbers == "[0, 0]"
    assert int(remembered) > 5


def test_an_unlock_by_a_patch_is_found_and_its_author_named(scene: Scene) -> None:
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

    assert manage(scene.environment, "shell", "-v0", "-c", look).strip() == "1"
    page = scene.page(scene.scripted)
    assert "Unlocked elsewhere." in page
    assert "admin (Default) changed the account through Keystone's API" in page
