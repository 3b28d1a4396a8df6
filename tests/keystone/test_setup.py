"""Tests of the parts of `setup`, and of what it refuses before it changes anything."""

from __future__ import annotations

import getpass
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from pciops.keystone import setup
from pciops.keystone.setup import MySQLPlace, SetupError

ME = pwd.getpwuid(os.geteuid())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("db.example/keystone", MySQLPlace(host="db.example", name="keystone")),
        ("db.example:3307/k", MySQLPlace(host="db.example", port=3307, name="k")),
        ("[2001:db8::1]:3306/k", MySQLPlace(host="2001:db8::1", name="k")),
        ("db/k?ssl_ca=/ca.pem", MySQLPlace(host="db", name="k", ssl_ca="/ca.pem")),
    ],
)
def test_a_place_is_a_host_and_a_database(text: str, place: MySQLPlace) -> None:
    assert setup.parse_place(text) == place
    assert setup.parse_place(place.text) == place


@pytest.mark.parametrize("text", ["", "db.example", "db/", "/k", "db:many/k", "u:p@db/k", "a,b/k"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="host"):
        setup.parse_place(text)


@pytest.mark.parametrize(
    ("connection", "place"),
    [
        ("mysql+pymysql://keystone:s3cret@db:3307/keystone", "db:3307/keystone"),
        ("mysql://k:p@db/keystone?charset=utf8&ssl_ca=/ca.pem", "db:3306/keystone?ssl_ca=/ca.pem"),
        ("sqlite:////var/lib/keystone.db", "sqlite:////var/lib/keystone.db"),
        ("postgresql://k:p@db/keystone", ""),
    ],
)
def test_keystones_database_is_that_of_its_configuration(
    tmp_path: Path, connection: str, place: str
) -> None:
    conf = tmp_path / "keystone.conf"
    conf.write_text(f"[database]\nconnection = {connection}\n")

    assert setup.keystones_database(conf) == place


def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="missing.conf"):
        setup.keystones_database(tmp_path / "missing.conf")


def test_values_replace_their_lines_and_leave_all_others() -> None:
    content = "# mine\nPCIOPS_X=old\nPCIOPS_Y=1\n"

    merged = setup.merged(content, {"PCIOPS_X": "new", "PCIOPS_Z": "2"})

    assert merged == "# mine\nPCIOPS_X=new\nPCIOPS_Y=1\nPCIOPS_Z=2\n"
    assert setup.merged(merged, {"PCIOPS_X": "new", "PCIOPS_Z": "2"}) == merged


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_and_folders_belong_to_the_user_of_pciops(tmp_path: Path) -> None:
    user = pwd.getpwnam("nobody")
    setup.make_folder(tmp_path / "var", user, 0o700)
    setup.write_file(tmp_path / "pciops.env", "PCIOPS_X=1\n", user)

    for path, mode in ((tmp_path / "var", 0o700), (tmp_path / "pciops.env", 0o600)):
        assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (user.pw_uid, mode)


def test_a_missing_user_is_named_with_the_command_that_makes_one() -> None:
    with pytest.raises(SetupError, match="useradd .* nobody-here"):
        setup.account("nobody-here")


def test_one_statement_makes_each_login_and_the_database_is_utf8mb4() -> None:
    own, keystone = "mysql://pciops:p1@db/pciops", "mysql://pciops_keystone:p2@db/keystone"
    lines = setup.statements(own, keystone, "10.0.0.5")

    assert [line for line in lines if line.startswith("CREATE USER IF NOT EXISTS")] == [
        "CREATE USER IF NOT EXISTS 'pciops'@'10.0.0.5' IDENTIFIED BY 'p1';",
        "CREATE USER IF NOT EXISTS 'pciops_keystone'@'10.0.0.5' IDENTIFIED BY 'p2';",
    ]
    assert "CREATE DATABASE IF NOT EXISTS `pciops` CHARACTER SET utf8mb4;" in lines
    assert not [line for line in lines if "ALL" in line and "keystone" in line]


def test_one_statement_makes_the_login_for_all_hosts_of_keystones_database() -> None:
    url = "mysql://pciops_keystone:secret@db1.example:3306,db2.example:3306/keystone"
    lines = setup.statements("", url, "%")

    assert [line for line in lines if line.startswith("CREATE USER")] == [
        "CREATE USER IF NOT EXISTS 'pciops_keystone'@'%' IDENTIFIED BY 'secret';"
    ]


def test_a_url_that_cannot_be_read_is_refused_without_its_password() -> None:
    with pytest.raises(SetupError, match="mysql://user:password@host:port/database") as refused:
        setup.statements("", "mysql://pciops:hun[ter2@db.example:port/keystone", "%")

    assert "hun" not in str(refused.value)


def test_sqlite_needs_no_sql() -> None:
    assert setup.statements("", "sqlite:////var/lib/keystone.db", "%") == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "keystone.conf"),
        ({"keystone_conf": "CONF"}, "API"),
        ({"keystone_conf": "CONF", "auth_url": "http://k/v3", "keystone_database": "db"}, "'db'"),
        ({"keystone_conf": "/no/such", "auth_url": "http://k/v3"}, "/no/such"),
        ({"user": "nobody-here"}, "useradd"),
    ],
)
def test_what_is_missing_or_wrong_is_named_and_nothing_is_made(
    tmp_path: Path,
    settings: Settings,
    options: dict[str, Any],
    named: str,
) -> None:
    conf = tmp_path / "keystone.conf"
    conf.write_text("[database]\nconnection = mysql://k:p@db/keystone\n")
    settings.ENV_FILE, settings.VAR = tmp_path / "etc" / "pciops.env", tmp_path / "var"
    options = {name: str(conf) if value == "CONF" else value for name, value in options.items()}
    with pytest.raises(CommandError, match=named) as raised:
        call_command("setup", yes=True, **{"user": getpass.getuser(), **options})

    assert raised.value.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["keystone.conf"]
