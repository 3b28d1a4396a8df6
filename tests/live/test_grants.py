"""The login that `pciops grants` creates can do what pciops does, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from pciops.keystone import grants
from tests.support.cloud import Cloud
from tests.support.mariadb import MariaDB
from tests.support.site import READER, READERS_PASSWORD, Site
from tests.support.visitor import Visitor, text_of

DENIED = {1142, 1143, 1044, 1227}  # by table, by column, by database, by privilege


# Must never be readable. The other columns are tested one by one.
SECRETS = {
    ("password", "password_hash"),
    ("application_credential", "secret_hash"),
    ("credential", "encrypted_blob"),
}
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
    """A cursor of a connection with the login of pciops."""
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
    """Return the number of the error with which MariaDB refuses a statement, or None."""
    try:
        login.execute(statement)
    except pymysql.MySQLError as error:
        return int(error.args[0])
    return None


def columns(cloud: Cloud) -> set[tuple[str, str]]:
    """Return every column of every table of this Keystone."""
    rows = cloud.sql(
        "SELECT table_name AS t, column_name AS c FROM information_schema.columns"
        " WHERE table_schema = 'keystone'"
    )
    return {(row["t"], row["c"]) for row in rows}


def test_the_login_reads_exactly_the_columns_that_the_command_names(
    login: Any, cloud: Cloud
) -> None:
    readable = {
        (table, column)
        for table, column in columns(cloud)
        if refusal(login, f"SELECT `{column}` FROM `{table}` LIMIT 1") not in DENIED
    }

    named = {(table, column) for table, names in grants.columns().items() for column in names}
    assert readable == named
    assert not readable & SECRETS
    assert columns(cloud) >= SECRETS  # this Keystone has what must stay secret


def test_the_login_writes_two_columns(login: Any, cloud: Cloud) -> None:
    writable = {
        (table, column)
        for table, column in columns(cloud)
        if refusal(login, f"UPDATE `{table}` SET `{column}` = NULL WHERE 1 = 0") not in DENIED
    }

    assert writable == {("local_user", "failed_auth_count"), ("local_user", "failed_auth_at")}


def test_no_hash_can_be_guessed_through_a_condition(login: Any) -> None:
    assert refusal(login, "SELECT id FROM password WHERE password_hash LIKE '$2b%'") in DENIED
    assert refusal(login, "SELECT id FROM password ORDER BY password_hash") in DENIED


# --- The doctor ----------------------------------------------------------------------------------
def doctor(site: Site, **settings: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """Run the doctor; return the exit code, and the findings by check."""
    result = site.manage("doctor", "--format", "json", **settings)
    findings: dict[str, list[dict[str, str]]] = {}
    for row in json.loads(result.stdout)["findings"]:
        findings.setdefault(row["check"], []).append(row)
    return result.code, findings


def levels(findings: list[dict[str, str]]) -> list[str]:
    """Return the level of each finding."""
    return [finding["level"] for finding in findings]


def test_the_doctor_finds_no_problem_with_the_granted_rights(site: Site) -> None:
    code, findings = doctor(site)

    problems = [row for rows in findings.values() for row in rows if row["level"] == "problem"]
    assert (code, problems) == (0, [])
    assert levels(findings["grants"]) == ["ok"]
    assert levels(findings["the database's clock"]) == ["ok"]
    assert levels(findings["Keystone's API"]) == ["ok", "ok"]


@pytest.fixture(scope="module")
def grants_of_tested(site: Site) -> str:
    """The SQL that grants the login `tested` what it needs."""
    return site.manage("grants", "--user", "tested").stdout


@pytest.mark.parametrize(
    ("change", "check", "named"),
    [
        ("GRANT ALL PRIVILEGES ON keystone.* TO", "grants", "ALL PRIVILEGES on keystone.*"),
        (
            "GRANT SELECT (password_hash) ON keystone.password TO",
            "grants",
            "SELECT (password_hash) on keystone.",
        ),
        ("GRANT SELECT ON keystone.credential TO", "grants", "SELECT on keystone.credential"),
        (
            "GRANT UPDATE (name) ON keystone.local_user TO",
            "grants",
            "UPDATE (name) on keystone.local_user",
        ),
        ("GRANT CREATE ON keystone.* TO", "grants", "CREATE on keystone.*"),
        (
            "REVOKE SELECT (extra) ON keystone.user FROM",
            "Keystone's tables",
            "user.extra cannot be read",
        ),
        (
            "REVOKE UPDATE (failed_auth_at) ON keystone.local_user FROM",
            "unlocking",
            "pciops can't unlock any account",
        ),
    ],
)
def test_the_doctor_names_each_excessive_or_missing_right(
    site: Site, mariadb: MariaDB, grants_of_tested: str, change: str, check: str, named: str
) -> None:
    mariadb.execute("CREATE OR REPLACE USER 'tested'")
    mariadb.execute(grants_of_tested)
    mariadb.execute(f"{change} 'tested'")
    url = mariadb.url("keystone", user="tested", password="")
    code, findings = doctor(site, PCIOPS_KEYSTONE_DATABASE_URL=url)

    assert code == 1
    assert [named in row["finding"] for row in findings[check]] == [True]


def test_the_doctor_checks_both_logins(site: Site, mariadb: MariaDB) -> None:
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


def test_the_doctor_reports_an_outage_and_continues(site: Site) -> None:
    with site.keystone_database.down(), site.keystone_api.down():
        code, findings = doctor(site)

    assert code == 1
    assert levels(findings["Keystone's database"]) == ["problem"]
    assert levels(findings["Keystone's API"]) == ["problem"]
    assert levels(findings["database"]) == ["ok"]


def test_the_status_page_shows_the_same_finding(visitor: Visitor) -> None:
    page = visitor.get("/status/")

    assert page.status_code == 200
    assert READER in text_of(page)


# --- The rights of the login --------------------------------------------------------------------
def test_the_login_can_clear_failures(login: Any, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    changed = login.execute(
        "UPDATE local_user SET failed_auth_count = 0, failed_auth_at = NULL WHERE user_id = %s",
        (locked.id,),
    )

    assert changed == 1


def test_unlocks_can_have_a_login_of_their_own(site: Site, cloud: Cloud, mariadb: MariaDB) -> None:
    locked = cloud.create_locked()
    mariadb.execute("CREATE USER 'reads', 'unlocks'")
    mariadb.execute(site.manage("grants", "--user", "reads", "--unlock-user", "unlocks").stdout)
    unlock = ("unlock", locked.id, "--reason", "Called back")
    reads = {"PCIOPS_KEYSTONE_DATABASE_URL": mariadb.url("keystone", user="reads", password="")}
    unlocks = mariadb.url("keystone", user="unlocks", password="")

    refused = site.manage(*unlock, **reads)
    assert refused.code == 1
    assert "Nothing was changed" in refused.stderr
    assert not cloud.sign_in(locked)

    result = site.manage(*unlock, **reads, PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL=unlocks)
    assert result.code == 0, result.stderr
    assert cloud.sign_in(locked)


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


def test_a_login_name_with_quotes_is_refused(site: Site) -> None:
    result = site.manage("grants", "--user", "x'; DROP TABLE user; --")

    assert result.code == 2
    assert "Traceback" not in result.stderr
