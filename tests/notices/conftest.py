"""An SMTP server for tests, and settings that use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.notices.smtp_server import SmtpServer, smtp_server_running


@pytest.fixture
def sender(settings: Settings) -> None:
    """The sender of mails, and the cloud they are about."""
    settings.MAIL_FROM = "pciops <pciops@cloud.example>"
    settings.CLOUD_NAME = "Test cloud"


@pytest.fixture
def smtp_server(settings: Settings, sender: None) -> Iterator[SmtpServer]:
    """The server of the settings."""
    with smtp_server_running() as server:
        settings.MAIL_SERVER = server.address
        yield server
