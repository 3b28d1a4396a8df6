"""The login that `manage.py grants` makes can do what pciops does, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.live.cloud import Cloud
from tests.live.conftest import READER, READERS_PASSWORD
from tests.live.mariadb import MariaDB
from tests.live.site import Site

DENIED = {1142, 1143, 1044, 1227}  # by table, by column, by database, by privilege


@pytest.fixture
def login(site: Site, mariadb: MariaDB) -> Iterator[Any]:
    """Connected as pciops is."""
    connection = pymysql.connect(
        host="127.0.0.1",
        port=mariadb.port,
        user=READER,
        password=READERS_PASSWORD,
        database="keystone",
    )
    with connection, connection.cursor() as cursor:
        yield cursor


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password_hash FROM password",
        "SELECT * FROM password",
        "SELECT secret_hash FROM application_credential",
        "SELECT * FROM credential",
        "SELECT user, authentication_string FROM mysql.user",
        "UPDATE local_user SET name = 'x'",
        "UPDATE user SET enabled = 1",
        "UPDATE user SET last_active_at = CURRENT_DATE",
        "UPDATE password SET expires_at = NULL",
        "INSERT INTO user_option VALUES ('x', '1002', 'true')",
        "DELETE FROM local_user",
        "DROP TABLE local_user",
        "CREATE TABLE django_migrations (id int)",
    ],
)
def test_the_login_is_refused(login: Any, statement: str) -> None:
    with pytest.raises(pymysql.MySQLError) as refused:
        login.execute(statement)

    assert refused.value.args[0] in DENIED


def test_the_login_may_clear_failures(login: Any, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    changed = login.execute(
        "UPDATE local_user SET failed_auth_count = 0, failed_auth_at = NULL WHERE user_id = %s",
        (locked.id,),
    )

    assert changed == 1


def test_an_unlock_can_have_a_login_of_its_own(site: Site, cloud: Cloud, mariadb: MariaDB) -> None:
    locked = cloud.create_locked()
    mariadb.execute("CREATE USER IF NOT EXISTS 'reads', 'unlocks'")
    mariadb.execute(site.manage("grants", "--user", "reads", "--unlock-user", "unlocks").stdout)

    result = site.manage(
        *("unlock", locked.id, "--reason", "Called back"),
        PCIOPS_KEYSTONE_DATABASE_URL=mariadb.url("keystone", user="reads", password=""),
        PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL=mariadb.url("keystone", user="unlocks", password=""),
    )

    assert result.code == 0, result.stderr
    assert cloud.sign_in(locked)


def test_a_login_that_only_reads_unlocks_nothing_and_says_so(
    site: Site, cloud: Cloud, mariadb: MariaDB
) -> None:
    locked = cloud.create_locked()
    mariadb.execute("CREATE USER IF NOT EXISTS 'looks', 'unlocks'")
    mariadb.execute(site.manage("grants", "--user", "looks", "--unlock-user", "unlocks").stdout)

    result = site.manage(
        *("unlock", locked.id, "--reason", "Called back"),
        PCIOPS_KEYSTONE_DATABASE_URL=mariadb.url("keystone", user="looks", password=""),
    )

    assert result.code == 1
    assert "Nothing was changed" in result.stderr
    assert not cloud.sign_in(locked)


def test_pciops_refuses_to_migrate_keystones_database(site: Site, cloud: Cloud) -> None:
    result = site.manage("migrate", "--database", "keystone")

    assert result.code != 0
    assert "Traceback" not in result.stderr
    assert cloud.sql("SHOW TABLES LIKE 'django_migrations'") == []


def test_the_session_that_reads_cannot_write(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    result = site.manage(
        "shell",
        "--command",
        "from django.db import connections\n"
        "cursor = connections['keystone'].cursor()\n"
        f'cursor.execute("UPDATE local_user SET failed_auth_count = 0 '
        f"WHERE user_id = '{locked.id}'\")",
    )

    assert "READ ONLY" in result.stderr
    assert cloud.row(locked)["failed_auth_count"] > 0


def test_a_name_that_could_end_its_quotes_is_refused(site: Site) -> None:
    result = site.manage("grants", "--user", "x'; DROP TABLE user; --")

    assert result.code == 2
    assert "Traceback" not in result.stderr
