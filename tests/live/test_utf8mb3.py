"""Text that a column of Keystone's database cannot hold matches nothing, and fails nothing.

Keystone's older databases have columns of three bytes for each character, or of one. MariaDB does
not compare these with any other text: it refuses the statement.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connections
from pytest_django.plugin import DjangoDbBlocker

from pciops.accounts import selectors
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import LOCKED
from pciops.demo.keystone import Keystone
from pciops.events.intake.names import NameResolver
from pciops.events.models import Storm
from pciops.events.storms import storms
from pciops.keystone import database
from pciops.keystone.models import LocalUser, User
from pciops.lib import jsontext
from tests.events.factories import failure, save_attempts
from tests.factories import NOW, POLICY, make_locked_user, make_user
from tests.support.mariadb import MariaDB, keystone_at

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

EMOJI = "\N{PILE OF POO}"
TABLES = (
    *("project", "user", "local_user", "nonlocal_user", "federated_user", "password"),
    *("user_option", "credential", "group", "user_group_membership", "role", "implied_role"),
    *("assignment", "system_assignment", "application_credential"),
)


@pytest.fixture(scope="module", params=["utf8mb3", "latin1", "utf8mb4"], autouse=True)
def charset(
    request: pytest.FixtureRequest,
    keystone: Keystone,
    mariadb: MariaDB,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[str]:
    """Let `keystone` be an empty database there, whose columns have this character set."""
    url = mariadb.create_database("narrow", password="narrow")
    mariadb.execute(
        ";".join(
            f"CREATE TABLE narrow.`{table}` LIKE keystone.`{table}`;"
            f"ALTER TABLE narrow.`{table}` CONVERT TO CHARACTER SET {request.param}"
            for table in TABLES
        )
    )
    mariadb.execute("INSERT INTO narrow.project SELECT * FROM keystone.project")
    with keystone_at(url, django_db_blocker):
        yield request.param


@pytest.mark.parametrize("foreign", [EMOJI, "中", f"ann{EMOJI}", f"{EMOJI}中é"])
@pytest.mark.parametrize("begins", [False, True])
def test_search_for_other_characters_finds_nothing(foreign: str, begins: bool) -> None:
    make_user("ann", email="ann@cloud.example")
    query = AccountQuery(text=foreign, begins=begins)

    found = selectors.page(query, scope=None, policy=POLICY, now=NOW, marker="", limit=10).accounts

    assert found == []
    assert selectors.exact(query, scope=None, policy=POLICY, now=NOW, limit=10) == []
    assert not selectors.finds_any(query, scope=None)
    assert selectors.get(foreign, scope=None) is None
    assert selectors.get_by_name(foreign, domain="") == []
    assert selectors.get_by_name("ann", domain=foreign) == []


def test_id_with_other_characters_hides_no_other_account() -> None:
    ann = make_user("ann")
    bob = make_user("bob")

    accounts = selectors.get_many([ann.id, EMOJI, "中", bob.id], scope=None)

    assert [account.name for account in accounts] == ["ann", "bob"]


def test_names_in_rows_of_json_are_those_of_columns() -> None:
    for name in ("".join(map(chr, range(33))), '"\\/],[', "\x7fé", "x" * 255):
        make_user(name)
    rows = LocalUser.objects.order_by("pk")
    columns = ("pk", "user_id", "name", "user__enabled")

    found = jsontext.rows_of(rows, *columns)

    assert len(found) == 4
    assert found == [list(row) for row in rows.values_list(*columns)]


def test_rows_of_json_are_complete_if_the_database_cuts_a_text_off() -> None:
    for number in range(40):
        make_user(f"user{number}")
    rows = LocalUser.objects.order_by("pk")
    with connections["keystone"].cursor() as cursor:
        cursor.execute("SET SESSION group_concat_max_len = 1024")
    try:
        found = jsontext.rows_of(rows, "pk", "name")
    finally:
        with connections["keystone"].cursor() as cursor:
            cursor.execute("SET SESSION group_concat_max_len = DEFAULT")

    assert sorted(found) == [list(row) for row in rows.values_list("pk", "name")]


def test_names_are_still_resolved_beside_such_an_id() -> None:
    ann = make_user("ann")

    names = NameResolver().resolve({ann.id: "", EMOJI: "reported"}, changed=(), now=NOW)

    assert {user_id: name.name for user_id, name in names.items()} == {
        ann.id: "ann",
        EMOJI: "reported",
    }


def test_storm_keeps_its_accounts_beside_a_sign_in_with_such_an_id() -> None:
    address = "198.51.100.7"
    for number in range(12):
        user = make_locked_user(f"u{number:02}", at=NOW)
        save_attempts(user.id, [failure(1, "Summer", address=address, count=3)])
    save_attempts(EMOJI, [failure(1, "Summer", address=address)])

    assert storms.watch(policy=POLICY, now=NOW) is not None
    assert Storm.objects.get().locked.count() == 12


def test_beginning_of_a_name_is_found_whatever_its_case() -> None:
    make_user("Anna")
    make_user("100%_sure")
    names = [
        [account.name for account in page.accounts]
        for text in ("aNN", "100%_", "1_0")
        for page in [
            selectors.page(
                AccountQuery(text=text, begins=True),
                scope=None,
                policy=POLICY,
                now=NOW,
                marker="",
                limit=10,
            )
        ]
    ]

    assert names == [["Anna"], ["100%_sure"], []]


def test_characters_that_a_column_has_are_still_found(charset: str) -> None:
    name = {"latin1": "josé", "utf8mb3": "中村", "utf8mb4": f"ann{EMOJI}"}[charset]
    make_locked_user(name, at=NOW)

    [account] = selectors.get_by_name(name, domain="")
    [row] = selectors.page(
        AccountQuery(text=name, state=LOCKED),
        scope=None,
        policy=POLICY,
        now=NOW,
        marker="",
        limit=10,
    ).accounts

    assert (account.name, row.name) == (name, name)


def test_a_wrong_statement_still_fails() -> None:
    with pytest.raises(DatabaseError), connections["keystone"].cursor() as cursor:
        cursor.execute("SELECT %s FROM missing", [EMOJI])
    with pytest.raises(database.KeystoneDatabaseDownError), database.reading():
        User.objects.extra(where=["missing = %s"], params=[EMOJI]).first()
    assert LocalUser.objects.count() == 0


@pytest.mark.parametrize("marker", [EMOJI, "中"])
def test_marker_with_other_characters_is_no_outage(marker: str) -> None:
    make_user("ann", email="ann@cloud.example")

    rows = LocalUser.objects.filter(name__gt=marker)

    assert list(rows.values_list("name", flat=True)) in ([], ["ann"])
