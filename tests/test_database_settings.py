"""The connections to our own database and to Keystone's."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.test_settings import GOOD, LIMITED
from tests.test_settings import load as load


@pytest.mark.parametrize(
    ("url", "option", "value"),
    [
        ("mysql://p@h/pciops?ssl_ca=/ca.pem", "init_command", LIMITED),
        ("mysql://p@h/pciops?ssl_ca=/ca.pem", "read_timeout", 20),
        ("postgresql://p@h/pciops", "options", "-c statement_timeout=15s"),
    ],
)
def test_statements_on_our_own_database_are_limited_but_for_migrations(
    load: Any, monkeypatch: pytest.MonkeyPatch, url: str, option: str, value: object
) -> None:
    environment = {**GOOD, "PCIOPS_DATABASE_URL": url}
    assert load(**environment)["DATABASES"]["default"]["OPTIONS"][option] == value

    monkeypatch.setattr(sys, "argv", ["manage.py", "migrate"])
    assert option not in load(**environment)["DATABASES"]["default"]["OPTIONS"]


# --- Keystone's database ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("mysql://u:p@db.example/keystone", [("db.example", 3306)]),
        ("mysql://u:p@one:3307,two/keystone", [("one", 3307), ("two", 3306)]),
    ],
)
def test_keystones_database_can_have_several_hosts(
    load: Any, url: str, hosts: list[tuple[str, int]]
) -> None:
    databases = load(**{**GOOD, "PCIOPS_KEYSTONE_DATABASE_URL": url})["DATABASES"]

    assert databases["keystone"]["HOSTS"] == databases["keystone_unlock"]["HOSTS"] == hosts


def test_an_act_is_decided_where_it_is_done_with_the_login_that_reads(load: Any) -> None:
    databases = load(
        **GOOD,
        PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL="mysql://unlock:p@primary:3307,other/keystone",
    )["DATABASES"]
    reading, primary = databases["keystone"], databases["keystone_primary"]

    assert primary["HOSTS"] == [("primary", 3307), ("other", 3306)]
    assert (primary["USER"], primary["OPTIONS"]) == (reading["USER"], reading["OPTIONS"])
    assert (reading["PRIMARY"], primary["PRIMARY"]) == (False, True)
    assert databases["keystone_unlock"]["PRIMARY"] is True


@pytest.mark.parametrize(("alias", "expected"), [("keystone", True), ("keystone_unlock", False)])
def test_only_reads_are_repeated_on_another_host(load: Any, alias: str, expected: bool) -> None:  # noqa: FBT001 (a parameter of the table)
    assert load(**GOOD)["DATABASES"][alias]["READS_ONLY"] is expected
