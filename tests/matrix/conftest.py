"""Fixtures of these tests: a fake Keystone and a clock that stands."""

from __future__ import annotations

import pytest

from tests.fake_keystone import fake_keystone as fake_keystone
from tests.matrix.calls import WEEK
from tests.reports.samples import store_sample
from tests.signin.visit import clock as clock


@pytest.fixture(autouse=True)
def _clock_stands(clock: object) -> None:
    """In every test here."""


@pytest.fixture(autouse=True)
def _reports_are_kept(request: pytest.FixtureRequest, clock: object) -> None:
    """For calls about reports: of the whole cloud, and of each domain that callers are of."""
    call = getattr(request.node, "callspec", None) and request.node.callspec.params.get("call")
    if call is None or "report" not in call.route:
        return
    request.getfixturevalue("db")
    for domain_id in ("", "shops", "payments"):
        store_sample(WEEK, domain_id=domain_id)
