"""Bodies of webhook calls: the shape that each receiver documents, without markup of others."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from pciops.notices.alerts import formats
from pciops.notices.alerts.message import AlertStatus

KEY = "0123456789abcdef0123456789abcdef"
URL = "https://pciops.cloud.example/accounts/5f3c/"


def body(**changes: Any) -> dict[str, Any]:
    """Return a body as pciops stores it."""
    usual = {
        "type": "privileged_account_locked",
        "id": "9d1f",
        "status": "firing",
        "severity": "critical",
        "cloud": "OpenStack",
        "url": URL,
        "subject": "5f3c",
        "summary": "Service account locked: “nova” (“Default”)",
        "description": "Locked.",
        "began_at": "2026-11-29T14:02:11Z",
        "expected_end": "2026-11-29T14:32:11Z",
        "ended_at": None,
    }
    return {**usual, **changes}


def sent(settings: Settings, name: str, **changes: Any) -> Any:
    """Return what is sent in a format."""
    settings.ALERT_FORMAT = name
    settings.ALERT_PAGERDUTY_KEY = KEY
    return json.loads(formats.encode(json.dumps(body(**changes))))


def test_own_format_is_sent_as_it_is_stored(settings: Settings) -> None:
    assert sent(settings, "pciops") == body()


# --- Alertmanager: api/v2/openapi.yaml, postableAlert ---------------------------------------------
@pytest.mark.parametrize(
    ("changes", "ends_at"),
    [
        ({}, "2026-12-29T14:02:11Z"),
        ({"status": "resolved", "ended_at": "2026-11-29T14:20:00Z"}, "2026-11-29T14:20:00Z"),
        ({"status": "event"}, "2026-11-29T15:02:11Z"),
    ],
    ids=["firing", "resolved", "event"],
)
def test_alertmanager_gets_postable_alerts(
    settings: Settings, changes: dict[str, Any], ends_at: str
) -> None:
    [alert] = sent(settings, "alertmanager", **changes)

    assert alert.keys() == {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
    assert all(isinstance(value, str) for value in alert["labels"].values())
    assert all(isinstance(value, str) for value in alert["annotations"].values())
    assert alert["labels"]["alertname"] == "privileged_account_locked"
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-11-29T14:02:11Z", ends_at)
    assert datetime.fromisoformat(alert["startsAt"]) < datetime.fromisoformat(alert["endsAt"])
    assert alert["generatorURL"] == URL


def test_alertmanager_knows_the_end_of_an_alert_by_equal_labels(settings: Settings) -> None:
    [began] = sent(settings, "alertmanager")
    [ended] = sent(settings, "alertmanager", status="resolved", description="Unlocked by …")

    assert began["labels"] == ended["labels"]


# --- PagerDuty: Events API v2 ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "action"), [("firing", "trigger"), ("event", "trigger"), ("resolved", "resolve")]
)
def test_pagerduty_gets_events_of_version_2(settings: Settings, status: str, action: str) -> None:
    event = sent(settings, "pagerduty", status=status, summary="x" * 2000)
    payload = event["payload"]

    assert (event["routing_key"], event["event_action"]) == (KEY, action)
    assert event["dedup_key"] == "pciops 9d1f"
    assert len(payload["summary"]) == 1024
    assert payload["source"] == "OpenStack"
    assert payload["severity"] in {"critical", "error", "warning", "info"}
    assert datetime.fromisoformat(payload["timestamp"]).tzinfo is not None
    assert event["links"] == [{"href": URL, "text": "Open in pciops"}]
    assert payload["custom_details"] == {"description": "Locked."}


@pytest.mark.parametrize("name", ["alertmanager", "pagerduty", "slack"])
def test_without_an_address_of_the_site_there_is_no_link(settings: Settings, name: str) -> None:
    text = json.dumps(sent(settings, name, url=None))

    assert "http" not in text
    assert "null" not in text


# --- Slack ----------------------------------------------------------------------------------------
def test_slack_gets_text_in_a_block_of_code_and_one_link(settings: Settings) -> None:
    message = sent(settings, "slack")

    assert message == {
        "text": "```\nService account locked: “nova” (“Default”)\nOpenStack\n\nLocked.\n```\n"
        f"<{URL}|Open in pciops>"
    }


def test_slack_is_told_of_the_end(settings: Settings) -> None:
    assert sent(settings, "slack", status="resolved")["text"].startswith("```\nResolved: Service")


@given(name=st.text(st.sampled_from("<>&`|!@*_~[]()\nhere "), max_size=40))
def test_nothing_in_a_name_is_markup_for_slack(name: str) -> None:
    made = formats.FORMATS["slack"](body(summary=name, url=None, description=f"{name}\n"))
    text = made["text"].removeprefix("```").removesuffix("```")

    assert not set("<>`") & set(text)
    assert text.count("&") == text.count("&amp;") + text.count("&lt;") + text.count("&gt;")


def test_long_text_is_cut(settings: Settings) -> None:
    text = sent(settings, "slack", description="x" * 10_000)["text"]

    assert len(text) < 3200
    assert text.endswith("|Open in pciops>")


@pytest.mark.parametrize("name", formats.FORMATS)
def test_every_status_and_format_is_json(settings: Settings, name: str) -> None:
    for status in AlertStatus:
        assert sent(settings, name, status=status.value)
