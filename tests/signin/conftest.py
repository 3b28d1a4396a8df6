"""Fixtures of these tests: a fake Keystone, a clock that stands still, and a signed-in operator."""

from __future__ import annotations

import pytest

from tests.fake_keystone import fake_keystone as fake_keystone
from tests.signin.visit import clock as clock
from tests.signin.visit import operator as operator
from tests.signin.visit import site as site


@pytest.fixture(autouse=True)
def _clock_stands_still(clock: object) -> None:
    pass
