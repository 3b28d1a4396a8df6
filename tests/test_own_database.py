"""The connection to our own database."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.test_settings import GOOD, LIMITED
from tests.test_settings import load as load


@pytest.mark.parametrize(
    ("url", "option", "value"),
    [
        ("mysql://p@h/pciops?ssl_ca=/ca.pem", "init_command", LIMITED),
        ("mysql://p@h/pciops?ssl_ca=/ca.pem", "read_timeout", 20),
        ("postgresql://p@h/pciops", "options", "-c statement_timeout=15s"),
    ],
)
def test_statements_on_our_own_database_are_limited_but_for_migrations(
    load: Any, monkeypatch: pytest.MonkeyPatch, url: str, option: str, value: object
) -> None:
    environment = {**GOOD, "PCIOPS_DATABASE_URL": url}
    assert load(**environment)["DATABASES"]["default"]["OPTIONS"][option] == value

    monkeypatch.setattr(sys, "argv", ["manage.py", "migrate"])
    assert option not in load(**environment)["DATABASES"]["default"]["OPTIONS"]
