"""What a login may do beyond what it has to, told from SHOW GRANTS."""

from __future__ import annotations

import re

import pytest

from pciops.keystone import grants

USAGE = "GRANT USAGE ON *.* TO `pciops`@`%` IDENTIFIED BY PASSWORD '*0123456789ABCDEF'"
OURS = [
    USAGE,
    *(
        line.removesuffix(";")
        for line in grants.statements(
            database="keystone", user="pciops", host="%", unlock_user="pciops"
        )
    ),
]
TO = "TO `pciops`@`%`"


def surplus(*lines: str) -> list[str]:
    """What is too much in these lines, beside what our own login has."""
    return grants.surplus([*OURS, *lines], database="keystone")


def test_what_the_command_gives_is_not_too_much() -> None:
    assert surplus() == []


def test_two_rights_in_one_line_are_looked_at_each() -> None:
    both = "SELECT (`id`, `name`), UPDATE (`failed_auth_at`, `name`)"

    assert surplus(f"GRANT {both} ON `keystone`.`local_user` {TO}") == [
        "UPDATE (name) on keystone.local_user"
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GRANT ALL PRIVILEGES ON `keystone`.*", "ALL PRIVILEGES on keystone.*"),
        ("GRANT ALL PRIVILEGES ON *.*", "ALL PRIVILEGES on *.*"),
        ("GRANT SELECT ON `keystone`.`password`", "SELECT on keystone.password"),
        ("GRANT SELECT ON `keystone`.*", "SELECT on keystone.*"),
        ("GRANT SELECT (`id`) ON `other`.`user`", "SELECT on other.user"),
        ("GRANT SELECT (`id`) ON `keystone`.`credential`", "SELECT on keystone.credential"),
        (
            "GRANT SELECT (`id`, `password_hash`) ON `keystone`.`password`",
            "SELECT (password_hash) on keystone.password",
        ),
        ("GRANT UPDATE (`enabled`) ON `keystone`.`user`", "UPDATE on keystone.user"),
        ("GRANT UPDATE ON `keystone`.`local_user`", "UPDATE on keystone.local_user"),
        ("GRANT CREATE ON `keystone`.*", "CREATE on keystone.*"),
        ("GRANT LOCK TABLES ON `keystone`.*", "LOCK TABLES on keystone.*"),
        ("GRANT PROXY ON 'root'@'%'", "PROXY on 'root'@'%'"),
    ],
)
def test_what_is_more_is_named(line: str, expected: str) -> None:
    assert surplus(f"{line} {TO}") == [expected]


def test_each_right_of_a_list_is_named() -> None:
    line = f"GRANT SELECT, INSERT, CREATE TEMPORARY TABLES ON `keystone`.* {TO}"

    assert surplus(line) == [
        "SELECT on keystone.*",
        "INSERT on keystone.*",
        "CREATE TEMPORARY TABLES on keystone.*",
    ]


def test_the_right_to_give_rights_is_named() -> None:
    line = f"GRANT SELECT (`id`) ON `keystone`.`user` {TO} WITH GRANT OPTION"

    assert surplus(line) == ["GRANT OPTION on keystone.user"]


def test_a_role_is_named() -> None:
    assert surplus(f"GRANT `dba` {TO}") == ["whatever the role `dba` gives"]


def test_a_default_role_is_no_right_of_its_own() -> None:
    assert surplus("SET DEFAULT ROLE NONE FOR `pciops`@`%`") == []


def test_nothing_of_a_password_is_said() -> None:
    more = surplus(f"GRANT SELECT ON *.* {TO} IDENTIFIED BY PASSWORD '*0123456789ABCDEF'")

    assert more
    assert not re.search("0123456789ABCDEF", str(more))
