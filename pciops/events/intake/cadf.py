"""Parses the body of a message: pure, and safe for any body.

Keystone sends CADF events in the envelope of oslo.messaging. Only this module decides which account
an event is about: the initiator of a sign-in, whose target is anonymous, and the resource or user
that any other event names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pciops.events.models import (
    MAX_ADDRESS,
    MAX_AGENT,
    MAX_DOMAIN_ID,
    MAX_DOMAIN_NAME,
    MAX_HASH,
    MAX_NAME,
    MAX_TEXT,
    MAX_USER_ID,
    Activity,
    Attempts,
    Outcome,
)

MAX_BYTES: Final = 256 * 1024  # of a body; Keystone's have about 2,000
EARLIEST, LATEST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

# Line breaks, marks of writing direction, NUL and other controls, and half surrogate pairs.
_HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_EVENT_TYPE = re.compile(r"[\w.: -]{1,255}", re.ASCII)  # one is "project tag"
_UNKNOWN: Final = "unknown"  # CADF's value for a missing id


@dataclass(frozen=True, kw_only=True, slots=True)
class SignIn:
    """An attempt to sign in."""

    event_id: str
    at: datetime
    outcome: Outcome
    reason: Attempts.Reason
    user_id: str  # "" for an unknown username
    name: str
    domain_id: str
    domain_name: str
    address: str
    agent: str
    partial_hash: str


Notification = SignIn | Activity


@dataclass(frozen=True, slots=True)
class Ignored:
    """A notification that is not about an account, but about a project, group or service."""

    event_type: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that cannot be parsed; there are only a few different reasons."""

    reason: str
    event_type: str = ""


class _UnreadableError(Exception):
    """The reason why a message cannot be parsed."""


def parse(body: bytes | str) -> Notification | Ignored | Unreadable:
    """Return the content of the message; a change is an unsaved row without names of accounts.

    Each text is cut to its column. Nothing is raised.
    """
    event_type = ""
    try:
        message = _unwrapped(body)
        event_type = _type_of(message)
        payload = message.get("payload")
        if not isinstance(payload, dict):
            raise _UnreadableError("no payload")
        if "typeURI" not in payload:
            raise _UnreadableError("not CADF: keystone.conf has another notification_format")
        if event_type == "identity.authenticate":
            return _sign_in(payload)
        if event_type in _CHANGES:
            parse_change, action = _CHANGES[event_type]
            return parse_change(payload, action) or Ignored(event_type)
        if event_type.split(".")[:2] in _IGNORED:
            return Ignored(event_type)
        raise _UnreadableError("of an unknown type")
    except _UnreadableError as error:
        return Unreadable(str(error), event_type)


def clean(text: str, length: int) -> str:
    """Return the text without harmful characters, cut to this length."""
    return (text if text.isprintable() else _HARMFUL.sub("\ufffd", text))[:length]


# --- The envelope -------------------------------------------------------------------------------
def _unwrapped(body: bytes | str) -> Mapping[str, Any]:
    """Return the notification: the JSON text in `oslo.message`, or the whole body without it."""
    if len(body) > MAX_BYTES:
        raise _UnreadableError("too long")
    message = _json(body)
    if isinstance(message.get("oslo.message"), str):
        return _json(message["oslo.message"])
    return message


def _json(text: bytes | str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # also UnicodeDecodeError, and numbers that are too long
        raise _UnreadableError("not JSON") from None
    if not isinstance(value, dict):
        raise _UnreadableError("not a JSON object")
    return value


def _type_of(message: Mapping[str, Any]) -> str:
    event_type = message.get("event_type")
    if not isinstance(event_type, str) or not _EVENT_TYPE.fullmatch(event_type):
        raise _UnreadableError("without an event_type")
    return event_type


# --- Parts of a CADF event ----------------------------------------------------------------------
def _text(part: Mapping[str, Any], key: str, length: int) -> str:
    """Return a text, or "" if it is missing or not a string."""
    value = part.get(key)
    return clean(value, length) if isinstance(value, str) else ""


def _part(whole: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a nested object, or an empty one if it is missing or of another type."""
    value = whole.get(key)
    return value if isinstance(value, dict) else {}


def _id(payload: Mapping[str, Any]) -> str:
    value = payload.get("id")
    if not isinstance(value, str) or not value:
        raise _UnreadableError("without an id")
    return clean(value, MAX_USER_ID)


def _at(payload: Mapping[str, Any]) -> datetime:
    value = payload.get("eventTime")
    try:
        at = datetime.fromisoformat(value if isinstance(value, str) else "")
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _UnreadableError("without an eventTime") from None
    if not EARLIEST <= at < LATEST:
        raise _UnreadableError("with an eventTime of another age")
    return at


def _outcome(payload: Mapping[str, Any]) -> Outcome:
    value = payload.get("outcome")
    if value == "success":
        return Outcome.SUCCESS
    if value == "failure":
        return Outcome.FAILURE
    raise _UnreadableError("without an outcome of success or failure")


def _account(part: Mapping[str, Any], key: str) -> str:
    user_id = _text(part, key, MAX_USER_ID)
    if not user_id:
        raise _UnreadableError("without an account")
    return user_id


def _name(initiator: Mapping[str, Any]) -> str:
    return _text(initiator, "username", MAX_NAME) or _text(initiator, "name", MAX_NAME)


# --- Sign-ins -----------------------------------------------------------------------------------
def _sign_in(payload: Mapping[str, Any]) -> SignIn:
    outcome, initiator = _outcome(payload), _part(payload, "initiator")
    host = _part(initiator, "host")
    reason = Attempts.Reason.NONE if outcome is Outcome.SUCCESS else _attempt_reason(payload)
    user_id, name = _text(initiator, "user_id", MAX_USER_ID), _name(initiator)
    domain = ("", "")
    if reason is Attempts.Reason.UNKNOWN_NAME:
        name = _text(initiator, "user_name", MAX_NAME)
        domain = (
            _text(initiator, "domain_id", MAX_DOMAIN_ID),
            _text(initiator, "domain_name", MAX_DOMAIN_NAME),
        )
    elif not user_id:
        user_id = _federated(initiator)
    return SignIn(
        event_id=_id(payload),
        at=_at(payload),
        outcome=outcome,
        reason=reason,
        user_id=user_id,
        name=name,
        domain_id=domain[0],
        domain_name=domain[1],
        address=_text(host, "address", MAX_ADDRESS),
        agent=_text(host, "agent", MAX_AGENT),
        partial_hash=_partial_hash(payload) if outcome is Outcome.FAILURE else "",
    )


def _attempt_reason(payload: Mapping[str, Any]) -> Attempts.Reason:
    """Return the reason of a refusal. Keystone may translate the text, but not the code 404."""
    part = _part(payload, "reason")
    if not part:  # a wrong password
        return Attempts.Reason.WRONG_PASSWORD
    if str(part.get("reasonCode", "")) == "404":
        return Attempts.Reason.UNKNOWN_NAME
    text = _text(part, "reasonType", MAX_TEXT)
    for start, reason in _REFUSALS.items():
        if text.startswith(start):
            return reason
    return Attempts.Reason.OTHER


_REFUSALS: Final = {
    "The account is locked": Attempts.Reason.LOCKED,
    "The password is expired": Attempts.Reason.EXPIRED,
    "The account is disabled": Attempts.Reason.DISABLED,
}


def _federated(initiator: Mapping[str, Any]) -> str:
    """Return the account of a sign-in by an identity provider, which is in the credential."""
    user_id = _account(_part(initiator, "credential"), "user")
    return "" if user_id == _UNKNOWN else user_id


def _partial_hash(payload: Mapping[str, Any]) -> str:
    attachments = payload.get("attachments")
    if isinstance(attachments, list):
        for attachment in attachments:
            if isinstance(attachment, dict) and attachment.get("name") == "partial_password_hash":
                return _text(attachment, "content", MAX_HASH)
    return ""


# --- Changes ------------------------------------------------------------------------------------
def _change(
    payload: Mapping[str, Any],
    action: Activity.Action,
    *,
    user_id: str,
    outcome: Outcome,
    detail: str = "",
) -> Activity:
    initiator = _part(payload, "initiator")
    host = _part(initiator, "host")
    return Activity(
        event_id=_id(payload),
        at=_at(payload),
        action=action,
        outcome=outcome,
        reason=_password_reason(payload) if outcome is Outcome.FAILURE else Activity.Reason.NONE,
        reason_text=_text(_part(payload, "reason"), "reasonType", MAX_TEXT),
        user_id=user_id,
        doer_id=_text(initiator, "user_id", MAX_USER_ID),
        doer_name=_name(initiator),
        address=_text(host, "address", MAX_ADDRESS),
        agent=_text(host, "agent", MAX_AGENT),
        detail=detail,
    )


def _user(payload: Mapping[str, Any], action: Activity.Action) -> Activity:
    user_id, outcome = _account(payload, "resource_info"), _outcome(payload)
    if action is Activity.Action.UPDATED and payload.get("initiator"):
        # Keystone reports a refused password change as a success with a reason. Only a
        # password change needs no token, and then has no initiator.
        if payload.get("reason"):
            outcome = Outcome.FAILURE
        if outcome is Outcome.FAILURE or not _text(_part(payload, "initiator"), "user_id", 1):
            action = Activity.Action.PASSWORD
    return _change(payload, action, user_id=user_id, outcome=outcome)


def _role(payload: Mapping[str, Any], action: Activity.Action) -> Activity | None:
    if not payload.get("user"):
        return None  # the role of a group
    parts = [
        f"{key}={payload[key]}"
        for key in ("role", "project", "domain")
        if isinstance(payload.get(key), str)
    ]
    return _change(
        payload,
        action,
        user_id=_account(payload, "user"),
        outcome=_outcome(payload),
        detail=clean(" ".join(parts), MAX_TEXT),
    )


def _credential(payload: Mapping[str, Any], action: Activity.Action) -> Activity | None:
    owner = _text(_part(payload, "initiator"), "user_id", MAX_USER_ID)
    if not owner:
        return None  # deleted with its owner or project, which has its own event
    detail = _text(payload, "resource_info", MAX_USER_ID)
    return _change(payload, action, user_id=owner, outcome=_outcome(payload), detail=detail)


def _password_reason(payload: Mapping[str, Any]) -> Activity.Reason:
    text = _text(_part(payload, "reason"), "reasonType", MAX_TEXT)
    for part, reason in _REFUSED_PASSWORDS.items():
        if part in text:
            return reason
    return Activity.Reason.OTHER


_REFUSED_PASSWORDS: Final = {
    "does not match the requirements": Activity.Reason.REQUIREMENTS,
    "cannot be identical to a previous": Activity.Reason.HISTORY,
    "minimum password age": Activity.Reason.MINIMUM_AGE,
    "disallowing password changes": Activity.Reason.SELF_SERVICE,
}

_ChangeParser = Callable[[Mapping[str, Any], Activity.Action], Activity | None]
_CHANGES: Final[Mapping[str, tuple[_ChangeParser, Activity.Action]]] = {
    "identity.user.created": (_user, Activity.Action.CREATED),
    "identity.user.updated": (_user, Activity.Action.UPDATED),
    "identity.user.disabled": (_user, Activity.Action.DISABLED),
    "identity.user.deleted": (_user, Activity.Action.DELETED),
    "identity.role_assignment.created": (_role, Activity.Action.ROLE_GRANTED),
    "identity.role_assignment.deleted": (_role, Activity.Action.ROLE_REVOKED),
    "identity.application_credential.created": (_credential, Activity.Action.CREDENTIAL_CREATED),
    "identity.application_credential.deleted": (_credential, Activity.Action.CREDENTIAL_DELETED),
}
# keystone.notifications.CADF_TYPE_MAP, and other types that its managers send.
_IGNORED: Final = [
    ["identity", kind]
    for kind in (
        *("access_rule", "credential", "domain", "endpoint", "group", "policy", "project"),
        *("project tag", "region", "role", "service", "OS-TRUST:trust", "OS-OAUTH1:consumer"),
        *("OS-OAUTH1:access_token", "OS-OAUTH1:request_token"),
    )
]
