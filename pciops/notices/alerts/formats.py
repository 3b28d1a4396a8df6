"""Bodies of webhook calls as other receivers take them, made from the body of pciops.

They are made when a call is sent, so that the key of PagerDuty is not stored.

- alertmanager: POST /api/v2/alerts of Prometheus' Alertmanager (its api/v2/openapi.yaml).
- pagerduty: Events API v2, POST https://events.pagerduty.com/v2/enqueue.
- slack: incoming webhooks of Slack, and of Mattermost and others that take the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings

from pciops.lib import times
from pciops.notices.alerts.message import AlertStatus

# An Alertmanager resolves an alert by itself at its `endsAt`; pciops sends one well before.
LONGEST: Final = timedelta(days=30)
OF_EVENT: Final = timedelta(hours=1)
LONGEST_SUMMARY: Final = 1024  # characters that PagerDuty takes
LONGEST_TEXT: Final = 3000  # characters that Slack shows without cutting

Body = Mapping[str, Any]


def encode(text: str) -> bytes:
    """Return the stored body of a call as the receiver of the settings takes it."""
    body = json.loads(text)
    return json.dumps(FORMATS[settings.ALERT_FORMAT](body), ensure_ascii=False).encode()


def _pciops(body: Body) -> Body:
    return body


def _alertmanager(body: Body) -> list[dict[str, Any]]:
    """Return one alert; its labels identify it, so they are the same when it ends."""
    began = times.parse(body["began_at"])
    alert = {
        "labels": {
            "alertname": body["type"],
            "service": "pciops",
            "cloud": body["cloud"],
            "severity": body["severity"],
            "alert_id": body["id"],
        },
        "annotations": {"summary": body["summary"], "description": body["description"]},
        "startsAt": body["began_at"],
        "endsAt": body["ended_at"] or times.iso(_end(body, began)),
    }
    return [{**alert, "generatorURL": body["url"]} if body["url"] else alert]


def _end(body: Body, began: datetime | None) -> datetime | None:
    """Return when an alert is over unless its end is told earlier."""
    if began is None:
        return None
    return times.later(began, OF_EVENT if body["status"] == AlertStatus.EVENT else LONGEST)


def _pagerduty(body: Body) -> dict[str, Any]:
    event: dict[str, Any] = {
        "routing_key": settings.ALERT_PAGERDUTY_KEY,
        "event_action": "resolve" if body["status"] == AlertStatus.RESOLVED else "trigger",
        "dedup_key": f"pciops {body['id']}",
        "payload": {
            "summary": body["summary"][:LONGEST_SUMMARY],
            "source": body["cloud"],
            "severity": body["severity"],
            "timestamp": body["began_at"],
            "component": "keystone",
            "class": body["type"],
            "custom_details": {"description": body["description"]},
        },
        "client": "pciops",
    }
    if body["url"]:
        event["client_url"] = body["url"]
        event["links"] = [{"href": body["url"], "text": "Open in pciops"}]
    return event


def _slack(body: Body) -> dict[str, Any]:
    """Return a message whose text is a block of code, in which nothing is a link or a mention."""
    resolved = "Resolved: " if body["status"] == AlertStatus.RESOLVED else ""
    text = f"{resolved}{body['summary']}\n{body['cloud']}\n\n{body['description']}"
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]}…"
    text = f"```\n{_escaped(text)}\n```"
    if body["url"]:
        text += f"\n<{_escaped(body['url'])}|Open in pciops>"
    return {"text": text}


def _escaped(text: str) -> str:
    """Escape what Slack takes for markup, and what would end the block of code."""
    for sign, escape in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("`", "'")):
        text = text.replace(sign, escape)
    return text


FORMATS: Final[Mapping[str, Callable[[Body], Any]]] = {
    "pciops": _pciops,
    "alertmanager": _alertmanager,
    "pagerduty": _pagerduty,
    "slack": _slack,
}
