"""The findings of the doctor over the API."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pciops.lib import doctor
from pciops.lib.doctor import problem
from tests.api.call import assert_refused, get, token_of_domain
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

DOCTOR = "/api/v1/doctor"


def test_findings_are_those_of_the_command(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [replace(problem("Gone.", "Find it."), check="files")]
    monkeypatch.setattr(doctor, "run", lambda: found)

    assert get(token, DOCTOR).json() == {
        "checked_at": "2026-11-22T14:02:11Z",
        "findings": [
            {"check": "files", "level": "problem", "finding": "Gone.", "remedy": "Find it."}
        ],
    }


@pytest.mark.parametrize("role", ["reader", "helpdesk"])
def test_only_administrators_may_ask(
    fake_keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.delattr(doctor, "run")
    person = fake_keystone.person(roles={"system": {role}})

    assert get(fake_keystone.issue(person, "system"), DOCTOR).status_code == 403


def test_administrators_of_a_domain_may_not_ask(
    fake_keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(doctor, "run")

    assert_refused(get(token_of_domain(fake_keystone), DOCTOR), 403, "This needs the role admin")
