"""Fixtures of the matrix: a fake Keystone, a frozen clock, and stored reports."""

from __future__ import annotations

import pytest

from tests.fake_keystone import fake_keystone as fake_keystone
from tests.matrix.calls import WEEK
from tests.reports.keeping import kept
from tests.signin.visit import clock as clock


@pytest.fixture(autouse=True)
def _reports(clock: object, db: object) -> None:
    """Store a report of the cloud, and of each domain that callers have a role in."""
    for domain_id in ("", "shops", "payments"):
        kept(WEEK, domain_id=domain_id)
