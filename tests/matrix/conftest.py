"""Fixtures of these tests: a fake Keystone and a clock that stands."""

from __future__ import annotations

import pytest

from tests.fake_keystone import fake_keystone as fake_keystone
from tests.signin.visit import clock as clock


@pytest.fixture(autouse=True)
def _clock_stands(clock: object) -> None:
    """In every test here."""
