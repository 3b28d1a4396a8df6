"""The doctor's checks of notifications."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from pciops.events import doctor, liveness
from pciops.events.intake import broker
from pciops.events.intake.consumer import SessionRecorder
from pciops.events.intake.names import NameResolver
from pciops.events.intake.record import record_messages
from pciops.lib.doctor import CheckResult
from tests.support.processes import free_port

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def node(settings: Settings) -> str:
    """A RabbitMQ that is configured and does not answer."""
    address = f"127.0.0.1:{free_port()}"
    settings.NOTIFICATIONS_URLS = [f"amqp://pciops:s3cret@{address}//"]
    return address


def findings(check: str) -> list[CheckResult]:
    return list(getattr(doctor, check)())


def test_notifications_that_are_not_configured_are_a_warning() -> None:
    [finding] = findings("notifications")

    assert finding.level == "warning"
    assert "PCIOPS_NOTIFICATIONS_URL" in finding.remedy
    assert findings("consumer") == findings("keystone_conf") == []


def test_an_unreachable_rabbitmq_is_a_problem(node: str) -> None:
    [finding] = findings("notifications")

    assert finding.level == "problem"
    assert node in finding.sentence
    assert "s3cret" not in finding.sentence + finding.remedy


def test_each_unreachable_node_of_several_is_a_warning(node: str, settings: Settings) -> None:
    settings.NOTIFICATIONS_URLS *= 2

    assert [finding.level for finding in findings("notifications")] == [
        "warning",
        "warning",
        "problem",
    ]


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("waiting", [None, 60_000])
def test_a_consumer_that_is_running_is_not_to_be_started(
    monkeypatch: pytest.MonkeyPatch, running: bool, waiting: int | None
) -> None:
    """None waiting: there is no queue."""

    class Channel:
        def queue_declare(self, name: str, passive: bool) -> SimpleNamespace:
            if waiting is None:
                raise LookupError
            return SimpleNamespace(message_count=waiting)

    link: Any = SimpleNamespace(default_channel=Channel(), channel_errors=(LookupError,))
    monkeypatch.setattr(broker, "address", lambda link: "rabbit.example:5672")
    state = SimpleNamespace(running=running)
    monkeypatch.setattr(liveness, "liveness", lambda now: state)
    finding = doctor._queue(link)

    assert finding.level != "ok"
    assert ("Start pciops consume_events" in finding.remedy) is not running


@pytest.mark.usefixtures("node")
def test_the_consumer_must_be_running_and_connected() -> None:
    session = SessionRecorder()
    [absent] = findings("consumer")
    session.connect(timezone.now())
    [connected] = findings("consumer")
    session.disconnect("the rabbit is gone", timezone.now())
    [disconnected] = findings("consumer")

    assert (absent.level, connected.level, disconnected.level) == ("problem", "ok", "problem")
    assert "the rabbit is gone" in disconnected.sentence
    assert "since" in disconnected.sentence


@pytest.mark.usefixtures("node")
def test_dead_letters_are_a_warning() -> None:
    record_messages(["{", "{"], resolver=NameResolver(), now=timezone.now())
    finding = findings("consumer")[-1]

    assert finding.level == "warning"
    assert "2 messages" in finding.sentence
    assert "not JSON" in finding.sentence


@pytest.mark.usefixtures("node")
def test_a_missing_keystone_conf_is_a_warning() -> None:
    [finding] = findings("keystone_conf")

    assert (finding.level, "PCIOPS_KEYSTONE_CONF" in finding.remedy) == ("warning", True)


@pytest.mark.usefixtures("node")
def test_each_missing_option_is_a_warning_with_its_line(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "keystone.conf"
    path.write_text("[DEFAULT]\n")
    settings.KEYSTONE_CONF = [str(path)]
    found = findings("keystone_conf")

    assert len(found) >= 4
    assert {finding.level for finding in found} == {"warning"}
    assert all("keystone.conf" in finding.remedy for finding in found)


@pytest.mark.usefixtures("node")
def test_an_unreadable_keystone_conf_is_left_to_the_check_of_the_policy(
    settings: Settings,
) -> None:
    settings.KEYSTONE_CONF = ["/no/such"]

    assert findings("keystone_conf") == []


# --- Commands -----------------------------------------------------------------------------------
def test_the_consumer_does_not_start_without_an_address() -> None:
    with pytest.raises(CommandError, match="PCIOPS_NOTIFICATIONS_URL"):
        call_command("consume_events")


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_the_command_lists_dead_letters(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    record_messages(["=1+1{"], resolver=NameResolver(), now=timezone.now())
    call_command("set_aside", "--format", form)

    assert "not JSON" in capsys.readouterr().out
