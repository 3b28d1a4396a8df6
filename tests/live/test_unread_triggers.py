"""MariaDB keeps a table open whose triggers it could not read to their end, and refuses writes."""

from __future__ import annotations

from itertools import cycle, islice

import pymysql
import pytest
import requests

from tests.support.cloud import Cloud
from tests.support.mariadb import MariaDB
from tests.support.site import Site

LIMITS = (0.0001, 0.0002, 0.0003, 0.0005, 0.0008)  # seconds, within which triggers are parsed
WRITE = "UPDATE audit_event SET remark = remark LIMIT 1"


def refusal(mariadb: MariaDB, sql: str) -> str:
    """Return the error of a statement that fails."""
    with pytest.raises(pymysql.MySQLError) as raised:
        mariadb.execute(sql, database="pciops")
    return str(raised.value)


def leave_a_trigger_unread(mariadb: MariaDB) -> None:
    """Stop statements as they open the table, until one has left it so."""
    for limit in islice(cycle(LIMITS), 2000):
        mariadb.execute("FLUSH TABLES audit_event", database="pciops")
        refusal(mariadb, f"SET STATEMENT max_statement_time = {limit} FOR {WRITE}")
        if "has an error in its body" in refusal(mariadb, WRITE):
            return
    pytest.fail("No statement was stopped while its triggers were parsed.")


def unlock(site: Site, cloud: Cloud) -> requests.Response:
    """Let a new administrator unlock a new account."""
    return requests.post(
        f"{site.url}/api/v1/accounts/{cloud.create_locked().id}/unlock",
        headers={"X-Auth-Token": cloud.token(cloud.create_operator())},
        json={"reason": "Ticket 7", "identity": "callback"},
        timeout=60,
    )


def test_an_unlock_succeeds_after_a_trigger_was_left_unread(
    site: Site, cloud: Cloud, mariadb: MariaDB
) -> None:
    before = unlock(site, cloud)
    leave_a_trigger_unread(mariadb)
    after = unlock(site, cloud)

    assert before.status_code == 200, before.text
    assert after.status_code == 200, after.text
    assert "append-only" in refusal(mariadb, WRITE)
