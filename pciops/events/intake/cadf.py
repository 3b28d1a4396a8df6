"""From the body of a message to what it says: pure, whatever the body is.

Keystone sends CADF events in the envelope of oslo.messaging. Whom an event is about is settled
here and nowhere else. Of a sign-in it is the initiator, and the target is anonymous; of everything
else it is what the event names besides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pciops.events.models import (
    ADDRESS,
    AGENT,
    DOMAIN_ID,
    DOMAIN_NAME,
    HASH,
    NAME,
    USER_ID,
    WORDS,
    Activity,
    Attempts,
    Outcome,
)

LONGEST: Final = 256 * 1024  # bytes of a body; Keystone's have about 2,000
EARLIEST, LATEST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

# What turns lines or the direction of writing, ends a string, or is half a character.
_HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_EVENT_TYPE = re.compile(r"[\w.: -]{1,255}", re.ASCII)  # there is a "project tag"
_UNKNOWN: Final = "unknown"  # CADF's word for an id that there is none of


@dataclass(frozen=True, kw_only=True, slots=True)
class SignIn:
    """Somebody tried to sign in."""

    event_id: str
    at: datetime
    outcome: Outcome
    reason: Attempts.Reason
    user_id: str  # "" where Keystone knows no account of this name
    name: str
    domain_id: str
    domain_name: str
    address: str
    agent: str
    partial_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Something was done to an account, or by its owner."""

    event_id: str
    at: datetime
    action: Activity.Action
    outcome: Outcome
    reason: Activity.Reason
    words: str  # Keystone's, of the reason
    user_id: str
    doer_id: str  # "" for the command line, and for who changes a password without a token
    doer_name: str
    address: str
    agent: str
    detail: str


Event = SignIn | Change


@dataclass(frozen=True, slots=True)
class Foreign:
    """A notification of Keystone's that is about no account: a project, a group, a service."""

    event_type: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that makes no sense to us, and why; the reason is one of a few."""

    reason: str
    event_type: str = ""


class _OddError(Exception):
    """What is wrong with a message."""


def parse(body: bytes | str) -> Event | Foreign | Unreadable:
    """What the message says. It raises nothing, and no text of it is longer than its column."""
    event_type = ""
    try:
        message = _opened(body)
        event_type = _type_of(message)
        payload = message.get("payload")
        if not isinstance(payload, dict):
            raise _OddError("no payload")
        if "typeURI" not in payload:
            raise _OddError("not CADF: keystone.conf has another notification_format")
        read = _READERS.get(event_type)
        if read is not None:
            return read(payload) or Foreign(event_type)
        if event_type.split(".")[:2] in _FOREIGN:
            return Foreign(event_type)
        raise _OddError("of an unknown type")
    except _OddError as odd:
        return Unreadable(str(odd), event_type)


def clean(text: str, longest: int) -> str:
    """The text without characters that play tricks, cut to so many."""
    return (text if text.isprintable() else _HARMFUL.sub("\ufffd", text))[:longest]


# --- The envelope -------------------------------------------------------------------------------
def _opened(body: bytes | str) -> Mapping[str, Any]:
    """The notification itself: the JSON text in `oslo.message`, or all where there is none."""
    if len(body) > LONGEST:
        raise _OddError("too long")
    message = _json(body)
    if isinstance(message.get("oslo.message"), str):
        return _json(message["oslo.message"])
    return message


def _json(text: bytes | str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # UnicodeDecodeError and numbers too long among them
        raise _OddError("not JSON") from None
    if not isinstance(found, dict):
        raise _OddError("not a JSON object")
    return found


def _type_of(message: Mapping[str, Any]) -> str:
    event_type = message.get("event_type")
    if not isinstance(event_type, str) or not _EVENT_TYPE.fullmatch(event_type):
        raise _OddError("without an event_type")
    return event_type


# --- Parts of a CADF event ----------------------------------------------------------------------
def _text(part: Mapping[str, Any], key: str, longest: int) -> str:
    """A text that may be missing; what is no text is none."""
    value = part.get(key)
    return clean(value, longest) if isinstance(value, str) else ""


def _part(whole: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object within; empty where it is missing or something else."""
    value = whole.get(key)
    return value if isinstance(value, dict) else {}


def _id(payload: Mapping[str, Any]) -> str:
    value = payload.get("id")
    if not isinstance(value, str) or not value:
        raise _OddError("without an id")
    return clean(value, USER_ID)


def _at(payload: Mapping[str, Any]) -> datetime:
    value = payload.get("eventTime")
    try:
        at = datetime.fromisoformat(value if isinstance(value, str) else "")
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _OddError("without an eventTime") from None
    if not EARLIEST <= at < LATEST:
        raise _OddError("with an eventTime of another age")
    return at


def _outcome(payload: Mapping[str, Any]) -> Outcome:
    value = payload.get("outcome")
    if value == "success":
        return Outcome.SUCCESS
    if value == "failure":
        return Outcome.FAILURE
    raise _OddError("without an outcome of success or failure")


def _account(part: Mapping[str, Any], key: str) -> str:
    found = _text(part, key, USER_ID)
    if not found:
        raise _OddError("without an account")
    return found


def _name(initiator: Mapping[str, Any]) -> str:
    return _text(initiator, "username", NAME) or _text(initiator, "name", NAME)


# --- Sign-ins -----------------------------------------------------------------------------------
def _sign_in(payload: Mapping[str, Any]) -> SignIn:
    outcome, initiator = _outcome(payload), _part(payload, "initiator")
    host = _part(initiator, "host")
    why = Attempts.Reason.NONE if outcome is Outcome.SUCCESS else _why_refused(payload)
    user_id, name = _text(initiator, "user_id", USER_ID), _name(initiator)
    domain = ("", "")
    if why is Attempts.Reason.UNKNOWN_NAME:
        name = _text(initiator, "user_name", NAME)
        domain = (
            _text(initiator, "domain_id", DOMAIN_ID),
            _text(initiator, "domain_name", DOMAIN_NAME),
        )
    elif not user_id:
        user_id = _federated(initiator)
    return SignIn(
        event_id=_id(payload),
        at=_at(payload),
        outcome=outcome,
        reason=why,
        user_id=user_id,
        name=name,
        domain_id=domain[0],
        domain_name=domain[1],
        address=_text(host, "address", ADDRESS),
        agent=_text(host, "agent", AGENT),
        partial_hash=_partial_hash(payload) if outcome is Outcome.FAILURE else "",
    )


def _why_refused(payload: Mapping[str, Any]) -> Attempts.Reason:
    """Keystone gives no reason for a wrong password, and a code that it translates for no other."""
    reason = _part(payload, "reason")
    words, code = reason.get("reasonType"), str(reason.get("reasonCode", ""))
    if not reason:
        return Attempts.Reason.WRONG_PASSWORD
    if code == "404":
        return Attempts.Reason.UNKNOWN_NAME
    words = words if isinstance(words, str) else ""
    for begin, known in _REFUSALS.items():
        if words.startswith(begin):
            return known
    return Attempts.Reason.OTHER


_REFUSALS: Final = {
    "The account is locked": Attempts.Reason.LOCKED,
    "The password is expired": Attempts.Reason.EXPIRED,
    "The account is disabled": Attempts.Reason.DISABLED,
}


def _federated(initiator: Mapping[str, Any]) -> str:
    """Who came from an identity provider has their id in the credential."""
    user_id = _account(_part(initiator, "credential"), "user")
    return "" if user_id == _UNKNOWN else user_id


def _partial_hash(payload: Mapping[str, Any]) -> str:
    attachments = payload.get("attachments")
    if isinstance(attachments, list):
        for attachment in attachments:
            if isinstance(attachment, dict) and attachment.get("name") == "partial_password_hash":
                return _text(attachment, "content", HASH)
    return ""


# --- Changes ------------------------------------------------------------------------------------
def _change(
    payload: Mapping[str, Any],
    action: Activity.Action,
    *,
    user_id: str,
    outcome: Outcome,
    detail: str = "",
) -> Change:
    initiator = _part(payload, "initiator")
    host = _part(initiator, "host")
    return Change(
        event_id=_id(payload),
        at=_at(payload),
        action=action,
        outcome=outcome,
        reason=_why_not(payload) if outcome is Outcome.FAILURE else Activity.Reason.NONE,
        words=_text(_part(payload, "reason"), "reasonType", WORDS),
        user_id=user_id,
        doer_id=_text(initiator, "user_id", USER_ID),
        doer_name=_name(initiator),
        address=_text(host, "address", ADDRESS),
        agent=_text(host, "agent", AGENT),
        detail=detail,
    )


def _of_user(action: Activity.Action) -> Callable[[Mapping[str, Any]], Change]:
    def read(payload: Mapping[str, Any]) -> Change:
        user_id, outcome = _account(payload, "resource_info"), _outcome(payload)
        initiator = payload.get("initiator")
        if action is Activity.Action.UPDATED and initiator:
            # Keystone calls a refused change of password a success; its reason says what it is.
            # Only this change needs no token, so that nobody is named as having done it.
            if payload.get("reason"):
                outcome = Outcome.FAILURE
            if outcome is Outcome.FAILURE or not _text(_part(payload, "initiator"), "user_id", 1):
                return _change(payload, Activity.Action.PASSWORD, user_id=user_id, outcome=outcome)
        return _change(payload, action, user_id=user_id, outcome=outcome)

    return read


def _of_role(action: Activity.Action) -> Callable[[Mapping[str, Any]], Change | None]:
    def read(payload: Mapping[str, Any]) -> Change | None:
        if not payload.get("user"):
            return None  # a group's
        words = [
            f"{key}={payload[key]}"
            for key in ("role", "project", "domain")
            if isinstance(payload.get(key), str)
        ]
        return _change(
            payload,
            action,
            user_id=_account(payload, "user"),
            outcome=_outcome(payload),
            detail=clean(" ".join(words), WORDS),
        )

    return read


def _of_credential(action: Activity.Action) -> Callable[[Mapping[str, Any]], Change | None]:
    def read(payload: Mapping[str, Any]) -> Change | None:
        owner = _text(_part(payload, "initiator"), "user_id", USER_ID)
        if not owner:
            return None  # they go with their owner or project, whose own event says so
        detail = _text(payload, "resource_info", USER_ID)
        return _change(payload, action, user_id=owner, outcome=_outcome(payload), detail=detail)

    return read


def _why_not(payload: Mapping[str, Any]) -> Activity.Reason:
    words = _text(_part(payload, "reason"), "reasonType", WORDS)
    for part, known in _REFUSED_PASSWORDS.items():
        if part in words:
            return known
    return Activity.Reason.OTHER


_REFUSED_PASSWORDS: Final = {
    "does not match the requirements": Activity.Reason.REQUIREMENTS,
    "cannot be identical to a previous": Activity.Reason.HISTORY,
    "minimum password age": Activity.Reason.MINIMUM_AGE,
    "disallowing password changes": Activity.Reason.SELF_SERVICE,
}

_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Event | None]]] = {
    "identity.authenticate": _sign_in,
    "identity.user.created": _of_user(Activity.Action.CREATED),
    "identity.user.updated": _of_user(Activity.Action.UPDATED),
    "identity.user.disabled": _of_user(Activity.Action.DISABLED),
    "identity.user.deleted": _of_user(Activity.Action.DELETED),
    "identity.role_assignment.created": _of_role(Activity.Action.ROLE_GRANTED),
    "identity.role_assignment.deleted": _of_role(Activity.Action.ROLE_REVOKED),
    "identity.application_credential.created": _of_credential(Activity.Action.CREDENTIAL_CREATED),
    "identity.application_credential.deleted": _of_credential(Activity.Action.CREDENTIAL_DELETED),
}
# keystone.notifications.CADF_TYPE_MAP, and what its managers notify besides.
_FOREIGN: Final = [
    ["identity", kind]
    for kind in (
        *("access_rule", "credential", "domain", "endpoint", "group", "policy", "project"),
        *("project tag", "region", "role", "service", "OS-TRUST:trust", "OS-OAUTH1:consumer"),
        *("OS-OAUTH1:access_token", "OS-OAUTH1:request_token"),
    )
]
