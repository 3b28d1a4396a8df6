"""Each state has its rule twice; on any rows both say the same. Here on MariaDB."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from pytest_django.plugin import DjangoDbBlocker

from pciops.demo.keystone import Keystone
from tests.accounts.scenes import EDGES, SPECIAL, Scene, check, scenes, trying
from tests.support.alias import keystone_at
from tests.support.mariadb import MariaDB

# What the rules read. Keystone's own columns, of which DATETIME keeps no fraction of a second.
TABLES = [
    "project",
    "user",
    "local_user",
    "nonlocal_user",
    "federated_user",
    "password",
    "user_option",
]


@pytest.fixture(scope="module", autouse=True)
def _keystone_on_mariadb(
    keystone: Keystone, mariadb: MariaDB, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Make `keystone` a database there, with Keystone's tables and none of its users."""
    url = mariadb.create_database("scenes", password="scenes")
    for table in TABLES:
        mariadb.execute(f"CREATE TABLE scenes.`{table}` LIKE keystone.`{table}`")
    mariadb.execute("INSERT INTO scenes.project SELECT * FROM keystone.project")
    with keystone_at(url, django_db_blocker):
        yield


@given(scene=scenes())
@example(EDGES)
@trying
def test_the_rule_for_one_and_the_query_for_all_find_the_same_accounts(scene: Scene) -> None:
    check(scene)


@pytest.mark.parametrize("scene", SPECIAL.values(), ids=SPECIAL.keys())
def test_they_agree_at_the_ends_of_what_there_is(scene: Scene) -> None:
    check(scene)
