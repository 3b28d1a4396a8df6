"""System checks: a variable that nobody reads is misspelt."""

from __future__ import annotations

import pytest
from django.core.checks import CheckMessage

from pciops.lib.apps import variables_are_known


def about(name: str) -> list[CheckMessage]:
    """The warnings about a variable."""
    return [warning for warning in variables_are_known() if name in warning.msg]


def test_a_misspelt_variable_is_named_with_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_CLOUD_NAMES", "x")
    warnings = about("PCIOPS_CLOUD_NAMES")

    assert [warning.id for warning in warnings] == ["pciops.W001"]
    assert warnings[0].hint == "Did you mean PCIOPS_CLOUD_NAME?"


def test_a_variable_like_no_other_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_QQQQQQQQQQQQQQQQQQQQ", "x")
    warnings = about("PCIOPS_QQQQQQQQQQQQQQQQQQQQ")

    assert [warning.hint for warning in warnings] == ["README.md lists the settings."]


@pytest.mark.parametrize(
    "name",
    [
        "PCIOPS_CLOUD_NAME",
        "PCIOPS_SECRET_KEY_FILE",
        "PCIOPS_KEYSTONE_DATABASE_URL_FILE",
        "PCIOPS_POLICY_LOCKOUT_DURATION",
    ],
)
def test_a_variable_that_is_read_is_right(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")

    assert about(name) == []


def test_variables_of_others_are_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_NONSENSE", "x")

    assert about("OS_NONSENSE") == []
