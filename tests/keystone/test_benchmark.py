"""The token benchmark: what it sends, says, and refuses."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from pciops.keystone.benchmark import MAX_ERRORS, Measurement, percentile
from tests.fake_keystone import Answer, FakeKeystone, error
from tests.fake_keystone import fake_keystone as fake_keystone
from tests.signin.credentials import give
from tests.signin.credentials import without_clouds as without_clouds

pytestmark = pytest.mark.usefixtures("without_clouds")

SMALL = ("--serial", "3", "--tokens", "6", "--validations", "4", "--concurrency", "2")
CREATE, VALIDATE = "POST /v3/auth/tokens", "GET /v3/auth/tokens"


@pytest.fixture
def keystone(monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone) -> FakeKeystone:
    """A Keystone, with the credentials of ada in the environment."""
    give(monkeypatch, fake_keystone, fake_keystone.person())
    return fake_keystone


def run(*words: str) -> tuple[str, str]:
    """Run the command, and return what it writes on both streams."""
    out, err = io.StringIO(), io.StringIO()
    call_command("keystone_benchmark", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refused(*words: str) -> CommandError:
    with pytest.raises(CommandError) as raised:
        run(*words)
    return raised.value


def fail_from(
    keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch, after: int, status: int
) -> None:
    """Let Keystone answer every request after so many with an error."""
    answer, answered = keystone.answer, Counter[str]()

    def answer_or_fail(*request: Any) -> Answer:
        answered["all"] += 1
        if answered["all"] > after:
            keystone.asked["failed"] += 1
            return error(status, "oops")
        return answer(*request)

    monkeypatch.setattr(keystone, "answer", answer_or_fail)


def test_sends_exactly_the_requests_that_it_announces(keystone: FakeKeystone) -> None:
    _, plan = run("--yes", *SMALL)

    assert keystone.asked == {CREATE: 10, VALIDATE: 7}
    assert "10 tokens" in plan
    assert "validates 7" in plan


def test_json_has_the_figures_of_each_measurement(keystone: FakeKeystone) -> None:
    out, _ = run("--yes", "--format", "json", *SMALL)
    result = json.loads(out)

    assert result["keystone"] == keystone.url
    measured = [(row["what"], row["at_once"], row["count"]) for row in result["measurements"]]
    assert measured == [
        ("create", 1, 3),
        ("validate", 1, 3),
        ("create", 2, 6),
        ("validate", 2, 4),
    ]
    for row in result["measurements"]:
        assert row["errors"] == 0
        assert 0 < row["median_ms"] <= row["p95_ms"]
        assert row["per_second"] > 0


def test_table_has_a_line_for_each_measurement(keystone: FakeKeystone) -> None:
    out, _ = run("--yes", *SMALL)

    assert [line.split()[0] for line in out.splitlines()] == [
        *("what", "create", "validate", "create", "validate"),
    ]


def test_shows_url_and_account_and_never_the_password(keystone: FakeKeystone) -> None:
    out, err = run("--yes", *SMALL)

    assert keystone.url in err
    assert "ada" in err
    assert "right horse" not in out + err


@pytest.mark.parametrize("answer", ["", "n\n", "maybe\n"])
def test_without_a_yes_nothing_is_sent(
    keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))

    failure = refused(*SMALL)

    assert failure.returncode == 2
    assert "--yes" in str(failure)
    assert keystone.asked == {}


def test_a_typed_yes_begins(keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    run(*SMALL)

    assert keystone.asked[CREATE] == 10


@pytest.mark.parametrize(
    "words",
    [
        ("--serial", "0"),
        ("--tokens", "10001"),
        ("--concurrency", "101"),
        ("--serial", "many"),
        ("--tokens", "5", "--validations", "6"),
    ],
)
def test_a_wrong_number_is_wrong_usage(keystone: FakeKeystone, words: tuple[str, ...]) -> None:
    failure = refused("--yes", *words)

    assert words[-2] in str(failure)
    assert keystone.asked == {}


def test_without_credentials_it_is_wrong_usage(
    fake_keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OS_USERNAME", raising=False)

    failure = refused("--yes")

    assert failure.returncode == 2
    assert "OS_CLOUD" in str(failure)


def test_a_wrong_password_is_tried_once(
    keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_PASSWORD", "wrong")

    failure = refused("--yes", *SMALL)

    assert failure.returncode == 1
    assert "refused" in str(failure)
    assert keystone.asked[CREATE] == 1


def test_a_refusal_ends_it_before_the_account_locks(
    keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_from(keystone, monkeypatch, after=4, status=401)

    failure = refused("--yes", "--serial", "50")

    assert failure.returncode == 1
    assert keystone.asked["failed"] == 1


def test_many_errors_end_it(keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_from(keystone, monkeypatch, after=4, status=503)

    failure = refused("--yes", "--serial", "50")

    assert failure.returncode == 1
    assert "HTTP 503" in str(failure)
    assert keystone.asked["failed"] == MAX_ERRORS


def test_no_answer_is_said(keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_AUTH_URL", "http://127.0.0.1:9/v3")

    failure = refused("--yes", *SMALL)

    assert failure.returncode == 1
    assert "does not answer" in str(failure)


@pytest.mark.parametrize(
    ("times", "percent", "value"),
    [
        ([], 95, None),
        ([1.0], 95, 1.0),
        ([1.0, 2.0], 50, 1.0),
        ([*map(float, range(1, 101))], 95, 95.0),
    ],
)
def test_percentiles_are_those_of_the_nearest_rank(
    times: list[float], percent: int, value: float | None
) -> None:
    assert percentile(times, percent) == value


def test_figures_without_a_success_are_unknown() -> None:
    measurement = Measurement(what="create", concurrency=1, times=[], errors=3, seconds=1.0)

    assert measurement.as_row["median_ms"] is None
    assert measurement.as_row["p95_ms"] is None
    assert measurement.as_row["count"] == 0
