"""The doctor's checks of what proves the audit log: keys, anchors, and the copy at syslog."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from pciops.audit import anchors, chain, doctor, evidence
from pciops.audit.apps import GUARDS
from pciops.audit.models import SyslogCursor
from pciops.lib import triggers
from tests.audit.helpers import chained, record

pytestmark = pytest.mark.django_db


def ago(hours: float) -> datetime:
    return timezone.now() - timedelta(hours=hours)


# --- Triggers -----------------------------------------------------------------------------------
def test_the_database_refuses_changes_of_the_audit_log() -> None:
    assert [result.level for result in doctor.evidence_triggers()] == ["ok"]


def test_a_dropped_trigger_is_a_problem_that_names_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_event_no_update")
    [result] = doctor.evidence_triggers()

    assert result.level == "problem"
    assert "audit_event_no_update" in result.sentence


def test_triggers_that_were_never_made_are_a_warning() -> None:
    triggers.remove(GUARDS)

    assert [result.level for result in doctor.evidence_triggers()] == ["warning"]


# --- Evidence key -------------------------------------------------------------------------------
def test_rows_of_this_machine_are_sealed_with_a_known_key() -> None:
    chained(2)
    [result] = doctor.evidence_key()

    assert result.level == "ok"
    assert "2 rows" in result.sentence


def test_without_rows_nothing_is_said_about_keys() -> None:
    [result] = doctor.evidence_key()

    assert result.level == "ok"
    assert "No row" in result.sentence


def test_key_that_cannot_be_read_is_a_problem(settings: Settings, tmp_path: Path) -> None:
    settings.EVIDENCE_KEY_FILE = str(tmp_path / "broken")
    (tmp_path / "broken").write_text("no key", encoding="utf-8")
    [result] = doctor.evidence_key()

    assert result.level == "problem"
    assert str(tmp_path / "broken") in result.sentence


def test_row_of_a_machine_with_another_key_is_named(settings: Settings, tmp_path: Path) -> None:
    own = tmp_path / "own"
    settings.EVIDENCE_KEY_FILE = str(tmp_path / "other")
    record(now=timezone.now())
    other = evidence.public_file().read_text(encoding="utf-8")
    settings.EVIDENCE_KEY_FILE = str(own)
    [result] = doctor.evidence_key()

    assert result.level == "problem"
    assert "Row 1" in result.sentence
    assert "PCIOPS_EVIDENCE_KEY_FILE" in result.remedy

    with evidence.public_file().open("a", encoding="utf-8") as file:
        file.write(other)

    assert [result.level for result in doctor.evidence_key()] == ["ok"]


# --- Anchors ------------------------------------------------------------------------------------
def test_an_empty_audit_log_needs_no_anchor() -> None:
    assert [result.level for result in doctor.last_anchor()] == ["ok"]


@pytest.mark.parametrize(("hours", "level"), [(1.5, "ok"), (3.0, "warning")])
def test_anchor_is_made_every_hour(hours: float, level: str) -> None:
    with time_machine.travel(ago(hours), tick=False):
        record(now=timezone.now())
        assert anchors.make(chain.verify(), timezone.now())

    assert [result.level for result in doctor.last_anchor()] == [level]


@pytest.mark.parametrize(("hours", "level"), [(1.5, "ok"), (3.0, "warning")])
def test_rows_do_not_stay_without_an_anchor(hours: float, level: str) -> None:
    chained(1, start=ago(hours))

    assert [result.level for result in doctor.last_anchor()] == [level]


# --- Syslog -------------------------------------------------------------------------------------
def test_without_a_receiver_nothing_is_said_about_syslog() -> None:
    chained(1)

    assert list(doctor.syslog_copy()) == []


@pytest.mark.parametrize("sent", [None, 3])
def test_no_row_waits_for_a_new_receiver_or_one_that_has_all(
    settings: Settings, sent: int | None
) -> None:
    chained(3, start=ago(1), step=timedelta(0))
    if sent is not None:
        SyslogCursor.objects.update_or_create(pk=1, defaults={"position": sent})
    settings.SYSLOG_URL = "udp://127.0.0.1:9"

    assert [result.level for result in doctor.syslog_copy()] == ["ok"]


@pytest.mark.parametrize(("minutes", "level"), [(5, "ok"), (15, "warning")])
def test_rows_that_syslog_does_not_take_are_counted(
    settings: Settings, minutes: int, level: str
) -> None:
    SyslogCursor.objects.update_or_create(pk=1, defaults={"position": 1})
    chained(3, start=ago(minutes / 60), step=timedelta(0))
    settings.SYSLOG_URL = "udp://127.0.0.1:9"
    [result] = doctor.syslog_copy()

    assert result.level == level
    assert "2 rows" in result.sentence
