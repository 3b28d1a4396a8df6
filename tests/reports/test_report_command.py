"""The report on the command line."""

from __future__ import annotations

import json
import os
import pwd
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connections

from pciops.audit.models import Event
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.reports.models import StoredReport
from tests.audit.helpers import forge
from tests.factories import NOW, make_user
from tests.reports.weekly import take_censuses

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("data"),
]


@pytest.fixture
def data() -> None:
    take_censuses(NOW - timedelta(days=20))


def report(*words: str) -> str:
    """Return what the command writes to standard error."""
    written = StringIO()
    with time_machine.travel(NOW, tick=False):
        call_command("report", *words, stderr=written, stdout=written)
    return written.getvalue()


def test_the_last_week_is_built_stored_and_written(tmp_path: Path) -> None:
    make_user("ann")
    outcome = report("--format", "json", "--output", str(tmp_path / "r.json"))
    stored = StoredReport.objects.get()

    assert outcome == f"Built and stored: report 2026-W46, revision 1, SHA-256 {stored.hash}\n"
    assert json.loads((tmp_path / "r.json").read_text())["sha256"] == stored.hash


def test_the_second_time_the_stored_report_is_written(tmp_path: Path) -> None:
    report("--output", str(tmp_path / "a"))

    assert report("--output", str(tmp_path / "b")).startswith("Stored before: ")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert StoredReport.objects.count() == 1


def test_again_makes_a_revision(tmp_path: Path) -> None:
    report("--output", str(tmp_path / "a"))

    assert "revision 2" in report("--again", "--output", str(tmp_path / "b"))
    assert StoredReport.objects.count() == 2


def test_the_user_who_built_it_is_in_the_audit_log(tmp_path: Path) -> None:
    report("--output", str(tmp_path / "a"))

    assert Event.objects.get().initiator_name == pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize(("form", "begins"), [("pdf", b"%PDF-"), ("csv", b"PK"), ("html", b"<!")])
def test_each_format_can_be_written(form: str, begins: bytes, tmp_path: Path) -> None:
    report("--format", form, "--output", str(tmp_path / "r"))

    assert (tmp_path / "r").read_bytes().startswith(begins)


@pytest.mark.parametrize("form", ["pdf", "csv", "json", "html"])
def test_the_current_week_is_a_preview_and_not_stored(form: str, tmp_path: Path) -> None:
    outcome = report("--week", "2026-W47", "--format", form, "--output", str(tmp_path / "r"))

    assert outcome.startswith("Preview of 2026-W47")
    assert not StoredReport.objects.exists()
    assert (tmp_path / "r").stat().st_size > 500


@pytest.mark.parametrize("words", ["2026-W48", "nonsense", "2019-W01"])
def test_a_week_without_a_report_is_wrong_usage(words: str) -> None:
    with pytest.raises(CommandError, match="from 2026-W45 to 2026-W47") as raised:
        report("--week", words)

    assert raised.value.returncode == 2


def test_an_unknown_domain_is_wrong_usage() -> None:
    with pytest.raises(CommandError, match="'nowhere'") as raised:
        report("--domain", "nowhere")

    assert raised.value.returncode == 2


def test_keystones_database_away_stores_nothing() -> None:
    def refuse(*_: object) -> None:
        raise KeystoneDatabaseDownError("gone")

    with (
        connections["keystone"].execute_wrapper(refuse),
        pytest.raises(CommandError, match="Nothing was stored") as raised,
    ):
        report()

    assert raised.value.returncode == 1
    assert not StoredReport.objects.exists()


def test_verify_counts_the_reports_that_pass(tmp_path: Path) -> None:
    report("--output", str(tmp_path / "a"))

    assert report("--verify").startswith("1 report")


def test_verify_names_the_report_that_fails(tmp_path: Path) -> None:
    report("--output", str(tmp_path / "a"))
    forge("UPDATE reports_storedreport SET hash = %s", "0" * 64)

    with pytest.raises(CommandError, match="2026-W46, revision 1") as raised:
        report("--verify")
    assert raised.value.returncode == 1


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file or directory"):
        report("--output", str(tmp_path / "nowhere" / "r"))
