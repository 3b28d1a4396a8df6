"""`setup` makes an installation from nothing, on a real Keystone and MariaDB."""

from __future__ import annotations

import getpass
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from pciops.demo.keystone import Keystone
from pciops.keystone import logins
from tests.support.mariadb import MariaDB
from tests.support.postgresql import PostgreSQL
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
            if not name.startswith(("PCIOPS_", "OS_", "DJANGO_", "PYTHONDEVMODE"))
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


@dataclass(frozen=True)
class Installation:
    """The host after two runs of `setup`: one that waits for the SQL, and one that runs it."""

    host: Host
    waiting: Result
    before: dict[str, object]
    done: Result


@pytest.fixture(scope="module")
def installation(
    keystone: Keystone, mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """One on MariaDB, for all tests: it takes a while."""
    host = Host(tmp_path_factory.mktemp("host"))
    admin = host.folder / "admin_url"
    admin.write_text(f"mysql://root@localhost/?unix_socket={mariadb.socket}\n")
    waiting = host.setup(keystone, "--database", f"127.0.0.1:{mariadb.port}/fresh")
    before = host.state()
    done = host.setup(keystone, "--admin-url-file", str(admin))
    return Installation(host, waiting, before, done)


def test_setup_prints_the_sql_if_it_has_no_administrator(installation: Installation) -> None:
    waiting = installation.waiting
    sql = [line for line in waiting.stdout.splitlines() if line.endswith(";")]

    assert waiting.code == 1
    assert "run setup again" in waiting.stderr
    created = re.findall(r"^CREATE USER IF NOT EXISTS '(\w+)'", waiting.stdout, re.M)
    assert created == ["fresh", "fresh_keystone", "fresh_unlock"]
    assert any("CHARACTER SET utf8mb4" in line for line in sql)


def test_setup_makes_an_installation_in_which_doctor_finds_no_problem(
    installation: Installation, mariadb: MariaDB
) -> None:
    host, done = installation.host, installation.done
    env_file = str(host.env_file)

    assert done.code == 0, done.stdout + done.stderr
    said = done.stdout.partition("Set up in")[2]
    rows = re.findall(r"^([a-z]+) +(\S.*?)  ", said, re.M)
    assert {level for level, _ in rows} <= {"ok", "warning"}
    assert {"census", "database", "grants", "unlocking"} <= {check for _, check in rows}
    assert host.env_file.stat().st_mode & 0o777 == 0o600
    for key in ("secret_key", "evidence_key"):
        assert (host.folder / "var" / key).stat().st_mode & 0o777 == 0o600
    assert host.state()[env_file] == installation.before[env_file]  # what is set stays
    assert "utf8mb4" in str(mariadb.execute("SHOW CREATE DATABASE fresh"))
    assert "IDENTIFIED" not in done.stdout + done.stderr


def test_a_database_that_is_not_utf8mb4_is_refused_with_the_sql_that_mends_it(
    installation: Installation, mariadb: MariaDB
) -> None:
    """The same login is for both databases, which doctor must not mend by a REVOKE."""
    host = installation.host
    url = mariadb.create_database("latin", password="ours")
    mariadb.execute(
        "ALTER DATABASE latin CHARACTER SET latin1; GRANT ALL ON keystone.* TO latin;"
        "GRANT ALL ON fresh.* TO latin;"
        "ALTER TABLE fresh.signin_operator CONVERT TO CHARACTER SET latin1"
    )
    refused = host.run("migrate", PCIOPS_DATABASE_URL=url)
    mariadb.execute(sql_in(refused.stderr))
    planned = host.run("migrate", "--plan", PCIOPS_DATABASE_URL=url)
    both = {
        "PCIOPS_DATABASE_URL": mariadb.url("fresh", user="latin", password="ours"),
        "PCIOPS_KEYSTONE_DATABASE_URL": mariadb.url("keystone", user="latin", password="ours"),
    }
    doctor = host.run("doctor", "--format", "json", **both)
    [database] = problems(doctor, "database")
    [grants] = problems(doctor, "grants")
    mariadb.execute(sql_in(database["finding"]))

    assert (refused.code, planned.code) == (1, 0)
    assert "latin1" in refused.stderr
    assert "REVOKE" not in grants["remedy"]
    assert host.run("migrate", "-v0").code == 0
    mariadb.execute("DROP USER latin; DROP DATABASE latin")


def test_pciops_own_database_can_be_on_postgresql(postgres: PostgreSQL) -> None:
    place = f"127.0.0.1:{postgres.port}/ours"
    urls = {
        logins.OWN: f"postgresql://ours:of-the-tests@{place}",
        logins.KEYSTONE: "sqlite:////keystone.db",
    }
    [script] = logins.scripts(urls, "%")
    closed = logins.is_open(urls[logins.OWN])
    for _ in range(2):
        logins.execute(postgres.url("postgres", user="root"), script)
    made = postgres.execute(
        "SELECT pg_encoding_to_char(encoding), rolname FROM pg_database"
        " JOIN pg_roles ON pg_roles.oid = datdba WHERE datname = 'ours'"
    )

    assert (closed, logins.is_open(urls[logins.OWN])) == (False, True)
    assert made == [("UTF8", "ours")]


def problems(doctor: Result, check: str) -> list[dict[str, str]]:
    """Return the problems that one check of the doctor found."""
    found = json.loads(doctor.stdout)["findings"]
    return [row for row in found if (row["check"], row["level"]) == (check, "problem")]


def sql_in(sentence: str) -> str:
    """Return the statements at the end of a sentence."""
    return sentence[sentence.index("ALTER ") :].strip()
