"""Tests of the doctor's checks of Keystone, and of the system check of its settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import Error
from django.db import OperationalError, connections
from pytest_django import Settings

from pciops.keystone import doctor
from pciops.keystone.apps import keystone_is_configured
from tests.factories import NOW, make_locked_user
from tests.fake_keystone import FakeKeystone
from tests.fake_keystone import fake_keystone as fake_keystone
from tests.web.unlocking import failures

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

UNSET = {"ENGINE": "django.db.backends.dummy"}


def results_of(check: Any) -> list[tuple[str, str]]:
    """Return level and sentence of each result."""
    return [(str(result.level), result.sentence) for result in check()]


def refuse(*_: Any) -> None:
    raise OperationalError(2002, "Can't connect to server on 'db.example'")


# --- The database -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "check",
    [
        doctor.answers,
        doctor.tables,
        doctor.optional_index,
        doctor.unlocking,
        doctor.least_privilege,
        doctor.database_clock,
    ],
    ids=lambda check: check.__name__,
)
def test_working_database_is_in_order(check: Any) -> None:
    assert [level for level, _ in results_of(check)] == ["ok"]


def test_database_outage_is_a_problem() -> None:
    with connections["keystone"].execute_wrapper(refuse):
        [(level, sentence)] = results_of(doctor.answers)

    assert level == "problem"
    assert "Can't connect to server on 'db.example'" in sentence


def test_unreadable_column_is_a_problem() -> None:
    def hide(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if '"expires_at_int"' in sql:
            raise OperationalError(1143, "SELECT command denied")
        return execute(sql, params, many, context)

    with connections["keystone"].execute_wrapper(hide):
        [(level, sentence)] = results_of(doctor.tables)

    assert level == "problem"
    assert sentence.startswith("password.expires_at_int ")
    assert "SELECT command denied" in sentence


def test_refused_update_is_a_problem() -> None:
    with connections["keystone"].execute_wrapper(refuse):
        assert [level for level, _ in results_of(doctor.unlocking)] == ["problem"]


def test_check_of_the_update_changes_nothing() -> None:
    user = make_locked_user(at=NOW)
    results_of(doctor.unlocking)

    assert failures(user) == (3, NOW)


@pytest.mark.parametrize(
    ("large", "columns", "sentence", "has_remedy"),
    [
        (100_000, "", "not needed below 100,000 accounts", False),
        (1, "", "reads all of local_user", True),
        (1, "failed_auth_at, failed_auth_count", "reads all of local_user", True),
        (1, "failed_auth_count, failed_auth_at", "has the optional index", False),
        (1, "failed_auth_count, failed_auth_at, name", "has the optional index", False),
    ],
)
def test_large_cloud_without_the_optional_index_is_told_its_sql(
    monkeypatch: pytest.MonkeyPatch, large: int, columns: str, sentence: str, has_remedy: bool
) -> None:
    make_locked_user(at=NOW)
    monkeypatch.setattr(doctor, "LARGE", large)
    if columns:
        with connections["keystone"].cursor() as cursor:
            cursor.execute(f"CREATE INDEX failures_of_the_test ON local_user ({columns})")
    [result] = doctor.optional_index()

    assert result.level == "ok"
    assert sentence in result.sentence
    assert (f"{doctor.INDEX};" in result.remedy) is has_remedy


def test_sql_of_the_optional_index_satisfies_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LARGE", 0)
    with connections["keystone"].cursor() as cursor:
        cursor.execute(doctor.INDEX)

    assert results_of(doctor.optional_index)[0][1].startswith("local_user has the optional index")


# --- The API and the clocks ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("ahead", "level"),
    [(0, "ok"), (-1, "ok"), (2, "ok"), (10, "warning"), (-10, "warning"), (90, "problem")],
)
def test_keystones_clock_is_compared(fake_keystone: FakeKeystone, ahead: int, level: str) -> None:
    fake_keystone.ahead = ahead
    _answers, (clock_level, _) = results_of(doctor.api)

    assert clock_level == level


@pytest.mark.parametrize(
    ("url", "term"), [("http://127.0.0.1:9/v3", "no connection"), ("", "not set")]
)
def test_missing_api_is_a_problem(settings: Settings, url: str, term: str) -> None:
    settings.OS_AUTH_URL = url
    [(level, sentence)] = results_of(doctor.api)

    assert level == "problem"
    assert term in sentence


def test_missing_database_is_a_problem(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.DATABASES["keystone"], "ENGINE", "django.db.backends.dummy")

    assert [level for level, _ in results_of(doctor.answers)] == ["problem"]


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0, "ok"), (2, "ok"), (2.1, "warning"), (30, "warning"), (30.1, "problem"), (-31, "problem")],
)
def test_skew_warns_above_two_seconds_and_is_a_problem_above_thirty(
    seconds: float, level: str
) -> None:
    theirs = NOW + timedelta(seconds=seconds)

    assert doctor.skew("It", (theirs, theirs), (NOW, NOW)).level == level


@pytest.mark.parametrize(("seconds", "word"), [(10, "ahead of"), (-10, "behind")])
def test_skew_has_a_direction(seconds: int, word: str) -> None:
    theirs = NOW + timedelta(seconds=seconds)

    assert doctor.skew("It", (theirs, theirs), (NOW, NOW)).sentence.endswith(f"10 s {word} ours.")


def test_slow_answer_is_not_a_skew() -> None:
    theirs = NOW + timedelta(seconds=4)

    assert doctor.skew("It", (theirs, theirs), (NOW, NOW + timedelta(seconds=5))).level == "ok"


# --- Settings -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("setting", "value", "identifier", "example"),
    [
        ("DATABASES", {"keystone": UNSET}, "pciops.E001", "PCIOPS_KEYSTONE_DATABASE_URL=mysql://"),
        ("OS_AUTH_URL", "", "pciops.E002", "OS_AUTH_URL=https://"),
    ],
)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_missing_setting_is_an_error_with_an_example(
    settings: Settings, setting: str, value: object, identifier: str, example: str
) -> None:
    assert keystone_is_configured() == []
    setattr(settings, setting, value)
    [error] = keystone_is_configured()

    assert error.id == identifier
    assert isinstance(error, Error)
    assert example in str(error.hint)
