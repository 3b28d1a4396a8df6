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
from tests.reports.scenes import counted

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("data"),
]


@pytest.fixture
def data() -> None:
    counted(NOW - timedelta(days=20))


def report(*words: str) -> str:
    """What the command says on standard error."""
    said = StringIO()
    with time_machine.travel(NOW, tick=False):
        call_command("report", *words, stderr=said, stdout=said)
    return said.getvalue()


def test_the_last_week_is_built_kept_and_written(tmp_path: Path) -> None:
    make_user("ann")
    said = report("--format", "json", "--output", str(tmp_path / "r.json"))
    stored = StoredReport.objects.get()

    assert said.startswith("Built and kept: report 2026-W46, revision 1, SHA-256 ")
    assert json.loads((tmp_path / "r.json").read_text())["sha256"] == stored.hash


def test_the_second_time_it_is_the_one_that_is_kept(tmp_path: Path) -> None:
    report("--output", str(tmp_path / "a"))

    assert report("--output", str(tmp_path / "b")).startswith("Kept before: ")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert StoredReport.objects.count() == 1


def test_again_makes_a_revision(tmp_path: Path) -> None:
    report("--output", str(tmp_path / "a"))
    said = report("--again", "--output", str(tmp_path / "b"))

    assert "revision 2" in said
    assert StoredReport.objects.count() == 2


def test_who_built_it_is_in_the_trail(tmp_path: Path) -> None:
    report("--output", str(tmp_path / "a"))

    assert Event.objects.get().initiator_name == pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize(("form", "begins"), [("pdf", b"%PDF-"), ("csv", b"PK"), ("html", b"<!")])
def test_each_form_can_be_written(form: str, begins: bytes, tmp_path: Path) -> None:
    report("--format", form, "--output", str(tmp_path / "r"))

    assert (tmp_path / "r").read_bytes().startswith(begins)


@pytest.mark.parametrize("form", ["pdf", "csv", "json", "html"])
def test_the_current_week_is_a_preview_and_not_kept(form: str, tmp_path: Path) -> None:
    said = report("--week", "2026-W47", "--format", form, "--output", str(tmp_path / "r"))

    assert said == "Preview of 2026-W47: the week is not over, and nothing is kept.\n"
    assert not StoredReport.objects.exists()
    assert (tmp_path / "r").stat().st_size > 500


@pytest.mark.parametrize("words", ["2026-W48", "nonsense", "2019-W01"])
def test_a_week_that_makes_no_sense_is_wrong_usage(words: str) -> None:
    with pytest.raises(CommandError, match="from 2026-W45 to 2026-W47") as raised:
        report("--week", words)

    assert raised.value.returncode == 2


def test_a_domain_that_there_is_not_is_wrong_usage() -> None:
    with pytest.raises(CommandError, match="no domain 'nowhere'") as raised:
        report("--domain", "nowhere")

    assert raised.value.returncode == 2


def test_keystones_database_away_keeps_nothing() -> None:
    def refuse(*_: object) -> None:
        raise KeystoneDatabaseDownError("gone")

    with (
        connections["keystone"].execute_wrapper(refuse),
        pytest.raises(CommandError, match="Nothing is kept") as raised,
    ):
        report()

    assert raised.value.returncode == 1
    assert not StoredReport.objects.exists()


def test_verify_says_that_all_fit(tmp_path: Path) -> None:
    report("--output", str(tmp_path / "a"))

    assert report("--verify") == "1 report, and all fit\n"


def test_verify_names_what_does_not_fit(tmp_path: Path) -> None:
    report("--output", str(tmp_path / "a"))
    forge("UPDATE reports_storedreport SET hash = %s", "0" * 64)

    with pytest.raises(CommandError, match="2026-W46, revision 1: content changed") as raised:
        report("--verify")
    assert raised.value.returncode == 1


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file or directory"):
        report("--output", str(tmp_path / "nowhere" / "r"))
