"""Tests of the grants that pciops needs, and of finding those it does not need."""

from __future__ import annotations

import re

import pytest
from django.core.management import CommandError, call_command

from pciops.keystone import grants
from pciops.keystone.grants import GrantError

NAMES = {"database": "keystone", "user": "pciops", "host": "%", "unlock_user": "pciops"}


def test_statements_do_not_name_secret_columns() -> None:
    text = " ".join(grants.statements(**NAMES))

    assert "password_hash" not in text
    assert "secret_hash" not in text
    assert "blob" not in text


def test_every_table_is_read_by_columns() -> None:
    read = [line for line in grants.statements(**NAMES) if line.startswith("GRANT SELECT (")]

    assert len(read) == len(grants.columns()) == 19


@pytest.mark.parametrize("unlock_user", ["pciops", "pciops_unlock"])
def test_exactly_two_columns_can_be_updated(unlock_user: str) -> None:
    lines = grants.statements(**{**NAMES, "unlock_user": unlock_user})
    updates = [line for line in lines if not line.startswith("GRANT SELECT (")]

    assert updates == [
        "GRANT UPDATE (`failed_auth_count`, `failed_auth_at`) ON `keystone`.`local_user` "
        f"TO '{unlock_user}'@'%';"
    ]


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("local_user", "id user_id domain_id name failed_auth_count failed_auth_at"),
        ("password", "id local_user_id created_at created_at_int expires_at expires_at_int"),
    ],
)
def test_all_columns_but_secrets_are_read(table: str, columns: str) -> None:
    assert sorted(grants.columns()[table]) == sorted(columns.split())


def test_second_login_for_the_update_reads_only_its_condition() -> None:
    lines = grants.statements(**{**NAMES, "unlock_user": "pciops_unlock"})
    read = [line for line in lines if "pciops_unlock" in line and "SELECT" in line]

    assert read == [
        "GRANT SELECT (`user_id`, `failed_auth_count`, `failed_auth_at`) "
        "ON `keystone`.`local_user` TO 'pciops_unlock'@'%';"
    ]
    assert not [line for line in lines if "UPDATE" in line and "'pciops'@" in line]


@pytest.mark.parametrize("argument", list(NAMES))
@pytest.mark.parametrize("name", ["", "a'b", "a`b", 'a"b', "a b", "a;b", "a\\b", "a\n", "a" * 81])
def test_name_that_could_end_its_quotes_is_refused(argument: str, name: str) -> None:
    with pytest.raises(GrantError, match=re.escape(repr(name))):
        grants.statements(**{**NAMES, argument: name})


@pytest.mark.parametrize("host", ["%", "localhost", "10.0.0.%", "2001:db8::1", "db-1.example"])
def test_host_can_be_an_address_or_a_pattern(host: str) -> None:
    assert grants.statements(**{**NAMES, "host": host})[0].endswith(f"TO 'pciops'@'{host}';")


def test_command_prints_the_statements(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("grants")
    printed = capsys.readouterr().out.splitlines()

    assert [line for line in printed if line.startswith("GRANT")] == grants.statements(**NAMES)


@pytest.mark.parametrize(
    ("words", "logins"), [((), 1), (("--unlock-user", "u2"), 2), (("--unlock-user", "pciops"), 1)]
)
def test_command_prints_how_to_create_the_logins(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], logins: int
) -> None:
    call_command("grants", *words)

    printed = capsys.readouterr().out.splitlines()
    created = [line for line in printed if line.startswith("CREATE USER IF NOT EXISTS")]
    passwords = {line.split("'")[-2] for line in created}

    assert len(created) == len(passwords) == logins
    assert all(len(password) >= 32 for password in passwords)


def test_command_refuses_a_hostile_name() -> None:
    with pytest.raises(CommandError) as raised:
        call_command("grants", "--user", "x'; DROP DATABASE keystone; --")

    assert raised.value.returncode == 2


# --- Surplus rights -----------------------------------------------------------------------------
USAGE = "GRANT USAGE ON *.* TO `pciops`@`%` IDENTIFIED BY PASSWORD '*0123456789ABCDEF'"
OURS = [
    USAGE,
    *(line.removesuffix(";") for line in grants.statements(**NAMES)),
]
TO = "TO `pciops`@`%`"


def surplus(*lines: str) -> list[str]:
    """Return the surplus rights in these lines, beside those that pciops needs."""
    return grants.surplus([*OURS, *lines], database="keystone")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GRANT ALL PRIVILEGES ON `keystone`.*", "ALL PRIVILEGES on keystone.*"),
        ("GRANT ALL PRIVILEGES ON *.*", "ALL PRIVILEGES on *.*"),
        ("GRANT SELECT ON `keystone`.`password`", "SELECT on keystone.password"),
        ("GRANT SELECT ON `keystone`.*", "SELECT on keystone.*"),
        ("GRANT SELECT (`id`) ON `other`.`user`", "SELECT on other.user"),
        ("GRANT SELECT (`id`) ON `keystone`.`token`", "SELECT on keystone.token"),
        (
            "GRANT SELECT (`type`, `encrypted_blob`) ON `keystone`.`credential`",
            "SELECT (encrypted_blob) on keystone.credential",
        ),
        (
            "GRANT SELECT (`id`, `password_hash`) ON `keystone`.`password`",
            "SELECT (password_hash) on keystone.password",
        ),
        ("GRANT UPDATE (`enabled`) ON `keystone`.`user`", "UPDATE on keystone.user"),
        ("GRANT UPDATE ON `keystone`.`local_user`", "UPDATE on keystone.local_user"),
        ("GRANT CREATE ON `keystone`.*", "CREATE on keystone.*"),
        ("GRANT LOCK TABLES ON `keystone`.*", "LOCK TABLES on keystone.*"),
        ("GRANT PROXY ON 'root'@'%'", "PROXY on 'root'@'%'"),
        (
            "GRANT SELECT (`id`, `name`), UPDATE (`failed_auth_at`, `name`)"
            " ON `keystone`.`local_user`",
            "UPDATE (name) on keystone.local_user",
        ),
        ("GRANT `dba`", "all rights of the role `dba`"),
    ],
)
def test_surplus_right_is_named(line: str, expected: str) -> None:
    assert surplus(f"{line} {TO}") == [expected]


def test_each_right_of_a_list_is_named() -> None:
    line = f"GRANT SELECT, INSERT, CREATE TEMPORARY TABLES ON `keystone`.* {TO}"

    assert surplus(line) == [
        "SELECT on keystone.*",
        "INSERT on keystone.*",
        "CREATE TEMPORARY TABLES on keystone.*",
    ]


def test_grant_option_is_named() -> None:
    line = f"GRANT SELECT (`id`) ON `keystone`.`user` {TO} WITH GRANT OPTION"

    assert surplus(line) == ["GRANT OPTION on keystone.user"]


@pytest.mark.parametrize("right", ["SLAVE MONITOR", "REPLICA MONITOR", "REPLICATION CLIENT"])
def test_right_to_see_the_lag_of_a_replica_is_not_surplus(right: str) -> None:
    assert surplus(f"GRANT {right} ON *.* {TO}") == []


def test_needed_rights_and_a_default_role_are_not_surplus() -> None:
    assert surplus("SET DEFAULT ROLE NONE FOR `pciops`@`%`") == []


def test_text_does_not_contain_a_password_hash() -> None:
    more = surplus(f"GRANT SELECT ON *.* {TO} IDENTIFIED BY PASSWORD '*0123456789ABCDEF'")

    assert more
    assert not re.search("0123456789ABCDEF", str(more))


# --- pciops' own database -----------------------------------------------------------------------
class OfKind:
    """A connection to a kind of database."""

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor


def own(vendor: str, **names: str) -> list[str]:
    names = {"database": "pciops", "user": "pciops", "host": "%", **names}
    return grants.own_statements(OfKind(vendor), **names)  # type: ignore[arg-type] # has a vendor


@pytest.mark.parametrize("vendor", ["mysql", "postgresql"])
@pytest.mark.parametrize(
    ("table", "updates"),
    [
        ("audit_event", True),
        ("audit_chainhead", True),
        ("audit_anchor", False),
        ("audit_timestamp", False),
        ("audit_check", True),
        ("audit_stub", False),
        ("reports_storedreport", False),
        ("reports_rows", False),
        ("reports_signoff", False),
    ],
)
def test_evidence_can_be_inserted_but_not_deleted(vendor: str, table: str, updates: bool) -> None:
    [line] = [line for line in own(vendor) if re.search(rf"[`\"]{table}[`\"] TO", line)]

    assert line.startswith("GRANT SELECT, INSERT")
    assert "DELETE" not in line
    assert ("UPDATE (" in line) is updates


def test_run_time_login_can_change_what_is_not_evidence() -> None:
    [line] = [line for line in own("mysql") if "`lib_jobrun`" in line]

    assert line == "GRANT SELECT, INSERT, UPDATE, DELETE ON `pciops`.`lib_jobrun` TO 'pciops'@'%';"


def test_own_grants_refuse_a_hostile_name() -> None:
    with pytest.raises(GrantError):
        own("postgresql", user='x"; DROP')


@pytest.mark.django_db
def test_own_grants_of_sqlite_are_wrong_usage() -> None:
    with pytest.raises(CommandError, match="SQLite") as raised:
        call_command("grants", "--ours")

    assert raised.value.returncode == 2
