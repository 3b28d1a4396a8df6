"""The command that sends a test email over the server of pciops' settings."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.notices.smtp_server import SmtpServer


def test_a_test_email_goes_over_our_server(
    smtp_server: SmtpServer, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("sendtestemail", "ann@cloud.example")
    [mail] = smtp_server.mails

    assert "Test cloud" in str(mail)
    assert "ann@cloud.example" in capsys.readouterr().out


@pytest.mark.parametrize("address", ["nobody", "Ann <ann@cloud.example>"])
def test_what_is_no_address_is_wrong_usage(smtp_server: SmtpServer, address: str) -> None:
    with pytest.raises(CommandError) as raised:
        call_command("sendtestemail", address)

    assert raised.value.returncode == 2
    assert smtp_server.mails == []


def test_a_missing_server_is_named(settings: Settings) -> None:
    settings.MAIL_SERVER = None
    with pytest.raises(CommandError, match="PCIOPS_EMAIL_URL") as raised:
        call_command("sendtestemail", "ann@cloud.example")

    assert raised.value.returncode == 2
