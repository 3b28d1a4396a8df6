"""The doctor's checks of the way to Keystone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections
from pytest_django import Settings

from pciops.keystone import doctor
from tests.factories import NOW, make_locked_user
from tests.fake_keystone import FakeKeystone
from tests.fake_keystone import fake_keystone as fake_keystone
from tests.web.unlocking import failures

BOTH = pytest.mark.django_db(databases=["default", "keystone"])


def found(check: Any) -> list[tuple[str, str]]:
    """Level and sentence of what a check finds."""
    return [(str(finding.level), finding.sentence) for finding in check()]


def refuse(*_: Any) -> None:
    """What a server that is away does."""
    raise OperationalError(2002, "Can't connect to server on 'db.example'")


# --- The database -------------------------------------------------------------------------------
@BOTH
@pytest.mark.parametrize(
    "check",
    [
        doctor.answers,
        doctor.tables,
        doctor.unlocking,
        doctor.least_privilege,
        doctor.database_clock,
    ],
    ids=lambda check: check.__name__,
)
def test_a_database_as_it_should_be_is_in_order(check: Any) -> None:
    assert [level for level, _ in found(check)] == ["ok"]


@BOTH
def test_a_database_that_is_away_is_a_problem() -> None:
    with connections["keystone"].execute_wrapper(refuse):
        [(level, sentence)] = found(doctor.answers)

    assert (level, sentence) == (
        "problem",
        "It does not answer: Can't connect to server on 'db.example'.",
    )


@BOTH
def test_a_column_that_cannot_be_read_is_named() -> None:
    def hide(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if '"expires_at_int"' in sql:
            raise OperationalError(1143, "SELECT command denied")
        return execute(sql, params, many, context)

    with connections["keystone"].execute_wrapper(hide):
        assert found(doctor.tables) == [
            ("problem", "password.expires_at_int cannot be read: SELECT command denied.")
        ]


@BOTH
def test_an_update_that_is_refused_is_a_problem() -> None:
    with connections["keystone"].execute_wrapper(refuse):
        [(level, sentence)] = found(doctor.unlocking)

    assert level == "problem"
    assert sentence.startswith("Nothing can be unlocked: ")


@BOTH
def test_trying_the_update_changes_nothing() -> None:
    user = make_locked_user(at=NOW)
    found(doctor.unlocking)

    assert failures(user) == (3, NOW)


# --- The API and the clocks ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("ahead", "level"),
    [(0, "ok"), (-1, "ok"), (2, "ok"), (10, "warning"), (-10, "warning"), (90, "problem")],
)
def test_keystones_clock_is_compared_with_ours(
    fake_keystone: FakeKeystone, ahead: int, level: str
) -> None:
    fake_keystone.ahead = ahead
    _answers, (found_level, _) = found(doctor.api)

    assert found_level == level


def test_an_api_that_is_away_is_a_problem(settings: Settings) -> None:
    settings.OS_AUTH_URL = "http://127.0.0.1:9/v3"

    assert found(doctor.api) == [
        ("problem", "http://127.0.0.1:9/v3 does not answer: no connection.")
    ]


def test_an_api_that_is_not_named_is_a_problem(settings: Settings) -> None:
    settings.OS_AUTH_URL = ""

    assert found(doctor.api) == [("problem", "It is not named.")]


def test_a_database_that_is_not_named_is_a_problem(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.DATABASES["keystone"], "ENGINE", "django.db.backends.dummy")

    assert found(doctor.answers) == [("problem", "It is not named.")]


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0, "ok"), (2, "ok"), (2.1, "warning"), (30, "warning"), (30.1, "problem"), (-31, "problem")],
)
def test_clocks_may_differ_by_two_seconds_and_must_not_by_thirty(
    seconds: float, level: str
) -> None:
    theirs = NOW + timedelta(seconds=seconds)

    assert doctor.skew("It", (theirs, theirs), (NOW, NOW)).level == level


@pytest.mark.parametrize(("seconds", "word"), [(10, "ahead of"), (-10, "behind")])
def test_it_is_said_which_clock_is_ahead(seconds: int, word: str) -> None:
    theirs = NOW + timedelta(seconds=seconds)

    assert doctor.skew("It", (theirs, theirs), (NOW, NOW)).sentence == f"It is 10 s {word} ours."


def test_a_slow_answer_is_no_skew() -> None:
    theirs = NOW + timedelta(seconds=4)

    assert doctor.skew("It", (theirs, theirs), (NOW, NOW + timedelta(seconds=5))).level == "ok"
