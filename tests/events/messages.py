"""Bodies of messages, recorded from a Keystone 30.0.0 and its RabbitMQ, or made after them."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.factories import NOW

RECORDED: Final[dict[str, list[str]]] = json.loads(
    (Path(__file__).parent / "recorded.json").read_text()
)
_numbers: Final = itertools.count(1)

# Accounts of the recording.
ADMIN: Final = "bd3f9d7e5bd14c38838aaf9567c0a28f"
DOE: Final = "a3c0b66673b743d9a261acfd4dab2f5d"


def recorded(name: str) -> str:
    """Return the last message of this act."""
    return RECORDED[name][-1]


def unwrapped(body: str) -> dict[str, Any]:
    """Return the notification of a message."""
    notification: dict[str, Any] = json.loads(json.loads(body)["oslo.message"])
    return notification


def wrapped(notification: Any) -> str:
    """Return a message with this notification."""
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(notification)})


def changed(name: str, path: str, value: Any) -> str:
    """Return a recorded message with another value at `payload.initiator.host`; None removes it."""
    notification = unwrapped(recorded(name))
    *steps, last = path.split(".")
    part = notification
    for step in steps:
        part = part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return wrapped(notification)


def sign_in(
    outcome: str = "failure",
    *,
    at: datetime = NOW,
    user_id: str = DOE,
    name: str = "j.doe",
    address: str = "10.2.3.4",
    agent: str = "keystoneauth1",
    partial_hash: str = "",
    event_id: str = "",
) -> str:
    """Return an attempt to sign in, each time a new event unless it has an id."""
    message = unwrapped(recorded("sign_in_user" if outcome == "success" else "wrong_password"))
    payload = message["payload"]
    payload["id"] = event_id or f"event-{next(_numbers)}"
    payload["eventTime"] = at.isoformat()
    payload["initiator"].update(
        user_id=user_id, username=name, name=name, host={"address": address, "agent": agent}
    )
    payload.pop("attachments", None)
    if partial_hash:
        payload["attachments"] = [{"name": "partial_password_hash", "content": partial_hash}]
    return wrapped(message)


def updated(
    user_id: str = DOE, *, doer_id: str = ADMIN, at: datetime = NOW, operation: str = "updated"
) -> str:
    """Return a change of an account."""
    message = unwrapped(recorded("user_updated"))
    message["event_type"] = f"identity.user.{operation}"
    payload = message["payload"]
    payload["id"] = f"event-{next(_numbers)}"
    payload["eventTime"] = at.isoformat()
    payload["resource_info"] = user_id
    payload["initiator"]["user_id"] = doer_id
    return wrapped(message)


def later(seconds: float) -> datetime:
    """Return the time so many seconds after `NOW`."""
    return NOW + timedelta(seconds=seconds)
