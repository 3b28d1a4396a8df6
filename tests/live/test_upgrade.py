"""The upgrade of a filled database of the release before, both versions on it, and its backup."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.mariadb import MariaDB
from tests.support.postgresql import PostgreSQL
from tests.support.processes import program
from tests.support.site import Result, environment, manage

UPGRADE = """
from django.core.management import call_command
from tests.support.upgrade import install_release
install_release()
call_command("migrate", verbosity=0)
call_command("verify_audit")
"""
USE_BOTH = """
from django.apps import apps
from django.core.management import call_command
from tests.support.upgrade import use_release
for model in apps.get_models():
    if model._meta.app_label not in ("keystone", "auth", "contenttypes"):
        print(model._meta.label, len(list(model._base_manager.all())))
call_command("verify_audit")
use_release()
"""
# What 0.1.0 can no longer do after `migrate`: docs/operations.md says to stop it before. No
# migration may add to this.
BROKEN_FOR_RELEASE = {
    *("write actions.Batch", "write audit.ChainCheck", "write audit.Event"),
    *("read notices.WebhookCall", "write notices.WebhookCall"),
}
GO_ON = """
from django.core.management import call_command
from pciops.audit.processes import record_start
record_start("worker")
call_command("verify_audit")
"""
RESTORED = """
from django.core.management import call_command
from django.db import DatabaseError, connection
call_command("migrate", verbosity=0)
try:
    connection.cursor().execute("DELETE FROM audit_event")
except DatabaseError as error:
    print("refused:", error)
call_command("verify_audit")
"""


@dataclass(frozen=True)
class Installation:
    """A pciops whose filled database was migrated from the release before.

    Attributes:
        back_up: Backs the database up with the tools of its kind. What it returns restores the
            backup as another database, and returns the URL of that.
    """

    env: dict[str, str]
    back_up: Callable[[], Callable[[], str]]

    def __post_init__(self) -> None:
        run(self.env, UPGRADE)  # and the end of the chain is signed


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "postgresql"])
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """One on each kind of database."""
    folder = tmp_path_factory.mktemp("upgrade")
    env = environment(
        folder / "var",
        {
            "OS_AUTH_URL": "https://keystone.example:5000/v3",
            "PCIOPS_KEYSTONE_DATABASE_URL": "mysql://nobody@127.0.0.1:9/keystone",
            "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS": "6",
        },
    )
    match request.param:
        case "mariadb":
            return on_mariadb(request.getfixturevalue("mariadb"), env)
        case "postgresql":
            return on_postgresql(request.getfixturevalue("postgres"), env)
        case _:
            return on_sqlite(folder, env)


def on_sqlite(folder: Path, env: dict[str, str]) -> Installation:
    ours, copy = folder / "ours", folder / "copy"

    def back_up() -> Callable[[], str]:
        sqlite3 = program("sqlite3", package="sqlite3")
        subprocess.run([sqlite3, ours, f".backup {copy}"], check=True)
        return lambda: f"sqlite:///{copy}"

    return Installation(env | {"PCIOPS_DATABASE_URL": f"sqlite:///{ours}"}, back_up)


def on_mariadb(mariadb: MariaDB, env: dict[str, str]) -> Installation:
    options = ["--no-defaults", f"--socket={mariadb.socket}", "--user=root"]

    def back_up() -> Callable[[], str]:
        dump = program("mariadb-dump", package="mariadb-client")
        backup = output([dump, *options, "--single-transaction", "up"])

        def restore() -> str:
            url = mariadb.create_database("restored", password="")
            client = program("mariadb", package="mariadb-client")
            subprocess.run([client, *options, "restored"], input=backup, check=True)
            return url

        return restore

    url = mariadb.create_database("up", password="")
    return Installation(env | {"PCIOPS_DATABASE_URL": url}, back_up)


def on_postgresql(server: PostgreSQL, env: dict[str, str]) -> Installation:
    server.execute("CREATE ROLE up LOGIN")
    server.execute("CREATE DATABASE up OWNER up")

    def back_up() -> Callable[[], str]:
        backup = output(["pg_dump", server.url("up", user="up")])

        def restore() -> str:
            server.execute("CREATE DATABASE restored OWNER up")
            url = server.url("restored", user="up")
            psql = ["psql", "--quiet", "--set=ON_ERROR_STOP=1", url]
            subprocess.run(psql, input=backup, stdout=subprocess.DEVNULL, check=True)
            return url

        return restore

    return Installation(env | {"PCIOPS_DATABASE_URL": server.url("up", user="up")}, back_up)


def output(command: list[str]) -> bytes:
    """Return what a program writes."""
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def run(env: dict[str, str], code: str) -> Result:
    """Run Python in the environment."""
    done = manage(env, "shell", "-v0", "-c", code)
    assert done.code == 0, done.stderr
    return done


def test_an_upgrade_keeps_rows_and_proof_and_breaks_only_what_is_known(
    installation: Installation,
) -> None:
    *lines, proof, broken = run(installation.env, USE_BOTH).stdout.splitlines()
    rows = dict(line.split() for line in lines)

    kept = ("accounts.Census", "actions.Exemption", "audit.Event", "notices.Notice")
    assert [rows[name] for name in (*kept, "events.Storm", "signin.Operator")] == ["3"] * 6
    assert "3 rows" in proof
    assert set(json.loads(broken)) == BROKEN_FOR_RELEASE


def test_a_restored_backup_is_proven_and_what_it_lacks_is_named(
    installation: Installation, tmp_path: Path
) -> None:
    env, kept = installation.env, tmp_path / "var"
    shutil.copytree(env["PCIOPS_VAR"], kept)
    restore = installation.back_up()
    run(env, GO_ON)

    restored = env | {"PCIOPS_DATABASE_URL": restore()}
    whole = run(restored | {"PCIOPS_VAR": str(kept)}, RESTORED)
    lacking = manage(restored, "verify_audit")  # knows of the later anchor

    assert "refused:" in whole.stdout
    assert "append-only" in whole.stdout  # the triggers work, though another login made them
    assert "3 rows" in whole.stdout
    assert lacking.code == 1
    assert "anchor" in lacking.stderr
