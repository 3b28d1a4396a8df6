"""Alerts about what stands still: the audit log's integrity, the consumer, jobs, the schedule."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from pytest_django import Settings

from pciops.audit import chain
from pciops.audit.models import ChainCheck
from pciops.events import liveness
from pciops.events.intake.consumer import SessionRecorder
from pciops.events.models import ConsumerSession
from pciops.lib.models import JobRun
from pciops.notices.alerts import operation, run
from pciops.notices.models import Alert, WebhookCall
from tests.factories import NOW
from tests.notices.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MINUTE = timedelta(minutes=1)
OPS = "ops@cloud.example"


@pytest.fixture(autouse=True)
def _channels(settings: Settings) -> None:
    settings.MAIL_FROM = "pciops <pciops@cloud.example>"
    settings.ALERT_RECIPIENTS = (OPS,)
    settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:1/"


def messages() -> list[dict[str, Any]]:
    """Return the bodies of the calls, those of the begin first."""
    bodies = [json.loads(call.body) for call in WebhookCall.objects.all()]
    return sorted(bodies, key=lambda body: (body["status"], body["type"]))


def done(job: str, at: datetime) -> None:
    JobRun.objects.create(job=job, slot=at, done_at=at)


# --- The audit log --------------------------------------------------------------------------------
def test_failed_integrity_check_is_told_until_it_is_acknowledged() -> None:
    failed = ChainCheck.objects.create(
        checked_at=NOW, milliseconds=1, rows=7, position=6, problem="row 7 was changed"
    )
    for minute in range(2):
        run.raise_alerts(NOW + minute * MINUTE)
    [began] = messages()
    chain.acknowledge(until=failed.pk, by="olga", reason="INC-1", now=NOW)
    run.raise_alerts(NOW + 2 * MINUTE)
    _, ended = messages()

    assert (began["type"], began["severity"]) == ("integrity_check_failed", "critical")
    assert "row 7 was changed" in began["description"]
    assert (ended["id"], ended["status"]) == (began["id"], "resolved")
    assert "acknowledged" in ended["description"]


# --- The consumer ---------------------------------------------------------------------------------
def connect(*, until: datetime, error: str = "") -> None:
    ConsumerSession.objects.create(
        consumer="host:1", connected=True, since=until - MINUTE, until=until, error=error
    )


@pytest.mark.parametrize(("seconds", "number"), [(0, 0), (120, 0), (121, 1), (86400, 1)], ids=str)
def test_consumer_that_is_gone_for_two_minutes_is_told(seconds: int, number: int) -> None:
    connect(until=NOW - timedelta(seconds=seconds))
    run.raise_alerts(NOW)

    assert [body["type"] for body in messages()] == ["consumer_stopped"] * number


def test_consumer_that_never_ran_is_not_told() -> None:
    run.raise_alerts(NOW)

    assert messages() == []


def test_consumer_has_one_alert_until_it_is_connected_again() -> None:
    connect(until=NOW - timedelta(minutes=3))
    for minute in range(2):
        run.raise_alerts(NOW + minute * MINUTE)
    connect(until=NOW + 2 * MINUTE)
    run.raise_alerts(NOW + 2 * MINUTE)

    assert [body["status"] for body in messages()] == ["firing", "resolved"]


# --- Single jobs ----------------------------------------------------------------------------------
@pytest.mark.parametrize("job", operation.JOBS)
def test_overdue_job_is_told_by_name(job: str) -> None:
    _, patience = operation.JOBS[job]
    done(job, NOW - patience)
    run.raise_alerts(NOW)
    assert messages() == []

    run.raise_alerts(NOW + MINUTE)
    done(job, NOW + MINUTE)
    run.raise_alerts(NOW + 2 * MINUTE)
    began, ended = messages()

    assert (began["type"], began["job"]) == ("job_overdue", job)
    assert ended["status"] == "resolved"


def test_every_watched_job_exists() -> None:
    folder = Path(site.ROOT) / "pciops"
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*/tasks.py"))
    missing = [job for job in (*operation.JOBS, operation.ALERTS) if f'once("{job}"' not in source]

    assert missing == []


# --- The schedule, which the consumer watches -----------------------------------------------------
@pytest.fixture
def consumer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> SessionRecorder:
    """A connected consumer whose heartbeats come at the time of the test."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    recorder = SessionRecorder()
    recorder.connect(NOW)
    return recorder


@pytest.mark.parametrize(
    ("minutes", "number"), [(None, 0), (5, 0), (6, 1)], ids=["never ran", "runs", "stopped"]
)
def test_consumer_tells_that_no_job_runs(
    consumer: SessionRecorder, smtp_server: SmtpServer, minutes: int | None, number: int
) -> None:
    if minutes is not None:
        done(operation.ALERTS, NOW - minutes * MINUTE)
    for _ in range(2):
        consumer.beat(NOW)

    assert [body["type"] for body in messages()] == ["schedule_stopped"] * number
    assert smtp_server.recipients == [OPS] * number


def test_worker_that_looks_ends_the_alert_about_the_schedule(consumer: SessionRecorder) -> None:
    done(operation.ALERTS, NOW - timedelta(minutes=6))
    consumer.beat(NOW)
    run.raise_alerts(NOW + MINUTE)

    assert [body["status"] for body in messages()] == ["firing", "resolved"]
    assert not Alert.objects.filter(resolved_at=None).exists()


def test_failure_of_the_watch_does_not_stop_the_consumer(
    consumer: SessionRecorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pciops.notices.alerts.operation.schedule", lambda _: 1 / 0)
    consumer.beat(NOW)

    assert "ZeroDivisionError" in caplog.text
    assert liveness.liveness(NOW).connected
