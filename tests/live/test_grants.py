"""The login that `manage.py grants` makes can do what pciops does, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from pciops.keystone import grants
from tests.live.conftest import READER, READERS_PASSWORD
from tests.support.cloud import Cloud
from tests.support.mariadb import MariaDB
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of

DENIED = {1142, 1143, 1044, 1227}  # by table, by column, by database, by privilege


# What `manage.py grants` must not give, whatever Keystone's tables have. The rest is asked of
# the tables themselves, column by column.
SECRETS = [
    ("password", "password_hash"),
    ("application_credential", "secret_hash"),
    ("credential", "encrypted_blob"),
    ("user", "id"),  # may be read: the counter-check
]
CHANGES = [
    "INSERT INTO user_option VALUES ('x', '1002', 'true')",
    "INSERT INTO local_user (user_id, domain_id, name) VALUES ('x', 'default', 'x')",
    "INSERT INTO system_assignment VALUES ('UserSystem', 'x', 'system', 'x', 0)",
    "DELETE FROM local_user",
    "DELETE FROM password",
    "TRUNCATE TABLE local_user",
    "DROP TABLE local_user",
    "ALTER TABLE local_user ADD COLUMN x int",
    "CREATE INDEX x ON local_user (failed_auth_at)",
    "CREATE TABLE django_migrations (id int)",
    "CREATE TABLE pciops (id int)",
    "CREATE TEMPORARY TABLE pciops (id int)",
    "CREATE VIEW pciops AS SELECT id FROM user",
    "CREATE TRIGGER x BEFORE UPDATE ON local_user FOR EACH ROW SET NEW.name = 'x'",
    "CREATE DATABASE pciops_too",
    "CREATE USER pciops_too",
    "GRANT SELECT ON keystone.password TO CURRENT_USER",
    "SET GLOBAL general_log = 1",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
]


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
        *CHANGES,
    ],
)
def test_the_login_is_refused(login: Any, statement: str) -> None:
    with pytest.raises(pymysql.MySQLError) as refused:
        login.execute(statement)

    assert refused.value.args[0] in DENIED


def refusal(login: Any, statement: str) -> int | None:
    """The number of the error with which MariaDB refuses a statement; None where it runs."""
    try:
        login.execute(statement)
    except pymysql.MySQLError as error:
        return int(error.args[0])
    return None


def columns(cloud: Cloud) -> list[tuple[str, str]]:
    """Every column of every table that this Keystone has."""
    rows = cloud.sql(
        "SELECT table_name AS t, column_name AS c FROM information_schema.columns"
        " WHERE table_schema = 'keystone'"
    )
    return [(row["t"], row["c"]) for row in rows]


@pytest.mark.parametrize(("table", "column"), SECRETS)
def test_this_keystone_has_what_must_stay_secret(cloud: Cloud, table: str, column: str) -> None:
    """Or that it cannot be read would prove nothing."""
    assert (table, column) in columns(cloud)


def test_of_all_columns_the_login_reads_what_the_command_names_and_no_other(
    login: Any, cloud: Cloud
) -> None:
    read = {
        (table, column)
        for table, column in columns(cloud)
        if refusal(login, f"SELECT `{column}` FROM `{table}` LIMIT 1") not in DENIED
    }

    named = {(table, column) for table, names in grants.columns().items() for column in names}
    assert read == named
    assert not read & {("password", "password_hash"), ("application_credential", "secret_hash")}


def test_of_all_columns_the_login_writes_two(login: Any, cloud: Cloud) -> None:
    written = {
        (table, column)
        for table, column in columns(cloud)
        if refusal(login, f"UPDATE `{table}` SET `{column}` = NULL WHERE 1 = 0") not in DENIED
    }

    assert written == {("local_user", "failed_auth_count"), ("local_user", "failed_auth_at")}


def test_no_hash_is_read_through_a_condition(login: Any) -> None:
    """What cannot be selected could else be guessed, a character at a time."""
    assert refusal(login, "SELECT id FROM password WHERE password_hash LIKE '$2b%'") in DENIED
    assert refusal(login, "SELECT id FROM password ORDER BY password_hash") in DENIED


# --- What the doctor says -----------------------------------------------------------------------
def doctor(site: Site, **settings: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """Exit code, and the findings by check."""
    result = site.manage("doctor", "--format", "json", **settings)
    findings: dict[str, list[dict[str, str]]] = {}
    for row in json.loads(result.stdout)["findings"]:
        findings.setdefault(row["check"], []).append(row)
    return result.code, findings


def levels(findings: list[dict[str, str]]) -> list[str]:
    """What is found, in a word each."""
    return [finding["level"] for finding in findings]


def test_the_doctor_finds_no_problem_with_what_the_command_gives(site: Site) -> None:
    code, findings = doctor(site)

    problems = [row for rows in findings.values() for row in rows if row["level"] == "problem"]
    assert (code, problems) == (0, [])
    assert levels(findings["grants"]) == ["ok"]
    assert levels(findings["the database's clock"]) == ["ok"]
    assert levels(findings["Keystone's API"]) == ["ok", "ok"]


@pytest.mark.parametrize(
    ("grant", "named"),
    [
        ("ALL PRIVILEGES ON keystone.*", "ALL PRIVILEGES on keystone.*"),
        ("SELECT (password_hash) ON keystone.password", "SELECT (password_hash) on keystone."),
        ("SELECT ON keystone.credential", "SELECT on keystone.credential"),
        ("UPDATE (name) ON keystone.local_user", "UPDATE (name) on keystone.local_user"),
        ("CREATE ON keystone.*", "CREATE on keystone.*"),
    ],
)
def test_the_doctor_names_what_a_login_has_too_much(
    site: Site, mariadb: MariaDB, grant: str, named: str
) -> None:
    mariadb.execute("CREATE OR REPLACE USER 'strong'")
    mariadb.execute(site.manage("grants", "--user", "strong").stdout)
    mariadb.execute(f"GRANT {grant} TO 'strong'")
    url = mariadb.url("keystone", user="strong", password="")
    code, findings = doctor(site, PCIOPS_KEYSTONE_DATABASE_URL=url)

    assert code == 1
    assert named in findings["grants"][0]["finding"]


@pytest.mark.parametrize(
    ("revoke", "check", "named"),
    [
        ("SELECT (extra) ON keystone.user", "Keystone's tables", "user.extra cannot be read"),
        ("UPDATE (failed_auth_at) ON keystone.local_user", "unlocking", "Nothing can be unlocked"),
    ],
)
def test_the_doctor_names_what_a_login_has_too_little(
    site: Site, mariadb: MariaDB, revoke: str, check: str, named: str
) -> None:
    mariadb.execute("CREATE OR REPLACE USER 'weak'")
    mariadb.execute(site.manage("grants", "--user", "weak").stdout)
    mariadb.execute(f"REVOKE {revoke} FROM 'weak'")
    url = mariadb.url("keystone", user="weak", password="")
    code, findings = doctor(site, PCIOPS_KEYSTONE_DATABASE_URL=url)

    assert code == 1
    assert [named in row["finding"] for row in findings[check]] == [True]


def test_the_doctor_looks_at_both_logins(site: Site, mariadb: MariaDB) -> None:
    mariadb.execute("CREATE OR REPLACE USER 'reader', 'writer'")
    mariadb.execute(site.manage("grants", "--user", "reader", "--unlock-user", "writer").stdout)
    mariadb.execute("GRANT DELETE ON keystone.* TO 'writer'")
    code, findings = doctor(
        site,
        PCIOPS_KEYSTONE_DATABASE_URL=mariadb.url("keystone", user="reader", password=""),
        PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL=mariadb.url("keystone", user="writer", password=""),
    )

    assert code == 1
    assert sorted(levels(findings["grants"])) == ["ok", "problem"]
    assert levels(findings["unlocking"]) == ["ok"]


def test_the_doctor_says_what_is_away_and_goes_on(site: Site) -> None:
    with site.keystone_database.shut(), site.keystone_api.shut():
        code, findings = doctor(site)

    assert code == 1
    assert levels(findings["Keystone's database"]) == ["problem"]
    assert levels(findings["Keystone's API"]) == ["problem"]
    assert levels(findings["database"]) == ["ok"]


def test_the_status_page_says_the_same(visitor: Visitor) -> None:
    page = visitor.get("/status/")

    assert page.status_code == 200
    assert f"{READER} may do no more than it has to." in text_of(page)


# --- What the login may -------------------------------------------------------------------------
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
