"""Fixtures of the pages: a fake Keystone, a frozen clock, and signed-in browsers."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.fake_keystone import FakeKeystone
from tests.fake_keystone import fake_keystone as fake_keystone
from tests.signin.visit import clock as clock
from tests.signin.visit import operator as operator
from tests.signin.visit import signed_in
from tests.signin.visit import site as site


@pytest.fixture(autouse=True)
def _frozen_clock(clock: object) -> None:
    """Freeze the time in every test."""


@pytest.fixture
def shops(fake_keystone: FakeKeystone) -> Client:
    """A browser of an administrator of only the domain shops."""
    return signed_in(fake_keystone.person("sam", domain_id="shops", roles={"shops": {"admin"}}))


@pytest.fixture
def auditor(fake_keystone: FakeKeystone) -> Client:
    """A browser of an auditor of the whole cloud."""
    return signed_in(fake_keystone.person("rita", roles={"system": {"reader"}}))
