"""People and machines are told apart in two forms, which agree on any rows. Here on MariaDB."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.plugin import DjangoDbBlocker

from pciops.demo.keystone import Keystone
from tests.accounts.scenes import trying
from tests.accounts.test_machines import check_drawn
from tests.support.mariadb import MariaDB, keystone_at

TABLES = [
    *("project", "user", "local_user", "nonlocal_user", "federated_user", "password"),
    *("user_option", "credential", "application_credential", "role", "implied_role"),
    *("assignment", "system_assignment", "user_group_membership", "group"),
]


@pytest.fixture(scope="module", autouse=True)
def _keystone_on_mariadb(
    keystone: Keystone, mariadb: MariaDB, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Let `keystone` be a database there, with Keystone's tables and no users."""
    url = mariadb.create_database("machines", password="machines")
    for table in TABLES:
        mariadb.execute(f"CREATE TABLE machines.`{table}` LIKE keystone.`{table}`")
    mariadb.execute("INSERT INTO machines.project SELECT * FROM keystone.project")
    mariadb.execute(
        "INSERT INTO machines.project (id, name, extra, description, enabled, domain_id, is_domain)"
        " VALUES ('heat-id', 'heat', '{}', '', 1, '<<keystone.domain.root>>', 1)"
    )
    secret = "ALTER TABLE machines.application_credential MODIFY secret_hash varchar(255) NULL"
    mariadb.execute(secret)  # the model has no such column
    patterns = ["svc-*", "*[.]bot", "node-[!a-z]?"]
    with (
        keystone_at(url, django_db_blocker),
        override_settings(MACHINE_DOMAINS=["Heat"], SERVICE_NAME_PATTERNS=patterns),
    ):
        yield


@given(data=st.data())
@trying
def test_the_rule_and_the_query_find_the_same_machines(data: st.DataObject) -> None:
    check_drawn(data)
