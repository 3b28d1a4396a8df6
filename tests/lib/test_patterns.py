"""Settings that are regular expressions."""

from __future__ import annotations

import pytest

from pciops.lib.env import SettingError
from pciops.lib.patterns import pattern

NAME = "PCIOPS_TICKET_PATTERN"


def read(monkeypatch: pytest.MonkeyPatch, value: str) -> str | None:
    """Return the pattern of this value."""
    monkeypatch.setenv(NAME, value)
    compiled = pattern(NAME, example="INC-[0-9]+")
    return compiled.pattern if compiled else None


@pytest.mark.parametrize(
    ("value", "expected"), [("", None), ("  ", None), ("INC-[0-9]+", "INC-[0-9]+")]
)
def test_pattern_is_read(monkeypatch: pytest.MonkeyPatch, value: str, expected: str | None) -> None:
    assert read(monkeypatch, value) == expected


@pytest.mark.parametrize(
    ("value", "problem"),
    [("INC-[", "not a regular expression"), ("(INC)?", "matches every text"), (".*", "every text")],
)
def test_pattern_that_is_none_or_refuses_nothing_is_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    with pytest.raises(SettingError, match=problem) as error:
        read(monkeypatch, value)

    assert NAME in str(error.value)
    assert "Example" in str(error.value)
