"""The inputs of an act: reason, identity check, option, owner and last day."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from pciops.actions.exempting import EXEMPT
from pciops.actions.inputs import (
    REASON_MAX,
    InputError,
    checked_end,
    checked_inputs,
    checked_owner,
    checked_reason,
)
from pciops.actions.unlock import UNLOCK
from tests.factories import NOW


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("called", "called"),
        ("  called\n", "called"),
        ("zwei Zeilen:\r\n\tÄnne 李 ✓", "zwei Zeilen:\r\n\tÄnne 李 ✓"),
        ("x" * REASON_MAX, "x" * REASON_MAX),
    ],
    ids=["plain", "spaces around", "lines and letters", "longest"],
)
def test_reason_may_be_any_text(text: str, expected: str) -> None:
    assert checked_reason(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Enter a reason"),
        (" \r\n\t", "Enter a reason"),
        ("x" * (REASON_MAX + 1), "Enter at most 1000 characters; this has 1001"),
        ("\x1b[2J", "without control characters"),
        ("a\0b", "without control characters"),
        ("a\x85b", "without control characters"),
        ("\ud800", "without control characters"),
    ],
    ids=["empty", "blank", "too long", "escape", "null", "next line", "half a pair"],
)
def test_reason_that_is_not_text_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as refused:
        checked_reason(text)

    assert refused.value.field == "reason"


@pytest.mark.parametrize(
    ("pattern", "text", "accepted"),
    [
        (None, "called", True),
        ("INC-[0-9]+", "INC-4711", True),
        ("INC-[0-9]+", "called, see INC-4711.", True),
        ("INC-[0-9]+", "INC-", False),
        ("INC-[0-9]+", "inc-4711", False),
        ("(?i)^inc-[0-9]+:", "inc-4711: called", True),
        ("(?i)^inc-[0-9]+:", "called, inc-4711: again", False),
    ],
)
def test_reason_contains_a_ticket_if_the_site_asks_for_one(
    settings: Settings, pattern: str | None, text: str, accepted: bool
) -> None:
    settings.TICKET_PATTERN = re.compile(pattern) if pattern else None
    if accepted:
        assert checked_reason(text) == text
        return
    with pytest.raises(InputError, match="Enter the ticket") as refused:
        checked_reason(text)

    assert refused.value.field == "reason"
    assert str(pattern) in str(refused.value)


def test_owner_is_kept_without_the_spaces_around() -> None:
    assert checked_owner("  network team ") == "network team"


@pytest.mark.parametrize("text", ["", "  ", None, 7, "x" * 101, "two\nlines", "a\0b"])
def test_owner_that_is_not_one_line_of_text_is_refused(text: object) -> None:
    with pytest.raises(InputError):
        checked_owner(text)


def test_earliest_last_day_is_tomorrow() -> None:
    assert checked_end("2026-11-23", NOW) == NOW.date() + timedelta(days=1)


def test_exemption_ends_within_the_days_of_the_setting(settings: Any) -> None:
    settings.EXEMPTION_DAYS = 10

    assert checked_end("2026-12-02", NOW) == NOW.date() + timedelta(days=10)
    for text in ("2026-12-03", "9999-12-31"):
        with pytest.raises(InputError, match="Enter 2026-12-02 or an earlier") as refused:
            checked_end(text, NOW)
        assert refused.value.field == "ends_on"


@pytest.mark.parametrize("value", ["true", 1, [], {}])
def test_flag_is_true_or_false(value: object) -> None:
    values = {"reason": "called", "identity": "callback", "beyond_limit": value}
    with pytest.raises(InputError) as refused:
        checked_inputs(UNLOCK, values, NOW)

    assert refused.value.field == "beyond_limit"


@pytest.mark.parametrize("text", ["", None, 7, "tomorrow", "2026-02-30", "2026-11-22", "2025-1-1"])
def test_last_day_that_is_not_after_today_is_refused(text: object) -> None:
    with pytest.raises(InputError):
        checked_end(text, NOW)


def test_inputs_are_those_that_the_act_asks_for() -> None:
    values = {
        "reason": "called",
        "identity": "callback",
        "option": "ignore_password_expiry",
        "owner": "network team",
        "ends_on": "2026-12-01",
    }

    assert checked_inputs(UNLOCK, values, NOW) == {
        "reason": "called",
        "identity": "callback",
        "beyond_limit": False,
    }
    assert set(checked_inputs(EXEMPT, values, NOW)) == set(EXEMPT.asks)


def test_only_the_command_line_may_confirm_an_identity_by_the_host() -> None:
    values = {"reason": "called", "identity": "host"}

    assert checked_inputs(UNLOCK, values, NOW, on_host=True)["identity"] == "host"
    with pytest.raises(InputError, match="callback") as refused:
        checked_inputs(UNLOCK, values, NOW)
    assert refused.value.field == "identity"
