"""A mail server for tests, and settings that use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.notices.letterbox import Letterbox, open_letterbox


@pytest.fixture(autouse=True)
def var(settings: Settings, tmp_path: Path) -> Path:
    """A folder for journals that nobody else looks into."""
    folder = tmp_path / "var"
    settings.VAR = folder
    return folder


@pytest.fixture
def sender(settings: Settings) -> None:
    """Who sends, and what mails say of the site."""
    settings.MAIL_FROM = "pciops <pciops@cloud.example>"
    settings.CLOUD_NAME = "Test cloud"


@pytest.fixture(params=[False, True], ids=["", "pipelining"])
def letterbox(
    request: pytest.FixtureRequest, settings: Settings, sender: None
) -> Iterator[Letterbox]:
    """The server that mails go to."""
    with open_letterbox(pipelining=request.param) as box:
        settings.MAIL_SERVER = box.server
        yield box
