"""Events are described as rows of a table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.audit.models import Event
from pciops.events import entries, sentences
from pciops.events.sentences import AttemptGroup
from tests.audit.helpers import open_event, record
from tests.events.factories import REASON, activity, attempts
from tests.factories import NOW

DAY = timedelta(days=1)


def detail(entry: entries.EventEntry) -> str:
    """Return the detail as text."""
    return sentences.as_text(entry.detail)


# --- Sign-ins -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("hashes", "count", "expected"),
    [
        ({""}, 2, "Wrong password"),
        ({"a"}, 1, "Wrong password"),
        ({"a"}, 2, "Same password each time"),
        ({"a", "b"}, 2, "2 different passwords"),
    ],
)
def test_wrong_passwords_are_compared_if_keystone_reports_them(
    hashes: set[str], count: int, expected: str
) -> None:
    group = AttemptGroup.of(attempts(count))
    group.hashes = hashes

    assert detail(entries.of_attempts(group, unknown_names=False)) == expected


def test_the_begin_of_equal_attempts_is_named_if_it_is_of_another_minute_or_day() -> None:
    group = AttemptGroup.of(attempts(2, reason=REASON.LOCKED))
    for first, expected in ((NOW - timedelta(minutes=9), "13:53"), (NOW - DAY, "21 Nov, 14:02")):
        group.first_at = first
        found = detail(entries.of_attempts(group, unknown_names=False))
        assert found == f"Rejected while locked, since {expected}"


def test_unknown_usernames_are_for_readers_who_may_see_them() -> None:
    """They may be passwords that were typed into the wrong field."""
    group = AttemptGroup.of(attempts(user_id="", reason=REASON.UNKNOWN_NAME, name="hunter2"))
    group.names |= {"a", "b", "c", "d", "e"}
    shown = entries.of_attempts(group, unknown_names=True)
    hidden = entries.of_attempts(group, unknown_names=False)

    assert detail(shown) == "a, b, c, d and 2 more"
    assert shown.account == sentences.TextPart("6 unknown usernames")
    assert (detail(hidden), hidden.account) == ("", sentences.TextPart("Unknown username"))


@pytest.mark.parametrize(("number", "tone"), [(5, "bad"), (6, "attack")])
def test_more_passwords_than_typing_errors_make_are_an_attack(number: int, tone: str) -> None:
    group = AttemptGroup.of(attempts(number))
    group.hashes = {str(each) for each in range(number)}

    assert entries.of_attempts(group, unknown_names=False).tone == tone


# --- Changes ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("action", "doer_id", "expected"),
    [
        ("disabled", "adm1n", "admin"),
        ("disabled", "d0e", "its owner"),
        ("disabled", "", "Keystone or its command line"),
        ("password", "", "its owner"),
    ],
)
def test_a_change_says_who_did_it(action: str, doer_id: str, expected: str) -> None:
    by = entries.of_activity(activity(action, doer_id=doer_id)).by

    assert by is not None
    assert by.text == expected


@pytest.mark.parametrize(
    ("action", "fields", "expected"),
    [
        ("disabled", {}, ""),
        ("updated", {}, "details not reported"),
        ("password", {"outcome": "failure", "reason": "history"}, "it was used before"),
        ("password", {"outcome": "failure", "reason": "other"}, ""),
    ],
)
def test_a_change_has_what_keystone_reports(
    action: str, fields: dict[str, Any], expected: str
) -> None:
    assert detail(entries.of_activity(activity(action, **fields))) == expected


# --- The audit log ------------------------------------------------------------------------------
@pytest.mark.django_db
def test_only_what_was_not_done_has_an_outcome() -> None:
    record(action=Event.Action.EXPORT, remark="done")
    record(action=Event.Action.EXPORT, remark="failed", outcome=Event.Outcome.FAILURE)
    record(action=Event.Action.DENY, remark="denied", outcome=Event.Outcome.FAILURE)
    open_event(reason="INC-1")
    found = {detail(entry): (entry.name, entry.outcome) for entry in map(entries.of_act, rows())}

    assert found["done"] == ("Exported", "")
    assert found["failed"] == ("Export", "Failed")
    assert found["denied"] == ("Request refused", "Refused")
    assert ("Unlock", "Pending") in found.values()


def rows() -> list[Event]:
    """Return all rows of the audit log."""
    return list(Event.objects.all())
