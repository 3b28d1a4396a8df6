"""The doctor's checks of what proves the audit log: keys, anchors, and the copy at syslog."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from pciops.audit import anchors, chain, doctor, evidence
from pciops.audit.models import SyslogCursor
from pciops.lib.doctor import CheckResult
from tests.audit.helpers import chained, record

pytestmark = pytest.mark.django_db


def findings() -> list[CheckResult]:
    """Return what the check finds."""
    return list(doctor.evidence_is_kept())


def ago(hours: float) -> datetime:
    return timezone.now() - timedelta(hours=hours)


def test_anchored_rows_of_known_keys_are_right() -> None:
    chained(2, start=ago(0.1), step=timedelta(0))
    anchors.make(chain.verify(), timezone.now())

    assert [result.level for result in findings()] == ["ok"]


def test_an_empty_audit_log_needs_no_anchor() -> None:
    assert [result.level for result in findings()] == ["ok"]


def test_row_of_a_machine_with_another_key_is_named(settings: Settings, tmp_path: Path) -> None:
    own = tmp_path / "own"
    settings.EVIDENCE_KEY_FILE = str(tmp_path / "other")
    record(now=timezone.now())
    other = evidence.public_file().read_text(encoding="utf-8")
    settings.EVIDENCE_KEY_FILE = str(own)
    [result] = findings()

    assert result.level == "problem"
    assert "Row 1" in result.sentence
    assert "PCIOPS_EVIDENCE_KEY_FILE" in result.remedy

    with evidence.public_file().open("a", encoding="utf-8") as file:
        file.write(other)

    assert [result.level for result in findings()] == ["ok"]


@pytest.mark.parametrize(("hours", "level"), [(1.5, "ok"), (3.0, "warning")])
def test_anchor_is_made_every_hour(hours: float, level: str) -> None:
    with time_machine.travel(ago(hours), tick=False):
        record(now=timezone.now())
        assert anchors.make(chain.verify(), timezone.now())

    assert [result.level for result in findings()] == [level]


@pytest.mark.parametrize(("hours", "level"), [(1.5, "ok"), (3.0, "warning")])
def test_rows_do_not_stay_without_an_anchor(hours: float, level: str) -> None:
    chained(1, start=ago(hours))

    assert [result.level for result in findings()] == [level]


@pytest.mark.parametrize(("minutes", "levels"), [(5, ["ok"]), (15, ["warning"])])
def test_rows_that_syslog_does_not_take_are_counted(
    settings: Settings, minutes: int, levels: list[str]
) -> None:
    SyslogCursor.objects.update_or_create(pk=1, defaults={"position": 1})
    chained(3, start=ago(minutes / 60), step=timedelta(0))
    settings.SYSLOG_URL = "udp://127.0.0.1:9"
    results = findings()

    assert [result.level for result in results] == levels
    assert ("2 rows" in results[0].sentence) == (levels == ["warning"])
