"""The SQL for a login that can do no more than pciops needs."""

from __future__ import annotations

import re

import pytest
from django.core.management import CommandError, call_command

from pciops.keystone import grants
from pciops.keystone.grants import GrantError

NAMES = {"database": "keystone", "user": "pciops", "host": "%", "unlock_user": "pciops"}


def test_no_statement_names_the_password_hash() -> None:
    assert "password_hash" not in " ".join(grants.statements(**NAMES))


def test_no_statement_names_the_hash_of_a_secret() -> None:
    assert "secret_hash" not in " ".join(grants.statements(**NAMES))


def test_every_table_is_read_by_its_columns() -> None:
    read = [line for line in grants.statements(**NAMES) if line.startswith("GRANT SELECT (")]

    assert len(read) == len(grants.columns()) == 14


@pytest.mark.parametrize("unlock_user", ["pciops", "pciops_unlock"])
def test_exactly_two_columns_can_be_updated(unlock_user: str) -> None:
    lines = grants.statements(**{**NAMES, "unlock_user": unlock_user})
    updates = [line for line in lines if not line.startswith("GRANT SELECT (")]

    assert updates == [
        "GRANT UPDATE (`failed_auth_count`, `failed_auth_at`) ON `keystone`.`local_user` "
        f"TO '{unlock_user}'@'%';"
    ]


def test_the_columns_of_local_user_are_those_of_keystone() -> None:
    assert sorted(grants.columns()["local_user"]) == sorted(
        ["id", "user_id", "domain_id", "name", "failed_auth_count", "failed_auth_at"]
    )


def test_the_columns_of_password_are_all_but_the_hash() -> None:
    assert sorted(grants.columns()["password"]) == sorted(
        ["id", "local_user_id", "created_at", "created_at_int", "expires_at", "expires_at_int"]
    )


def test_a_login_of_its_own_for_the_update_reads_only_what_guards_it() -> None:
    lines = grants.statements(**{**NAMES, "unlock_user": "pciops_unlock"})
    read = [line for line in lines if "pciops_unlock" in line and "SELECT" in line]

    assert read == [
        "GRANT SELECT (`user_id`, `failed_auth_count`, `failed_auth_at`) "
        "ON `keystone`.`local_user` TO 'pciops_unlock'@'%';"
    ]


def test_the_login_that_reads_cannot_update_where_there_are_two() -> None:
    lines = grants.statements(**{**NAMES, "unlock_user": "pciops_unlock"})

    assert not [line for line in lines if "UPDATE" in line and "'pciops'@" in line]


@pytest.mark.parametrize("argument", list(NAMES))
@pytest.mark.parametrize("name", ["", "a'b", "a`b", 'a"b', "a b", "a;b", "a\\b", "a\n", "a" * 81])
def test_a_name_that_could_end_its_quotes_is_refused(argument: str, name: str) -> None:
    with pytest.raises(GrantError, match=re.escape(repr(name))):
        grants.statements(**{**NAMES, argument: name})


@pytest.mark.parametrize("host", ["%", "localhost", "10.0.0.%", "2001:db8::1", "db-1.example"])
def test_a_host_may_be_an_address_or_a_pattern(host: str) -> None:
    assert grants.statements(**{**NAMES, "host": host})[0].endswith(f"TO 'pciops'@'{host}';")


def test_the_command_prints_the_statements(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("grants")
    printed = capsys.readouterr().out.splitlines()

    assert [line for line in printed if not line.startswith("--")] == grants.statements(**NAMES)


@pytest.mark.parametrize(
    ("words", "logins"), [((), 1), (("--unlock-user", "u2"), 2), (("--unlock-user", "pciops"), 1)]
)
def test_the_command_says_which_logins_have_to_exist(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], logins: int
) -> None:
    call_command("grants", *words)

    assert capsys.readouterr().out.count("CREATE USER") == logins


def test_a_hostile_name_is_wrong_usage() -> None:
    with pytest.raises(CommandError) as raised:
        call_command("grants", "--user", "x'; DROP DATABASE keystone; --")

    assert raised.value.returncode == 2
