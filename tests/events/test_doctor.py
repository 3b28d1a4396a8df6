"""What the doctor says of notifications."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from pciops.events import doctor
from pciops.events.intake import record
from pciops.events.intake.sessions import Run
from pciops.events.names import Names
from pciops.lib.doctor import CheckResult
from tests.support.processes import free_port

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def away(settings: Settings) -> str:
    """A RabbitMQ that is named and does not answer."""
    where = f"127.0.0.1:{free_port()}"
    settings.NOTIFICATIONS_URLS = [f"amqp://pciops:s3cret@{where}//"]
    return where


def found(check: str) -> list[CheckResult]:
    return list(getattr(doctor, check)())


def test_without_an_address_it_says_what_does_not_work() -> None:
    [finding] = found("notifications")

    assert finding.level == "warning"
    assert "from where and with which program an account was locked" in finding.sentence
    assert "PCIOPS_NOTIFICATIONS_URL" in finding.remedy
    assert found("consumer") == found("keystone_conf") == []


def test_a_rabbitmq_that_is_away_is_a_problem(away: str) -> None:
    [finding] = found("notifications")

    assert finding.level == "problem"
    assert finding.sentence.startswith(f"{away} does not answer: ")
    assert "s3cret" not in finding.sentence + finding.remedy


def test_of_several_nodes_each_that_is_away_is_a_warning(away: str, settings: Settings) -> None:
    settings.NOTIFICATIONS_URLS = [*settings.NOTIFICATIONS_URLS, *settings.NOTIFICATIONS_URLS]

    assert [finding.level for finding in found("notifications")] == [
        "warning",
        "warning",
        "problem",
    ]


def test_no_consumer_is_a_problem(away: str) -> None:
    [finding] = found("consumer")

    assert finding.level == "problem"
    assert finding.sentence == "None is running: nothing has been heard of sign-ins yet."


def test_a_consumer_that_is_connected_is_in_order(away: str) -> None:
    run = Run(timezone.now())
    run.connect(timezone.now())
    [finding] = found("consumer")

    assert finding.level == "ok"


def test_a_consumer_that_is_not_connected_is_a_problem_and_says_why(away: str) -> None:
    run = Run(timezone.now())
    run.connect(timezone.now())
    run.lose("the rabbit is gone", timezone.now())
    [finding] = found("consumer")

    assert finding.level == "problem"
    assert "the rabbit is gone. Nothing has been heard of sign-ins since" in finding.sentence


def test_messages_that_were_set_aside_are_a_warning(away: str) -> None:
    record.take_in(["{", "{"], names=Names(), now=timezone.now())
    finding = found("consumer")[-1]

    assert finding.level == "warning"
    assert "2 in all" in finding.sentence
    assert finding.sentence.endswith("not JSON.")


def test_without_a_keystone_conf_it_cannot_know(away: str) -> None:
    [finding] = found("keystone_conf")

    assert (finding.level, "PCIOPS_KEYSTONE_CONF" in finding.remedy) == ("warning", True)


def test_each_thing_that_keystone_conf_lacks_is_a_warning_with_its_line(
    away: str, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "keystone.conf"
    path.write_text("[DEFAULT]\n")
    settings.KEYSTONE_CONF = [str(path)]
    findings = found("keystone_conf")

    assert len(findings) >= 4
    assert {finding.level for finding in findings} == {"warning"}
    assert all(finding.remedy.startswith("In keystone.conf, below [") for finding in findings)


def test_a_keystone_conf_that_cannot_be_read_is_the_policys_finding(
    away: str, settings: Settings
) -> None:
    settings.KEYSTONE_CONF = ["/no/such"]

    assert found("keystone_conf") == []


# --- Commands -----------------------------------------------------------------------------------
def test_the_consumer_does_not_start_without_an_address() -> None:
    with pytest.raises(CommandError, match="PCIOPS_NOTIFICATIONS_URL is not set"):
        call_command("consume_events")


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_what_was_set_aside_is_shown(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    record.take_in(["=1+1{"], names=Names(), now=timezone.now())
    call_command("set_aside", "--format", form)

    assert "not JSON" in capsys.readouterr().out
