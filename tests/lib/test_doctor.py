"""Tests of the doctor: its registry, its command, and the checks of pciops itself."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils.module_loading import autodiscover_modules
from pytest_django import Settings

from pciops.accounts import doctor as accounts
from pciops.accounts.models import Census
from pciops.celery import app
from pciops.lib import doctor
from pciops.lib.doctor import CheckResult, ok, problem, warning
from pciops.lib.galera import Node
from tests.factories import NOW
from tests.fake_keystone import FakeKeystone
from tests.fake_keystone import fake_keystone as fake_keystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def _no_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    autodiscover_modules("doctor")  # now, so that it does not fill the empty registry later
    monkeypatch.setattr(doctor, "_checks", {})


def register(name: str, *results: CheckResult, after: str = "") -> None:
    """Register a check with these results."""
    doctor.check(name, after=after)(lambda: results)


def results_of(check: Any) -> list[tuple[str, str]]:
    """Return level and sentence of each result."""
    return [(str(result.level), result.sentence) for result in check()]


# --- The registry -------------------------------------------------------------------------------
@pytest.mark.usefixtures("_no_checks")
def test_results_are_in_the_order_of_registration() -> None:
    register("one", ok("Fine."), warning("Old.", "Renew it."))
    register("two", problem("Gone.", "Find it."))

    assert [(result.check, result.level) for result in doctor.run()] == [
        ("one", "ok"),
        ("one", "warning"),
        ("two", "problem"),
    ]


@pytest.mark.usefixtures("_no_checks")
@pytest.mark.parametrize(
    ("result", "checks"),
    [
        (problem("Gone.", "Find it."), ["database", "files"]),
        (warning("Slow.", "Wait."), ["database", "tables", "rows", "files"]),
    ],
    ids=["problem", "warning"],
)
def test_checks_after_a_problem_are_skipped(result: CheckResult, checks: list[str]) -> None:
    register("database", result)
    register("tables", ok("Fine."), after="database")
    register("rows", ok("Fine."), after="tables")
    register("files", ok("Fine."))

    assert [result.check for result in doctor.run()] == checks


@pytest.mark.usefixtures("_no_checks")
def test_check_of_the_command_does_not_run_on_pages() -> None:
    doctor.check("credentials", by_command=True)(lambda: [ok("Fine.")])
    register("files", ok("Fine."))

    assert [result.check for result in doctor.run()] == ["files"]
    assert [result.check for result in doctor.run(by_command=True)] == ["credentials", "files"]


@pytest.mark.usefixtures("_no_checks")
def test_check_that_raises_is_a_problem_and_others_still_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> Iterator[CheckResult]:
        yield ok("Fine so far.")
        raise ZeroDivisionError("secret")

    doctor.check("broken")(broken)
    register("files", ok("Fine."))
    first, second = doctor.run()

    assert (first.level, first.sentence) == ("problem", "The check failed: ZeroDivisionError.")
    assert second.check == "files"
    assert "the check 'broken' failed" in caplog.text


@pytest.mark.usefixtures("_no_checks")
def test_checks_of_a_page_that_begin_too_late_are_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "BEFORE", -1)
    register("files", ok("Fine."))

    assert [(result.check, result.level) for result in doctor.run()] == [("files", "warning")]
    assert [result.level for result in doctor.run(by_command=True)] == ["ok"]


@pytest.mark.parametrize(
    ("results", "worst", "summary"),
    [
        ([], "ok", "0 OK"),
        ([ok("")], "ok", "1 OK"),
        ([ok(""), warning("", "")], "warning", "1 warning, 1 OK"),
        ([problem("", ""), warning("", ""), problem("", "")], "problem", "2 problems, 1 warning"),
    ],
)
def test_summary_has_the_number_of_each_level(
    results: list[CheckResult], worst: str, summary: str
) -> None:
    assert doctor.worst(results) == worst
    assert doctor.summary(results).startswith(summary)


# --- The command --------------------------------------------------------------------------------
def command(*words: str) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("doctor", *words, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.mark.usefixtures("_no_checks")
def test_command_prints_the_remedy_below_each_result() -> None:
    register("files", ok("Fine."))
    register("clock", warning("Late.", "Set it."))

    assert command() == (
        0,
        "ok       files  Fine.\nwarning  clock  Late.\n                → Set it.\n",
        "1 warning, 1 OK\n",
    )


@pytest.mark.usefixtures("_no_checks")
def test_problem_is_exit_code_one() -> None:
    register("files", problem("\x1b[2J", "Find them."))
    code, output, _ = command()

    assert code == 1
    assert "\x1b" not in output


@pytest.mark.usefixtures("_no_checks")
def test_command_writes_json() -> None:
    register("clock", warning("Late.", "Set it."))
    [row] = json.loads(command("--format", "json")[1])["findings"]

    assert row == {"check": "clock", "level": "warning", "finding": "Late.", "remedy": "Set it."}


def test_every_package_registers_its_checks(fake_keystone: FakeKeystone) -> None:
    names = {result.check for result in doctor.run()}

    assert names >= {"settings", "database", "database server", "broker", "secret key"}
    assert names >= {"Keystone's database", "Keystone's tables", "unlocking", "grants"}
    assert names >= {"Keystone's API", "the database's clock", "policy", "census"}


# --- pciops itself ------------------------------------------------------------------------------
def test_migrated_database_is_in_order() -> None:
    assert results_of(doctor.database)[0][0] == "ok"


def test_missing_migration_is_a_problem() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'audit' AND name >= '0003'")
    [(level, sentence)] = results_of(doctor.database)

    assert level == "problem"
    assert "audit.0003" in sentence


def test_database_outage_is_a_problem() -> None:
    def refuse(*_: Any) -> None:
        raise OperationalError(2002, "Can't connect to server on 'db.example'")

    with connection.execute_wrapper(refuse):
        [(level, sentence)] = results_of(doctor.database)

    assert level == "problem"
    assert "Can't connect to server" in sentence


@pytest.mark.parametrize(
    ("read_only", "node", "level", "words"),
    [
        (False, None, "ok", "It accepts writes."),
        (True, None, "problem", "read-only"),
        (False, Node(name="db1", state="Synced", nodes=3), "ok", "db1 is Synced and sees 3 nodes"),
        (False, Node(name="db1", state="Synced", nodes=2), "warning", "sees 2 nodes"),
        (False, Node(name="db1", state="Donor/Desynced", nodes=3), "warning", "may be out of date"),
    ],
)
def test_database_server_has_to_take_writes_and_to_have_the_other_nodes(
    monkeypatch: pytest.MonkeyPatch, read_only: bool, node: Node | None, level: str, words: str
) -> None:
    monkeypatch.setattr(doctor, "_is_read_only", lambda: read_only)
    monkeypatch.setattr("pciops.lib.galera.node", lambda connection: node)
    [(found, sentence)] = results_of(doctor.database_server)

    assert found == level
    assert words in sentence


@pytest.mark.parametrize(("folder", "level"), [("none", "problem"), ("", "ok")])
def test_messages_in_files_require_a_writable_folder(
    settings: Settings, tmp_path: Path, folder: str, level: str
) -> None:
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_out": str(tmp_path / folder)}

    assert results_of(doctor.broker)[0][0] == level


def test_broker_outage_is_a_problem_without_the_password(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CELERY_BROKER_URL = "amqp://pciops:s3cret@127.0.0.1:9/pciops"
    monkeypatch.setitem(app.conf, "broker_url", settings.CELERY_BROKER_URL)
    monkeypatch.setitem(app.conf, "broker_transport_options", {})
    [(level, sentence)] = results_of(doctor.broker)

    assert level == "problem"
    assert "s3cret" not in sentence


def test_each_node_of_the_broker_is_checked_and_one_must_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CELERY_BROKER_URL = ";".join(f"amqp://p:s3cret@127.0.0.1:{port}//" for port in (9, 7))
    monkeypatch.setitem(app.conf, "broker_transport_options", {})
    found = results_of(doctor.broker)

    assert [level for level, _ in found] == ["warning", "warning", "problem"]
    assert ":9//" in found[0][1]
    assert ":7//" in found[1][1]


def test_static_files_have_to_be_collected(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    }
    [(level, sentence)] = results_of(doctor.static_files)
    assert (level, "not collected" in sentence) == ("problem", True)
    call_command("collectstatic", "--noinput", verbosity=0)

    assert results_of(doctor.static_files)[0][0] == "ok"


@pytest.mark.parametrize(("mode", "level"), [(0o600, "ok"), (0o400, "ok"), (0o640, "warning")])
def test_file_of_the_secret_key_is_only_for_its_owner(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int, level: str
) -> None:
    path = tmp_path / "secret"
    path.write_text("of the tests")
    path.chmod(mode)
    monkeypatch.setenv("PCIOPS_SECRET_KEY_FILE", str(path))
    monkeypatch.delenv("PCIOPS_SECRET_KEY", raising=False)

    assert results_of(doctor.secret_key)[0][0] == level


def test_secret_key_of_systemd_is_in_order_whatever_mode_its_file_shows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "PCIOPS_SECRET_KEY").write_text("of the tests")
    (tmp_path / "PCIOPS_SECRET_KEY").chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    for name in ("PCIOPS_SECRET_KEY", "PCIOPS_SECRET_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)

    assert results_of(doctor.secret_key) == [("ok", "It is a systemd credential.")]


def test_secret_key_in_the_environment_is_a_warning_without_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PCIOPS_SECRET_KEY_FILE", raising=False)
    monkeypatch.setenv("PCIOPS_SECRET_KEY", "0123456789" * 5)
    [(level, sentence)] = results_of(doctor.secret_key)

    assert level == "warning"
    assert "0123456789" not in sentence


def test_failed_system_checks_are_warnings(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.X_FRAME_OPTIONS = "SAMEORIGIN"
    monkeypatch.setenv("PCIOPS_CLOUD_NAM", "x")
    text = str([sentence for level, sentence in results_of(doctor.configuration)])

    assert "security.W019" in text
    assert "PCIOPS_CLOUD_NAM is" in text


def test_plain_http_is_a_single_warning(settings: Settings) -> None:
    settings.HTTPS = False
    settings.OS_AUTH_URL = "https://keystone.example:5000/v3"
    [(level, sentence)] = results_of(doctor.configuration)

    assert level == "warning"
    assert "plain HTTP" in sentence


# --- Census and policy --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("age", "level"),
    [(None, "warning"), (timedelta(minutes=4), "ok"), (timedelta(hours=3), "warning")],
)
def test_missing_or_old_census_is_a_warning(age: timedelta | None, level: str) -> None:
    if age is not None:
        Census.objects.create(counted_at=NOW - age, milliseconds=1)
    with time_machine.travel(NOW, tick=False):
        assert results_of(accounts.census)[0][0] == level


def test_files_that_differ_are_a_warning_with_the_option(
    settings: Settings, tmp_path: Path
) -> None:
    for name, attempts in (("a", 3), ("b", 6)):
        lines = f"[security_compliance]\nlockout_failure_attempts = {attempts}\n"
        (tmp_path / f"{name}.conf").write_text(lines)
    settings.KEYSTONE_CONF = [str(tmp_path / "a.conf"), str(tmp_path / "b.conf")]
    settings.POLICY_OVERRIDES = {}
    [(level, sentence)] = results_of(accounts.policy)

    assert level == "warning"
    assert sentence.startswith("lockout_failure_attempts differs between the files: 3 in ")


def test_policy_has_to_be_readable(settings: Settings) -> None:
    assert results_of(accounts.policy)[0][0] == "ok"
    settings.KEYSTONE_CONF = ["/no/such/keystone.conf"]

    assert results_of(accounts.policy)[0][0] == "problem"


# --- Files --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("folder", "file", "levels"),
    [
        (0o700, 0o600, ["ok"]),
        (0o755, 0o600, ["problem"]),
        (0o700, 0o644, ["problem"]),
        (0o750, 0o660, ["problem", "problem"]),
    ],
)
def test_files_that_other_users_can_read_are_a_problem(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folder: int,
    file: int,
    levels: list[str],
) -> None:
    settings.VAR = tmp_path / "var"
    settings.VAR.mkdir()
    database = settings.VAR / "pciops.sqlite3"
    database.touch()
    database.chmod(file)
    settings.VAR.chmod(folder)
    monkeypatch.setitem(connection.settings_dict, "NAME", str(database))

    assert [level for level, _ in results_of(doctor.files)] == levels
