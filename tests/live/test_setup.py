"""`setup` makes an installation from nothing, on a real Keystone and MariaDB."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path

import pytest

from pciops.demo.keystone import Keystone
from pciops.keystone.setup import is_open
from tests.support.mariadb import MariaDB
from tests.support.site import Result, manage


class Host:
    """A host without pciops: only the folders of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env_file = folder / "etc" / "pciops" / "pciops.env"

    def run(self, *words: str, **environment: str) -> Result:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PCIOPS_", "OS_", "DJANGO_"))
        }
        return manage({**kept, "PCIOPS_ENV_FILE": str(self.env_file), **environment}, *words)

    def setup(self, keystone: Keystone, *words: str) -> Result:
        return self.run(
            "setup",
            *("--yes", "--keystone-conf", str(keystone.conf), "--auth-url", keystone.url),
            *("--user", getpass.getuser(), *words),
            PCIOPS_VAR=str(self.folder / "var"),
        )

    def state(self) -> dict[str, object]:
        """Return what a second run could change: the settings, and the keys."""
        files = [self.env_file, *(self.folder / "var").glob("*_key*")]
        return {str(file): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_setup_makes_an_installation_in_which_doctor_finds_no_problem(
    host: Host, keystone: Keystone, mariadb: MariaDB
) -> None:
    admin = host.folder / "admin_url"
    admin.write_text(f"mysql://root@localhost/?unix_socket={mariadb.socket}\n")
    place = f"127.0.0.1:{mariadb.port}/fresh"
    words = ("--database", place, "--admin-url-file", str(admin))
    first = host.setup(keystone, *words)
    made = host.state()
    second = host.setup(keystone)
    doctor = host.run("doctor", "--format", "json")
    findings = json.loads(doctor.stdout)["findings"]

    assert first.code == 0, first.stdout + first.stderr
    assert "Set up in" in first.stdout
    assert host.env_file.stat().st_mode & 0o777 == 0o600
    assert (host.folder / "var" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert second.code == 0, second.stdout + second.stderr
    assert host.state() == made
    assert [row for row in findings if row["level"] == "problem"] == []
    assert {"census", "grants", "database"} <= {row["check"] for row in findings}
    rows = mariadb.execute("SHOW CREATE DATABASE fresh")
    assert "utf8mb4" in str(rows)
    assert "IDENTIFIED" not in first.stdout + first.stderr


def test_setup_prints_the_sql_if_it_has_no_administrator(
    host: Host, keystone: Keystone, mariadb: MariaDB
) -> None:
    place = ("--database", f"127.0.0.1:{mariadb.port}/byhand")
    waiting = host.setup(keystone, *place)
    sql = [line for line in waiting.stdout.splitlines() if line.endswith(";")]
    mariadb.execute("\n".join(sql))
    lines = host.env_file.read_text().splitlines()
    urls = [line.partition("=")[2] for line in lines if "_DATABASE_URL=" in line]

    assert waiting.code == 1
    assert "run setup again" in waiting.stderr
    assert any(line.startswith("CREATE USER IF NOT EXISTS 'byhand_keystone'") for line in sql)
    assert any("CHARACTER SET utf8mb4" in line for line in sql)
    assert [is_open(url) for url in urls] == [True, True]


def test_a_database_that_is_not_utf8mb4_is_refused_with_the_sql_that_mends_it(
    host: Host, keystone: Keystone, mariadb: MariaDB
) -> None:
    """The same login is for both databases, which doctor must not mend by a REVOKE."""
    url = mariadb.create_database("latin", password="ours")
    mariadb.execute("ALTER DATABASE latin CHARACTER SET latin1; GRANT ALL ON keystone.* TO latin")
    settings = {
        "OS_AUTH_URL": keystone.url,
        "PCIOPS_DATABASE_URL": url,
        "PCIOPS_ENV_FILE": os.devnull,
        "PCIOPS_KEYSTONE_CONF": str(keystone.conf),
        "PCIOPS_KEYSTONE_DATABASE_URL": mariadb.url("keystone", user="latin", password="ours"),
        "PCIOPS_VAR": str(host.folder / "var"),
    }
    refused = host.run("migrate", **settings)
    mariadb.execute(sql_in(refused.stderr))
    migrated = host.run("migrate", "-v0", **settings)
    mariadb.execute("ALTER TABLE latin.signin_operator CONVERT TO CHARACTER SET latin1")
    doctor = host.run("doctor", "--format", "json", **settings)
    found = {row["check"]: row for row in json.loads(doctor.stdout)["findings"]}
    mariadb.execute(sql_in(found["database"]["finding"]))

    assert refused.code == 1
    assert "latin1" in refused.stderr
    assert migrated.code == 0, migrated.stderr
    assert found["database"]["level"] == "problem"
    assert found["grants"]["level"] == "problem"
    assert "REVOKE" not in found["grants"]["remedy"]
    assert host.run("migrate", "-v0", **settings).code == 0
    mariadb.execute("DROP USER latin; DROP DATABASE latin")


def sql_in(sentence: str) -> str:
    """Return the statements at the end of a sentence."""
    return sentence[sentence.index("ALTER ") :].strip()
