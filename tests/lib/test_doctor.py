"""The doctor: how checks are made, and those of what pciops itself stands on."""

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
from tests.factories import NOW
from tests.fake_keystone import FakeKeystone
from tests.fake_keystone import fake_keystone as fake_keystone

OURS = pytest.mark.django_db
BOTH = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def _no_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry as it would be without any package."""
    autodiscover_modules("doctor")  # now, not at the first look: it would fill the empty registry
    monkeypatch.setattr(doctor, "_checks", {})


def say(name: str, *findings: CheckResult, after: str = "") -> None:
    """Register a check that finds this."""
    doctor.check(name, after=after)(lambda: findings)


def found(check: Any) -> list[tuple[str, str]]:
    """Level and sentence of what a check finds."""
    return [(str(finding.level), finding.sentence) for finding in check()]


# --- The registry -------------------------------------------------------------------------------
@pytest.mark.usefixtures("_no_checks")
def test_findings_come_in_the_order_of_the_checks() -> None:
    say("one", ok("Fine."), warning("Old.", "Renew it."))
    say("two", problem("Gone.", "Find it."))

    assert [(it.check, it.level) for it in doctor.run()] == [
        ("one", "ok"),
        ("one", "warning"),
        ("two", "problem"),
    ]


@pytest.mark.usefixtures("_no_checks")
def test_what_stands_on_a_problem_is_not_tried() -> None:
    say("database", problem("Gone.", "Find it."))
    say("tables", ok("Fine."), after="database")
    say("rows", ok("Fine."), after="tables")
    say("files", ok("Fine."))

    assert [it.check for it in doctor.run()] == ["database", "files"]


@pytest.mark.usefixtures("_no_checks")
def test_what_stands_on_a_warning_is_tried() -> None:
    say("database", warning("Slow.", "Wait."))
    say("tables", ok("Fine."), after="database")

    assert [it.check for it in doctor.run()] == ["database", "tables"]


@pytest.mark.usefixtures("_no_checks")
def test_what_is_about_whoever_runs_the_command_is_tried_by_the_command_alone() -> None:
    doctor.check("credentials", by_command=True)(lambda: [ok("Fine.")])
    say("files", ok("Fine."))

    assert [it.check for it in doctor.run()] == ["files"]
    assert [it.check for it in doctor.run(by_command=True)] == ["credentials", "files"]


@pytest.mark.usefixtures("_no_checks")
def test_a_check_that_fails_is_a_problem_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> Iterator[CheckResult]:
        yield ok("Fine so far.")
        raise ZeroDivisionError("secret")

    doctor.check("broken")(broken)
    say("files", ok("Fine."))
    first, second = doctor.run()

    assert (first.level, first.sentence) == ("problem", "The check failed: ZeroDivisionError.")
    assert second.check == "files"
    assert "the check 'broken' failed" in caplog.text


@pytest.mark.parametrize(
    ("findings", "worst", "summary"),
    [
        ([], "ok", "0 in order"),
        ([ok("")], "ok", "1 in order"),
        ([ok(""), warning("", "")], "warning", "1 warning, 1 in order"),
        ([problem("", ""), warning("", ""), problem("", "")], "problem", "2 problems, 1 warning"),
    ],
)
def test_findings_come_down_to_the_worst(
    findings: list[CheckResult], worst: str, summary: str
) -> None:
    assert doctor.worst(findings) == worst
    assert doctor.summary(findings).startswith(summary)


# --- The command --------------------------------------------------------------------------------
def command(*words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("doctor", *words, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.mark.usefixtures("_no_checks")
def test_the_command_says_what_to_do_below_each_finding() -> None:
    say("files", ok("Fine."))
    say("clock", warning("Late.", "Set it."))

    assert command() == (
        0,
        "ok       files  Fine.\nwarning  clock  Late.\n                → Set it.\n",
        "1 warning, 1 in order\n",
    )


@pytest.mark.usefixtures("_no_checks")
def test_a_problem_is_exit_code_one() -> None:
    say("files", problem("Gone.", "Find them."))

    assert command()[0] == 1


@pytest.mark.usefixtures("_no_checks")
def test_the_command_writes_json() -> None:
    say("clock", warning("Late.", "Set it."))
    [row] = json.loads(command("--format", "json")[1])["findings"]

    assert row == {"check": "clock", "level": "warning", "finding": "Late.", "remedy": "Set it."}


@pytest.mark.usefixtures("_no_checks")
def test_no_finding_steers_the_terminal() -> None:
    say("files", ok("\x1b[2J"))

    assert "\x1b" not in command()[1]


@BOTH
def test_every_package_brings_its_checks(fake_keystone: FakeKeystone) -> None:
    names = {finding.check for finding in doctor.run()}

    assert names >= {"settings", "database", "broker", "static files", "secret key"}
    assert names >= {"Keystone's database", "Keystone's tables", "unlocking", "grants"}
    assert names >= {"Keystone's API", "the database's clock", "policy", "census"}


# --- What pciops itself stands on ---------------------------------------------------------------
@OURS
def test_our_database_is_in_order() -> None:
    assert found(doctor.database)[0][0] == "ok"


@OURS
def test_a_migration_that_has_not_been_run_is_a_problem() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'audit' AND name >= '0003'")
    [(level, sentence)] = found(doctor.database)

    assert level == "problem"
    assert "audit.0003" in sentence


@OURS
def test_our_database_that_is_away_is_a_problem() -> None:
    def refuse(*_: Any) -> None:
        raise OperationalError(2002, "Can't connect to server on 'db.example'")

    with connection.execute_wrapper(refuse):
        [(level, sentence)] = found(doctor.database)

    assert level == "problem"
    assert "Can't connect to server" in sentence


def test_messages_in_files_need_a_folder_that_can_be_written_to(
    settings: Settings, tmp_path: Path
) -> None:
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_out": str(tmp_path / "none")}

    assert found(doctor.broker)[0][0] == "problem"


def test_messages_in_files_are_in_order(settings: Settings, tmp_path: Path) -> None:
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_out": str(tmp_path)}

    assert found(doctor.broker) == [("ok", "Messages are files: enough for one machine.")]


def test_a_broker_that_is_away_is_a_problem_and_its_password_no_part_of_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CELERY_BROKER_URL = "amqp://pciops:s3cret@127.0.0.1:9/pciops"
    monkeypatch.setitem(app.conf, "broker_url", settings.CELERY_BROKER_URL)
    monkeypatch.setitem(app.conf, "broker_transport_options", {})
    [(level, sentence)] = found(doctor.broker)

    assert level == "problem"
    assert "s3cret" not in sentence


def test_static_files_that_are_not_collected_are_a_problem(
    settings: Settings, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    }
    [(level, sentence)] = found(doctor.static_files)

    assert level == "problem"
    assert "are not collected" in sentence


def test_static_files_that_were_collected_are_in_order(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    }
    call_command("collectstatic", "--noinput", verbosity=0)

    assert found(doctor.static_files) == [("ok", "All of them are collected.")]


@pytest.mark.parametrize(("mode", "level"), [(0o600, "ok"), (0o400, "ok"), (0o640, "warning")])
def test_the_file_of_the_secret_key_is_for_its_owner_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int, level: str
) -> None:
    path = tmp_path / "secret"
    path.write_text("of the tests")
    path.chmod(mode)
    monkeypatch.setenv("PCIOPS_SECRET_KEY_FILE", str(path))
    monkeypatch.delenv("PCIOPS_SECRET_KEY", raising=False)

    assert found(doctor.secret_key)[0][0] == level


def test_a_secret_key_in_the_environment_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PCIOPS_SECRET_KEY_FILE", raising=False)
    monkeypatch.setenv("PCIOPS_SECRET_KEY", "0123456789" * 5)
    [(level, sentence)] = found(doctor.secret_key)

    assert level == "warning"
    assert "0123456789" not in sentence


def test_what_django_objects_to_is_a_finding(settings: Settings) -> None:
    settings.X_FRAME_OPTIONS = "SAMEORIGIN"

    assert any("security.W019" in sentence for _, sentence in found(doctor.configuration))


def test_plain_http_is_one_warning(settings: Settings) -> None:
    settings.HTTPS = False

    assert [sentence for level, sentence in found(doctor.configuration)] == [
        "Cookies and pages go over plain HTTP: who is on the way reads them."
    ]


def test_a_misspelt_variable_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_CLOUD_NAM", "x")

    assert any("PCIOPS_CLOUD_NAM is" in sentence for _, sentence in found(doctor.configuration))


# --- The census, the policy ---------------------------------------------------------------------
@OURS
@pytest.mark.parametrize(
    ("age", "level"),
    [(None, "warning"), (timedelta(minutes=4), "ok"), (timedelta(hours=3), "warning")],
)
def test_a_census_that_stopped_is_a_warning(age: timedelta | None, level: str) -> None:
    if age is not None:
        Census.objects.create(counted_at=NOW - age, milliseconds=1)
    with time_machine.travel(NOW, tick=False):
        assert found(accounts.census)[0][0] == level


def test_files_that_differ_are_a_warning_that_names_the_option(
    settings: Settings, tmp_path: Path
) -> None:
    for name, attempts in (("a", 3), ("b", 6)):
        lines = f"[security_compliance]\nlockout_failure_attempts = {attempts}\n"
        (tmp_path / f"{name}.conf").write_text(lines)
    settings.KEYSTONE_CONF = [str(tmp_path / "a.conf"), str(tmp_path / "b.conf")]
    settings.POLICY_OVERRIDES = {}
    [(level, sentence)] = found(accounts.policy)

    assert level == "warning"
    assert sentence.startswith("lockout_failure_attempts differs between the files: 3 in ")


def test_a_policy_that_cannot_be_read_is_a_problem(settings: Settings) -> None:
    settings.KEYSTONE_CONF = ["/no/such/keystone.conf"]

    assert found(accounts.policy)[0][0] == "problem"


def test_a_policy_without_differences_is_in_order() -> None:
    assert found(accounts.policy) == [("ok", "It can be read, and no two files differ.")]
