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

from pciops.keystone import logins, setup
from pciops.keystone.logins import KEYSTONE, OWN, UNLOCK, Script
from pciops.keystone.management.commands.setup import Command
from pciops.keystone.setup import Place, SetupError

ME = pwd.getpwuid(os.geteuid())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("db.example/keystone", Place(host="db.example", name="keystone")),
        ("db.example:3307/k", Place(host="db.example", port=3307, name="k")),
        ("[2001:db8::1]:3306/k", Place(host="2001:db8::1", name="k")),
        ("db/k?ssl_ca=/ca.pem", Place(host="db", name="k", query="ssl_ca=/ca.pem")),
        ("postgresql://db/k", Place(kind="postgresql", host="db", port=5432, name="k")),
        (
            "postgres://db:5433/k?sslmode=verify-full",
            Place(kind="postgresql", host="db", port=5433, name="k", query="sslmode=verify-full"),
        ),
    ],
)
def test_a_place_is_a_host_and_a_database(text: str, place: Place) -> None:
    assert setup.parse_place(text) == place
    assert setup.parse_place(place.text) == place


@pytest.mark.parametrize(
    "text",
    ["", "db.example", "db/", "/k", "db:many/k", "u:p@db/k", "a,b/k", "oracle://db/k"],
)
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


# --- SQL ----------------------------------------------------------------------------------------
URLS = {
    OWN: "mysql://pciops:p1@db/pciops",
    KEYSTONE: "mysql://pciops_keystone:p2@db/keystone",
    UNLOCK: "mysql://pciops_unlock:p3@db/keystone",
}


def test_one_script_makes_each_login_and_the_database_is_utf8mb4() -> None:
    [script] = logins.scripts(URLS, "10.0.0.5")

    assert [line for line in script.lines if line.startswith("CREATE USER")] == [
        "CREATE USER IF NOT EXISTS 'pciops'@'10.0.0.5' IDENTIFIED BY 'p1';",
        "CREATE USER IF NOT EXISTS 'pciops_keystone'@'10.0.0.5' IDENTIFIED BY 'p2';",
        "CREATE USER IF NOT EXISTS 'pciops_unlock'@'10.0.0.5' IDENTIFIED BY 'p3';",
    ]
    assert "CREATE DATABASE IF NOT EXISTS `pciops` CHARACTER SET utf8mb4;" in script.lines
    assert not [line for line in script.lines if "ALL" in line and "keystone" in line]
    [update] = [line for line in script.lines if "GRANT UPDATE" in line]
    assert update.endswith("TO 'pciops_unlock'@'10.0.0.5';")


def test_one_login_for_reading_and_unlocking_stays_one() -> None:
    urls = {name: url for name, url in URLS.items() if name != UNLOCK}
    [script] = logins.scripts(urls, "%")

    assert script.settings == (OWN, KEYSTONE)
    [update] = [line for line in script.lines if "GRANT UPDATE" in line]
    assert update.endswith("TO 'pciops_keystone'@'%';")


def test_each_server_has_a_script_of_its_own() -> None:
    own = "postgresql://pciops:p1@pg.example/pciops"
    keystone, ours = logins.scripts({**URLS, OWN: own}, "%")

    assert (keystone.server, keystone.settings) == (
        "MariaDB or MySQL at db:3306",
        (KEYSTONE, UNLOCK),
    )
    assert (ours.server, ours.settings) == ("PostgreSQL at pg.example:5432", (OWN,))
    assert ours.lines == [
        "DO $$ BEGIN CREATE ROLE \"pciops\" LOGIN PASSWORD 'p1'; "
        "EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
        'CREATE DATABASE "pciops" OWNER "pciops" ENCODING \'UTF8\' TEMPLATE template0;',
    ]


def test_one_statement_makes_the_login_for_all_hosts_of_keystones_database() -> None:
    url = "mysql://pciops_keystone:secret@db1.example:3306,db2.example:3306/keystone"
    [script] = logins.scripts({KEYSTONE: url}, "%")

    assert [line for line in script.lines if line.startswith("CREATE USER")] == [
        "CREATE USER IF NOT EXISTS 'pciops_keystone'@'%' IDENTIFIED BY 'secret';"
    ]


@pytest.mark.parametrize(
    "url",
    ["mysql://pciops:hun[ter2@db.example:port/keystone", "mysql://pciops:hun'ter2@db/keystone"],
)
def test_a_url_that_is_of_no_use_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(
        SetupError, match=r"mysql://user:password|the password of pciops"
    ) as refused:
        logins.scripts({KEYSTONE: url}, "%")

    assert "hun" not in str(refused.value)


def test_sqlite_needs_no_sql() -> None:
    assert logins.scripts({KEYSTONE: "sqlite:////var/lib/keystone.db"}, "%") == []
    assert logins.is_open("sqlite:////var/lib/keystone.db")


def test_an_administrator_who_is_not_let_in_is_told_the_server() -> None:
    script = Script(server="PostgreSQL at pg.example:5432", settings=(OWN,), lines=["SELECT 1"])
    for kind in ("mysql", "postgresql"):
        with pytest.raises(SetupError, match="PostgreSQL at pg.example:5432") as refused:
            logins.execute(f"{kind}://root:hunter2@127.0.0.1:9/x", script)

        assert "hunter2" not in str(refused.value)


# --- Settings -----------------------------------------------------------------------------------
OPTIONS: dict[str, Any] = {
    "keystone_conf": "/etc/keystone/keystone.conf",
    "auth_url": "https://keystone.example:5000/v3",
    "keystone_database": None,
    "database": None,
    "yes": True,
}


def values(known: dict[str, str], **options: str) -> dict[str, str]:
    """Return the settings that setup writes into a file that has these."""
    return Command()._values(known, {**OPTIONS, **options})


def test_a_new_installation_reads_and_unlocks_with_different_logins() -> None:
    made = values({}, keystone_database="db/keystone", database="postgresql://pg/pciops")

    assert made[OWN].startswith("postgresql://pciops:")
    assert made[OWN].endswith("@pg:5432/pciops")
    assert made[KEYSTONE].startswith("mysql://pciops_keystone:")
    assert made[UNLOCK].startswith("mysql://pciops_unlock:")
    assert values(made) == made  # what is set stays


def test_an_installation_with_one_login_keeps_it() -> None:
    known = {KEYSTONE: URLS[KEYSTONE]}

    assert UNLOCK not in values(known)
    assert values(known)[KEYSTONE] == URLS[KEYSTONE]
    assert OWN not in values(known)  # SQLite


def test_a_database_that_moves_keeps_its_logins() -> None:
    moved = values(URLS, keystone_database="db2/keystone")

    assert moved[KEYSTONE] == "mysql://pciops_keystone:p2@db2:3306/keystone"
    assert moved[UNLOCK] == "mysql://pciops_unlock:p3@db2:3306/keystone"
    assert moved[OWN] == URLS[OWN]


def test_addresses_in_files_are_known_and_stay_there(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text(f"{URLS[OWN]}\n")
    of_files = setup.secrets_of_files({f"{OWN}_FILE": str(path)}, URLS)

    assert of_files == {OWN: URLS[OWN]}
    setup.require_unchanged(of_files, URLS)
    with pytest.raises(SetupError, match=f"{OWN}_FILE names. Change it there"):
        setup.require_unchanged(of_files, {OWN: "mysql://pciops:p1@other/pciops"})
    with pytest.raises(SetupError, match=f"{OWN}_FILE: /no/such cannot be read"):
        setup.secrets_of_files({f"{OWN}_FILE": "/no/such"}, URLS)


@pytest.mark.parametrize("content", ["root", "sqlite:////x"])
def test_a_file_without_an_administrators_address_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "admin"
    path.write_text(content)
    with pytest.raises(SetupError, match=f"{path} must contain mysql://"):
        setup.admin_url(path)


POSTGRESQL = "postgresql://db/keystone"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "keystone.conf"),
        ({"keystone_conf": "CONF"}, "API"),
        ({"keystone_conf": "CONF", "auth_url": "http://k/v3", "keystone_database": "db"}, "'db'"),
        (
            {"keystone_conf": "CONF", "auth_url": "http://k/v3", "keystone_database": POSTGRESQL},
            "MariaDB",
        ),
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
