"""Each state has its rule in two forms, which agree on any rows. Here on MariaDB."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from pytest_django.plugin import DjangoDbBlocker

from pciops.demo.keystone import Keystone
from tests.accounts.scenes import EDGES, SPECIAL, Scene, check, scenes, trying
from tests.support.mariadb import MariaDB, keystone_at

# The tables that the rules read. Keystone's DATETIME columns keep no fraction of a second.
TABLES = [
    "project",
    "user",
    "local_user",
    "nonlocal_user",
    "federated_user",
    "password",
    "user_option",
    "credential",
    "application_credential",
]


@pytest.fixture(scope="module", autouse=True)
def _keystone_on_mariadb(
    keystone: Keystone, mariadb: MariaDB, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Let `keystone` be a database there, with Keystone's tables and no users."""
    url = mariadb.create_database("scenes", password="scenes")
    for table in TABLES:
        mariadb.execute(f"CREATE TABLE scenes.`{table}` LIKE keystone.`{table}`")
    mariadb.execute("INSERT INTO scenes.project SELECT * FROM keystone.project")
    with keystone_at(url, django_db_blocker):
        yield


@given(scene=scenes())
@example(EDGES)
@trying
def test_the_rule_and_the_query_find_the_same_accounts(scene: Scene) -> None:
    check(scene)


@pytest.mark.parametrize("scene", SPECIAL.values(), ids=SPECIAL.keys())
def test_they_agree_on_extreme_values(scene: Scene) -> None:
    check(scene)
