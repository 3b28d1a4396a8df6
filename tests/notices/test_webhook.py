"""Calls of the webhook: signed, made once, and repeated if they fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.lib import env
from pciops.notices.alerts import run as alerts
from pciops.notices.models import DeliveryStatus, WebhookCall
from tests.factories import NOW
from tests.support.certificates import certificate
from tests.support.processes import free_port
from tests.support.webhook import SECRET, Receiver, serving

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    receiver = Receiver()
    with serving(receiver) as port:
        settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{port}/hook?from=pciops"
        settings.ALERT_WEBHOOK_SECRET = SECRET
        yield receiver


@pytest.fixture(autouse=True)
def call() -> WebhookCall:
    body = '{"type": "lockout_storm", "name": "Ännchen"}'
    return WebhookCall.objects.create(
        about="storm 7", body=body, raised_at=NOW, next_attempt_at=NOW
    )


def call_due(after: timedelta = timedelta(0)) -> WebhookCall:
    """Make the calls that are due; return the call as it is then."""
    alerts.call_due(clock=lambda: NOW + after)
    return WebhookCall.objects.get()


def test_a_call_has_a_signature_that_the_other_side_can_check(receiver: Receiver) -> None:
    call = call_due()
    [(path, headers, body)] = receiver.calls

    assert receiver.accepts()
    assert not receiver.accepts(now=NOW.timestamp() + 301)  # replayed
    assert path == "/hook?from=pciops"
    assert body.decode() == call.body
    assert headers["X-Pciops-Delivery"] == str(call.pk)
    assert (call.status, call.answer) == (DeliveryStatus.SENT, "204 No Content")


def test_a_call_is_not_made_again_after_it_was_taken(receiver: Receiver) -> None:
    call_due()
    call_due(timedelta(hours=1))

    assert len(receiver.calls) == 1


def test_a_call_that_fails_is_repeated_and_signed_anew(receiver: Receiver) -> None:
    receiver.status = 503
    call_due()
    call_due(timedelta(seconds=59))
    assert len(receiver.calls) == 1
    receiver.status = 200
    call = call_due(MINUTE)
    first, second = (headers["X-Pciops-Signature"] for _, headers, _ in receiver.calls)

    assert receiver.accepts(now=NOW.timestamp() + 60)
    assert first != second
    assert (call.status, call.attempts) == (DeliveryStatus.SENT, 2)


def test_a_call_is_given_up_after_a_day_with_the_reason(receiver: Receiver) -> None:
    receiver.status = 500
    for hours in range(25):
        call = call_due(timedelta(hours=hours))

    assert (call.status, call.answer) == (DeliveryStatus.GIVEN_UP, "500 Internal Server Error")


def test_a_redirect_is_not_followed(receiver: Receiver, settings: Settings) -> None:
    receiver.status, receiver.location = 307, f"{settings.ALERT_WEBHOOK_URL}/elsewhere"
    call = call_due()

    assert len(receiver.calls) == 1
    assert call.status == DeliveryStatus.PLANNED
    assert "redirect is not followed: 307" in call.answer


def test_a_refused_connection_defers_the_call(settings: Settings) -> None:
    settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{free_port()}/"
    call = call_due()

    assert call.status == DeliveryStatus.PLANNED
    assert "Connection refused" in call.answer


def test_only_a_trusted_certificate_is_accepted(settings: Settings, tmp_path: Path) -> None:
    receiver, pem = Receiver(), certificate(tmp_path, name="localhost")
    with serving(receiver, pem) as port:
        settings.ALERT_WEBHOOK_URL = f"https://localhost:{port}/"
        assert "certificate is not trusted" in call_due().answer
        assert receiver.calls == []

        settings.ALERT_WEBHOOK_CACERT = str(pem)
        assert call_due(MINUTE).status == DeliveryStatus.SENT


def test_address_can_come_from_a_file_and_is_in_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "url"
    monkeypatch.setenv("PCIOPS_X_FILE", str(path))
    path.write_text("https://hooks.example/services/T0/s3cret\n")
    assert env.http_url("PCIOPS_X", example="") == "https://hooks.example/services/T0/s3cret"

    path.write_text("hooks.example/services/T0/s3cret")
    with pytest.raises(env.SettingError) as error:
        env.http_url("PCIOPS_X", example="")
    assert "s3cret" not in str(error.value)
