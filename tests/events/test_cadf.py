"""Parsing of messages: recorded ones, changed ones, and arbitrary ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.events.intake.cadf import Ignored, SignIn, Unreadable, parse
from pciops.events.models import Activity, Attempts
from tests.events.messages import ADMIN, DOE, RECORDED, changed, recorded, unwrapped, wrapped

HASH = "4EMaDSo7CD58iJupIyBdT3mly2vf6k/KvZFxB/ApAt0"
MAX_LENGTH = {
    "event_id": 64,
    **dict.fromkeys(("user_id", "doer_id", "domain_id", "domain_name", "address"), 64),
    "partial_hash": 64,
    **dict.fromkeys(("name", "doer_name", "agent"), 255),
    **dict.fromkeys(("reason_text", "detail"), 500),
}


def sign_in_of(body: bytes | str) -> SignIn:
    parsed = parse(body)
    assert isinstance(parsed, SignIn), parsed
    return parsed


def change_of(body: str) -> Activity:
    parsed = parse(body)
    assert isinstance(parsed, Activity), parsed
    return parsed


# --- Recorded messages --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "outcome", "reason", "user_id", "username", "partial_hash"),
    [
        ("sign_in", "success", "", ADMIN, "admin", ""),
        ("sign_in_user", "success", "", DOE, "j.doe", ""),
        ("sign_in_project", "success", "", DOE, "j.doe", ""),
        ("wrong_password", "failure", "wrong_password", DOE, "j.doe", HASH),
        ("lock", "failure", "wrong_password", DOE, "j.doe", HASH),
        ("locked", "failure", "locked", DOE, "j.doe", ""),
        ("expired", "failure", "expired", DOE, "j.doe", ""),
        ("unknown_name", "failure", "unknown_name", "", "nobody", ""),
        ("unknown_id", "failure", "unknown_name", "f" * 32, "", ""),
        ("password_wrong_original", "failure", "wrong_password", DOE, "j.doe", ""),
    ],
)
def test_a_sign_in_has_its_account_and_reason(
    name: str, outcome: str, reason: str, user_id: str, username: str, partial_hash: str
) -> None:
    found = sign_in_of(recorded(name))

    assert (found.outcome, found.reason) == (outcome, reason)
    assert (found.user_id, found.name, found.partial_hash) == (user_id, username, partial_hash)


def test_a_sign_in_has_its_source_and_time() -> None:
    found = sign_in_of(recorded("sign_in_browser"))

    assert (found.address, found.agent) == ("127.0.0.1", "Mozilla/5.0 (X11; Linux x86_64)")
    assert found.at == datetime(2026, 11, 22, 15, 50, 34, 751011, tzinfo=UTC)


def test_an_unknown_username_has_the_requested_domain() -> None:
    found = sign_in_of(recorded("unknown_name"))

    assert (found.domain_id, found.domain_name) == ("default", "Default")


@pytest.mark.parametrize(
    ("name", "action", "outcome", "reason", "doer_id"),
    [
        ("user_created", "created", "success", "", ADMIN),
        ("user_updated", "updated", "success", "", ADMIN),
        ("user_disabled", "updated", "success", "", ADMIN),  # Keystone does not say more
        ("user_deleted", "deleted", "success", "", ADMIN),
        ("password_changed", "password", "success", "", ""),
        ("password_changed_with_token", "updated", "success", "", DOE),
        ("password_refused_requirements", "password", "failure", "requirements", ""),
        ("password_refused_history", "password", "failure", "history", ""),
        ("role_granted_project", "role_granted", "success", "", ADMIN),
        ("role_granted_domain", "role_granted", "success", "", ADMIN),
        ("role_revoked_domain", "role_revoked", "success", "", ADMIN),
        ("credential_created", "credential_created", "success", "", DOE),
        ("credential_deleted", "credential_deleted", "success", "", DOE),
    ],
)
def test_a_change_has_its_action_account_and_doer(
    name: str, action: str, outcome: str, reason: str, doer_id: str
) -> None:
    found = change_of(recorded(name))

    assert (found.action, found.outcome, found.reason) == (action, outcome, reason)
    assert (found.user_id, found.doer_id) == (DOE, doer_id)


def test_changes_have_keystones_details() -> None:
    refused = change_of(recorded("password_refused_requirements"))
    granted = change_of(recorded("role_granted_domain"))

    assert (
        refused.reason_text == "The password does not match the requirements: seven with a digit."
    )
    assert granted.detail == "role=4e484b122a5549529215805d0ce84a73 domain=default"


def test_a_change_by_the_command_line_has_no_doer_and_no_address() -> None:
    found = change_of(RECORDED["bootstrap"][0])

    assert (found.action, found.doer_id, found.address) == ("updated", "", "")


@pytest.mark.parametrize(
    "name",
    [
        *("group_created", "group_user_added", "role_granted_group", "project_tag"),
        *("domain_created", "domain_disabled", "domain_deleted"),
    ],
)
def test_notifications_without_an_account_are_ignored(name: str) -> None:
    assert RECORDED[name]
    assert {type(parse(body)) for body in RECORDED[name]} == {Ignored}


@pytest.mark.parametrize(
    "name", ["unknown_domain", "disabled_sign_in", "disabled_wrong", "role_granted_system"]
)
def test_keystone_sends_nothing_for_some_acts(name: str) -> None:
    assert RECORDED[name] == []


# --- Variants -----------------------------------------------------------------------------------
def test_the_envelope_is_optional_and_bytes_are_accepted() -> None:
    locked = sign_in_of(recorded("locked"))

    assert sign_in_of(json.dumps(unwrapped(recorded("locked")))) == locked
    assert sign_in_of(recorded("locked").encode()) == locked


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("The account is disabled for user: 1.", "401", "disabled"),
        ("Konto gesperrt", "401", "other"),
        ("Benutzer nicht gefunden", "404", "unknown_name"),
        ("Nobody", 404, "unknown_name"),
        (None, "401", "other"),
        (["The account is locked"], "401", "other"),
    ],
)
def test_a_refusal_has_a_reason_by_text_or_code(text: Any, code: Any, reason: str) -> None:
    body = changed("locked", "payload.reason", {"reasonType": text, "reasonCode": code})

    assert sign_in_of(body).reason == reason


CANNOT = "You cannot change your password at this time due to"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{CANNOT} the minimum password age. Once", Activity.Reason.MINIMUM_AGE),
        (
            f"{CANNOT} password policy disallowing password changes.",
            Activity.Reason.SELF_SERVICE,
        ),
        ("Nein", Activity.Reason.OTHER),
    ],
)
def test_a_refused_password_has_a_reason_by_text(text: str, reason: Activity.Reason) -> None:
    body = changed("password_refused_history", "payload.reason.reasonType", text)

    assert change_of(body).reason == reason


def test_a_password_refused_with_a_token_has_a_doer() -> None:
    found = change_of(changed("password_refused_history", "payload.initiator.user_id", DOE))

    assert (found.action, found.outcome, found.doer_id) == ("password", "failure", DOE)


def test_a_federated_sign_in_has_its_account_in_the_credential() -> None:
    message = unwrapped(recorded("sign_in"))
    initiator = message["payload"]["initiator"]
    del initiator["user_id"], initiator["name"], initiator["username"]
    initiator["credential"] = {"user": "e" * 64, "identity_provider": "corp"}

    assert sign_in_of(wrapped(message)).user_id == "e" * 64


# --- Invalid messages ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("event_type", None, "without an event_type"),
        ("event_type", "identity.user\n.created", "without an event_type"),
        ("event_type", 5, "without an event_type"),
        ("event_type", "compute.instance.create.end", "of an unknown type"),
        ("payload", None, "no payload"),
        ("payload", "text", "no payload"),
        ("payload", {"resource_info": DOE}, "not CADF"),
        ("payload.id", None, "without an id"),
        ("payload.id", "", "without an id"),
        ("payload.id", 7, "without an id"),
        ("payload.eventTime", None, "without an eventTime"),
        ("payload.eventTime", "yesterday", "without an eventTime"),
        ("payload.eventTime", 1795000000, "without an eventTime"),
        ("payload.eventTime", "0001-01-01T00:00:00+23:59", "without an eventTime"),
        ("payload.eventTime", "1970-01-01T00:00:00+0000", "with an eventTime of another age"),
        ("payload.eventTime", "9999-12-31T00:00:00", "with an eventTime of another age"),
        ("payload.outcome", "pending", "without an outcome"),
        ("payload.outcome", None, "without an outcome"),
        ("payload.initiator", None, "without an account"),
        ("payload.initiator.user_id", None, "without an account"),
        ("payload.initiator.user_id", {"id": 1}, "without an account"),
    ],
)
def test_an_invalid_notification_is_unreadable(path: str, value: Any, reason: str) -> None:
    parsed = parse(changed("wrong_password", path, value))

    assert isinstance(parsed, Unreadable)
    assert parsed.reason.startswith(reason)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"oslo.message": "["}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON"),
        ("x" * 300_000, "too long"),
    ],
    ids=["nothing", "binary", "a list", "null", "half", "deep", "a long number", "long"],
)
def test_an_invalid_body_is_unreadable(body: bytes | str, reason: str) -> None:
    assert parse(body) == Unreadable(reason)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ann\r\nERROR root", "ann\ufffd\ufffdERROR root"),
        ("\x1b[2Jann", "\ufffd[2Jann"),
        ("ann\x00", "ann\ufffd"),
        ("\u202enna", "\ufffdnna"),
        ("\ud800", "\ufffd"),
        ("<script>", "<script>"),  # pages escape it
        ("Zoë\u3000田中 🙂", "Zoë\u3000田中 🙂"),
        ("a" * 300, "a" * 255),
    ],
)
def test_harmful_characters_of_names_are_replaced(typed: str, kept: str) -> None:
    assert sign_in_of(changed("unknown_name", "payload.initiator.user_name", typed)).name == kept


@pytest.mark.parametrize("part", ["host", "host.address", "host.agent", "username"])
@pytest.mark.parametrize("value", [None, 5, ["x"], {"a": 1}, True])
def test_missing_or_odd_parts_are_empty(part: str, value: Any) -> None:
    assert isinstance(parse(changed("wrong_password", f"payload.initiator.{part}", value)), SignIn)


@pytest.mark.parametrize("value", [None, "text", [5], [{}], [{"name": "partial_password_hash"}]])
def test_an_odd_attachment_is_not_a_hash(value: Any) -> None:
    assert sign_in_of(changed("wrong_password", "payload.attachments", value)).partial_hash == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PATHS = [
    *("event_type", "payload", "payload.id", "payload.eventTime", "payload.outcome"),
    *("payload.reason", "payload.initiator", "payload.initiator.host", "payload.resource_info"),
    *("payload.initiator.user_id", "payload.initiator.username", "payload.attachments"),
    *("payload.initiator.host.agent", "payload.initiator.host.address", "payload.user"),
]


@given(
    name=st.sampled_from(sorted(name for name in RECORDED if RECORDED[name])),
    path=st.sampled_from(PATHS),
    value=JSON,
)
def test_any_value_anywhere_is_parsed_and_fits_its_column(name: str, path: str, value: Any) -> None:
    message = unwrapped(recorded(name))
    part: Any = message
    *steps, last = path.split(".")
    for step in steps:
        part = part.setdefault(step, {})
    part[last] = value
    parsed = parse(wrapped(message))

    if isinstance(parsed, SignIn | Activity):
        for field, length in MAX_LENGTH.items():
            text = getattr(parsed, field, "")
            assert len(text) <= length
            text.encode()  # no half surrogate pair


@given(st.binary() | st.text())
def test_garbage_is_unreadable(body: bytes | str) -> None:
    assert isinstance(parse(body), Unreadable)


def test_every_reason_of_attempts_has_a_test() -> None:
    names = ("sign_in", "wrong_password", "locked", "expired", "unknown_name")
    tested = {sign_in_of(recorded(name)).reason for name in names}

    assert tested | {Attempts.Reason.DISABLED, Attempts.Reason.OTHER} == set(Attempts.Reason)
