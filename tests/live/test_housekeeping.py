"""Leftovers of a real Keystone on MariaDB: their counts, and the printed SQL as run by a DBA."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pymysql
import pytest
from playwright.sync_api import Page, expect

from pciops.accounts.leftovers import BATCH, BY_NAME, Limits
from tests.support.browser import assert_good
from tests.support.cloud import Cloud, Person
from tests.support.mariadb import MariaDB
from tests.support.site import Site

# Of the fixture `keystone`: three passwords and the new one, and Keystone's defaults for tokens.
PASSWORDS_KEPT = 4
REVOCATIONS_KEPT = timedelta(minutes=90)
TRUSTS = 2 * BATCH + 500
LONG_AGO = "(UNIX_TIMESTAMP() - 86400) * 1000000"  # a DateTimeInt


@pytest.fixture(scope="module")
def user(cloud: Cloud) -> Person:
    """A user with leftovers that Keystone made, and a trust and a credential that are needed."""
    person = cloud.create_user("tidy")
    project = cloud.api.projects.create("tidy", domain="default")
    cloud.api.roles.grant(cloud.role("member"), user=person.id, project=project)
    own, tomorrow = cloud.client(person, project_id=project.id), datetime.now(UTC) + timedelta(1)
    own.application_credentials.create("needed", expires_at=tomorrow)
    own.application_credentials.create("expired", expires_at=tomorrow)
    for number, name in enumerate(("needed", "deleted", "expired")):
        trust = own.trusts.create(
            trustee_user=cloud.admin.id,
            trustor_user=person.id,
            role_names=["member"],
            project=project.id,
            # A user may have one trust of each kind for each time.
            expires_at=tomorrow + timedelta(seconds=number),
        )
        if name == "deleted":
            own.trusts.delete(trust.id)
        elif name == "expired":
            cloud.sql(f"UPDATE trust SET expires_at_int = {LONG_AGO} WHERE id = %s", trust.id)
    cloud.sql(f"UPDATE application_credential SET expires_at = {LONG_AGO} WHERE name = 'expired'")
    for number in range(PASSWORDS_KEPT + 2):
        cloud.api.users.update(person.id, password=f"Correct-Horse-{number}")
    # As of a time when unique_last_password_count was greater.
    cloud.sql(
        "INSERT INTO password (local_user_id, created_at, created_at_int)"
        " SELECT local_user.id, '2020-02-02', seq FROM local_user, seq_1_to_2 WHERE user_id = %s",
        person.id,
    )
    cloud.sql("UPDATE revocation_event SET revoked_at = revoked_at - INTERVAL 1 DAY")
    return Person(id=person.id, name=person.name, password=f"Correct-Horse-{number}")


@pytest.fixture(scope="module")
def _orphans(cloud: Cloud) -> None:
    """Rows without their user, as an import without foreign keys leaves them; many trusts."""
    cloud.sql(
        "SET foreign_key_checks = 0;"
        "INSERT INTO local_user (user_id, domain_id, name) VALUES ('x', 'x', 'x');"
        "INSERT INTO password (local_user_id, created_at) VALUES (1000000, '2020-02-02');"
        "INSERT INTO nonlocal_user (domain_id, name, user_id) VALUES ('x', 'x', 'x');"
        "INSERT INTO federated_user (user_id, idp_id, protocol_id, unique_id)"
        " VALUES ('x', 'x', 'x', 'x');"
        "INSERT INTO user_option VALUES ('x', '1001', 'true');"
        "INSERT INTO trust_role VALUES ('x', 'x');"
        "INSERT INTO application_credential (id, name, secret_hash, user_id)"
        " VALUES ('x', 'x', 'x', 'x');"
        "INSERT INTO user (id, domain_id, enabled, extra) VALUES ('nameless', 'default', 1, '{}');"
        "INSERT INTO trust (id, trustor_user_id, trustee_user_id, impersonation, expires_at)"
        f" SELECT seq, seq, seq, 0, '2020-02-02' FROM seq_1_to_{TRUSTS}"
    )


@pytest.fixture
def administrator(mariadb: MariaDB) -> Iterator[Any]:
    """A cursor in one session of the administrator of Keystone's database."""
    with (
        pymysql.connect(
            unix_socket=str(mariadb.socket), user="root", database="keystone", autocommit=True
        ) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor


def counts(site: Site, **settings: str) -> dict[str, Any]:
    """Count with the rights that `pciops grants` gives, unless the settings name a login."""
    result = site.manage("housekeeping", "--format", "json", **settings)
    assert result.code == 0, result.stderr
    return {row["leftover"]: row for row in json.loads(result.stdout)["leftovers"]}


def run_as_printed(cursor: Any, printed: str) -> list[int]:
    """Run the statements in their order, DELETEs until they delete nothing.

    Returns:
        The rows that each step deleted.
    """
    text = "\n".join(line for line in printed.splitlines() if not line.startswith("--"))
    statements = [statement for statement in text.split(";\n") if statement.strip()]
    deletes = [statement for statement in statements if statement.startswith("DELETE")]
    for statement in statements:
        if statement == deletes[0]:
            break
        cursor.execute(statement)
    deleted = [-1]
    while deleted[-1] != 0:
        deleted.append(max([cursor.execute(statement) for statement in deletes]))
    return deleted[1:]


@pytest.mark.browser
@pytest.mark.usefixtures("_orphans")
def test_the_page_with_leftovers_is_accessible_and_fits_its_window(
    window: Page, site: Site
) -> None:
    counts(site)
    window.goto("/status/")
    for summary in window.locator(".t-housekeeping summary").all():
        summary.click()

    expect(window.get_by_text("DELETE FROM local_user WHERE").last).to_be_visible()
    assert_good(window)


@pytest.mark.usefixtures("_orphans")
def test_the_printed_sql_deletes_what_is_counted_and_nothing_else(
    site: Site, cloud: Cloud, user: Person, administrator: Any
) -> None:
    before = counts(site)
    revoked = before["old_revocation_events"]
    assert {name: row["rows"] for name, row in before.items()} == {
        **{name: 1 for name in BY_NAME if "without" in name},
        "old_revocation_events": revoked["of"],
        "expired_trusts": TRUSTS + 2,
        "expired_application_credentials": 1,
        "old_passwords": 2,
        "old_password_hashes": None,
    }
    assert revoked["rows"] > 0

    limits = Limits(
        now=datetime.now(UTC), revocations_kept=REVOCATIONS_KEPT, passwords_kept=PASSWORDS_KEPT
    )
    printed = site.manage("housekeeping", "--sql", "expired_trusts").stdout
    assert run_as_printed(administrator, printed) == [BATCH, BATCH, 502, 0]
    for name in BY_NAME:  # after the trusts, because their roles stay behind
        if name not in {"expired_trusts", "users_without_name", "old_password_hashes"}:
            run_as_printed(administrator, BY_NAME[name].sql(limits))
    cloud.api.users.delete("nameless")

    after = counts(site)
    assert {name: row["rows"] for name, row in after.items() if row["rows"]} == {}
    assert [row["name"] for row in cloud.sql("SELECT name FROM application_credential")] == [
        "needed"
    ]
    assert len(cloud.sql("SELECT id FROM trust")) == 1
    assert len(cloud.sql(PASSWORDS, user.id)) == PASSWORDS_KEPT
    assert cloud.sign_in(user)


PASSWORDS = (
    "SELECT password.id FROM password JOIN local_user ON local_user.id = local_user_id"
    " WHERE user_id = %s"
)


def test_old_hashes_are_counted_by_a_login_that_may_see_them(
    site: Site, cloud: Cloud, mariadb: MariaDB
) -> None:
    person = cloud.create_user("old")
    mariadb.execute("CREATE OR REPLACE USER 'sees'")
    mariadb.execute(site.manage("grants", "--user", "sees").stdout)
    mariadb.execute("GRANT SELECT (password_hash) ON keystone.password TO 'sees'")
    cloud.sql(
        "UPDATE password SET password_hash = '$6$rounds=10000$salt$digest' WHERE local_user_id ="
        " (SELECT id FROM local_user WHERE user_id = %s)",
        person.id,
    )
    url = mariadb.url("keystone", user="sees", password="")
    assert not cloud.sign_in(person)

    assert counts(site, PCIOPS_KEYSTONE_DATABASE_URL=url)["old_password_hashes"]["rows"] == 1
    cloud.api.users.delete(person.id)


def test_a_table_without_a_grant_is_not_counted(site: Site, mariadb: MariaDB) -> None:
    mariadb.execute("CREATE OR REPLACE USER 'older'")
    mariadb.execute(site.manage("grants", "--user", "older").stdout)
    mariadb.execute(
        "REVOKE SELECT (id, deleted_at, expires_at, expires_at_int) ON keystone.trust FROM 'older'"
    )
    url = mariadb.url("keystone", user="older", password="")
    row = counts(site, PCIOPS_KEYSTONE_DATABASE_URL=url)["expired_trusts"]

    assert row["rows"] is None
    assert "can't read trust" in row["not_counted"]
    assert "pciops grants" in row["not_counted"]
