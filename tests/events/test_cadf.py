"""What a message says: recorded ones, spoilt ones, and whatever else there may be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.events.intake.cadf import Ignored, SignIn, Unreadable, parse
from pciops.events.models import Activity, Attempts
from tests.events.bodies import ADMIN, DOE, RECORDED, opened, recorded, sealed, spoilt

HASH = "4EMaDSo7CD58iJupIyBdT3mly2vf6k/KvZFxB/ApAt0"
LONGEST = {
    "event_id": 64,
    **dict.fromkeys(("user_id", "doer_id", "domain_id", "domain_name", "address"), 64),
    "partial_hash": 64,
    **dict.fromkeys(("name", "doer_name", "agent"), 255),
    **dict.fromkeys(("reason_text", "detail"), 500),
}


def read(name: str) -> SignIn | Activity:
    found = parse(recorded(name))
    assert isinstance(found, SignIn | Activity), found
    return found


# --- Recorded -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "outcome", "reason", "user_id", "called", "partial_hash"),
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
def test_a_sign_in_says_who_and_why(
    name: str, outcome: str, reason: str, user_id: str, called: str, partial_hash: str
) -> None:
    found = read(name)

    assert isinstance(found, SignIn)
    assert (found.outcome, found.reason) == (outcome, reason)
    assert (found.user_id, found.name, found.partial_hash) == (user_id, called, partial_hash)


def test_a_sign_in_says_from_where_with_what_and_when() -> None:
    found = read("sign_in_browser")

    assert (found.address, found.agent) == ("127.0.0.1", "Mozilla/5.0 (X11; Linux x86_64)")
    assert found.at == datetime(2026, 11, 22, 15, 50, 34, 751011, tzinfo=UTC)


def test_an_unknown_name_has_the_domain_in_which_it_was_sought() -> None:
    found = read("unknown_name")

    assert isinstance(found, SignIn)
    assert (found.domain_id, found.domain_name) == ("default", "Default")


@pytest.mark.parametrize(
    ("name", "action", "outcome", "reason", "doer_id"),
    [
        ("user_created", "created", "success", "", ADMIN),
        ("user_updated", "updated", "success", "", ADMIN),
        ("user_disabled", "updated", "success", "", ADMIN),  # Keystone says no more
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
def test_a_change_says_what_to_whom_and_by_whom(
    name: str, action: str, outcome: str, reason: str, doer_id: str
) -> None:
    found = read(name)

    assert isinstance(found, Activity)
    assert (found.action, found.outcome, found.reason) == (action, outcome, reason)
    assert (found.user_id, found.doer_id) == (DOE, doer_id)


def test_a_refused_password_has_keystones_words() -> None:
    found = read("password_refused_requirements")

    assert isinstance(found, Activity)
    assert found.reason_text == "The password does not match the requirements: seven with a digit."


def test_a_role_says_which_and_where() -> None:
    found = read("role_granted_domain")

    assert isinstance(found, Activity)
    assert found.detail == "role=4e484b122a5549529215805d0ce84a73 domain=default"


def test_what_the_command_line_does_has_no_doer_and_no_address() -> None:
    found = parse(RECORDED["bootstrap"][0])

    assert isinstance(found, Activity)
    assert (found.action, found.doer_id, found.address) == ("updated", "", "")


@pytest.mark.parametrize(
    "name",
    [
        *("group_created", "group_user_added", "role_granted_group", "project_tag"),
        *("domain_created", "domain_disabled", "domain_deleted"),
    ],
)
def test_what_is_about_no_account_is_foreign(name: str) -> None:
    assert [type(parse(body)) for body in RECORDED[name]] == [Ignored] * len(RECORDED[name])


@pytest.mark.parametrize(
    "name", ["unknown_domain", "disabled_sign_in", "disabled_wrong", "role_granted_system"]
)
def test_of_some_acts_keystone_sends_nothing(name: str) -> None:
    assert RECORDED[name] == []


# --- Made up ------------------------------------------------------------------------------------
def test_a_message_without_an_envelope_is_read_too() -> None:
    assert parse(json.dumps(opened(recorded("locked")))) == read("locked")


def test_bytes_are_read_as_text_is() -> None:
    assert parse(recorded("locked").encode()) == read("locked")


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ("The account is disabled for user: 1.", "401", "disabled"),
        ("Konto gesperrt", "401", "other"),
        ("Benutzer nicht gefunden", "404", "unknown_name"),
        ("Nobody", 404, "unknown_name"),
        (None, "401", "other"),
        (["The account is locked"], "401", "other"),
    ],
)
def test_a_reason_is_known_by_keystones_words_or_is_another(
    words: Any, code: Any, reason: str
) -> None:
    found = parse(spoilt("locked", "payload.reason", {"reasonType": words, "reasonCode": code}))

    assert isinstance(found, SignIn)
    assert found.reason == reason


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            "You cannot change your password at this time due to the minimum password age. Once",
            Activity.Reason.MINIMUM_AGE,
        ),
        (
            "You cannot change your password at this time due to password policy disallowing "
            "password changes.",
            Activity.Reason.SELF_SERVICE,
        ),
        ("Nein", Activity.Reason.OTHER),
    ],
)
def test_why_a_password_was_refused(words: str, reason: Activity.Reason) -> None:
    found = parse(spoilt("password_refused_history", "payload.reason.reasonType", words))

    assert isinstance(found, Activity)
    assert found.reason == reason


def test_a_refused_password_is_one_with_a_token_too() -> None:
    found = parse(spoilt("password_refused_history", "payload.initiator.user_id", DOE))

    assert isinstance(found, Activity)
    assert (found.action, found.outcome, found.doer_id) == ("password", "failure", DOE)


def test_a_federated_sign_in_has_its_account_in_the_credential() -> None:
    message = opened(recorded("sign_in"))
    initiator = message["payload"]["initiator"]
    del initiator["user_id"], initiator["name"], initiator["username"]
    initiator["credential"] = {"user": "e" * 64, "identity_provider": "corp"}
    found = parse(sealed(message))

    assert isinstance(found, SignIn)
    assert found.user_id == "e" * 64


# --- Spoilt -------------------------------------------------------------------------------------
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
def test_what_makes_no_sense_is_unreadable_and_says_why(path: str, value: Any, reason: str) -> None:
    found = parse(spoilt("wrong_password", path, value))

    assert isinstance(found, Unreadable)
    assert found.reason.startswith(reason)


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
def test_what_is_no_notification_is_unreadable(body: bytes | str, reason: str) -> None:
    assert parse(body) == Unreadable(reason)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ann\r\nERROR root", "ann\ufffd\ufffdERROR root"),
        ("\x1b[2Jann", "\ufffd[2Jann"),
        ("ann\x00", "ann\ufffd"),
        ("\u202enna", "\ufffdnna"),
        ("\ud800", "\ufffd"),
        ("<script>", "<script>"),  # the pages' business
        ("Zoë\u3000田中 🙂", "Zoë\u3000田中 🙂"),
        ("a" * 300, "a" * 255),
    ],
)
def test_no_name_plays_tricks(typed: str, kept: str) -> None:
    found = parse(spoilt("unknown_name", "payload.initiator.user_name", typed))

    assert isinstance(found, SignIn)
    assert found.name == kept


@pytest.mark.parametrize("part", ["host", "host.address", "host.agent", "username"])
@pytest.mark.parametrize("value", [None, 5, ["x"], {"a": 1}, True])
def test_parts_that_are_missing_or_odd_are_empty(part: str, value: Any) -> None:
    found = parse(spoilt("wrong_password", f"payload.initiator.{part}", value))

    assert isinstance(found, SignIn)


@pytest.mark.parametrize("value", [None, "text", [5], [{}], [{"name": "partial_password_hash"}]])
def test_an_odd_attachment_is_no_hash(value: Any) -> None:
    found = parse(spoilt("wrong_password", "payload.attachments", value))

    assert isinstance(found, SignIn)
    assert found.partial_hash == ""


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


@given(st.sampled_from(sorted(name for name in RECORDED if RECORDED[name])), st.data())
def test_whatever_stands_in_a_message_it_is_read_or_not_and_fits_its_columns(
    name: str, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(PATHS))
    message = opened(recorded(name))
    part: Any = message
    *steps, last = path.split(".")
    for step in steps:
        part = part.setdefault(step, {})
    part[last] = data.draw(JSON)
    found = parse(sealed(message))

    if isinstance(found, SignIn | Activity):
        for name in LONGEST:
            value = getattr(found, name, "")
            assert len(value) <= LONGEST[name]
            value.encode()  # no half character


@given(st.binary() | st.text())
def test_garbage_raises_nothing(body: bytes | str) -> None:
    assert isinstance(parse(body), Unreadable)


def test_every_reason_of_attempts_is_told_somewhere() -> None:
    told = {read(name).reason for name in ("sign_in", "wrong_password", "locked", "expired")}
    told |= {read("unknown_name").reason, Attempts.Reason.DISABLED, Attempts.Reason.OTHER}

    assert told == set(Attempts.Reason)
