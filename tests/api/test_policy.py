"""The policy over the API: values, sources, findings, disagreements; never the secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.accounts.policy.policy import NAMES
from tests.accounts.conf import HIDDEN, write
from tests.accounts.conf import conf as conf
from tests.api.call import get
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

POLICY = "/api/v1/policy"


def test_every_option_has_its_value_and_source(token: str, settings: Settings, conf: Path) -> None:
    settings.KEYSTONE_CONF = [str(conf)]
    settings.POLICY_OVERRIDES = {"lockout_duration": "60"}
    found = get(token, POLICY).json()["policy"]

    assert tuple(found) == NAMES
    assert found["lockout_failure_attempts"] == {"value": 6, "source": str(conf)}
    assert found["lockout_duration"] == {"value": 60, "source": "PCIOPS_POLICY_LOCKOUT_DURATION"}
    assert found["report_invalid_password_hash"]["value"] == ["event"]
    assert found["invalid_password_hash_secret_key_set"]["value"] is True


def test_the_secret_is_never_there(token: str, settings: Settings, conf: Path) -> None:
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [str(conf)], {}

    assert HIDDEN not in get(token, POLICY).content.decode()


def test_a_finding_says_what_is_demanded_and_what_to_set(token: str, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "6", "lockout_duration": "900"}
    findings = get(token, POLICY).json()["findings"]

    assert findings[1] == {
        "requirement": "8.3.4",
        "old_requirement": "8.1.6, 8.1.7",
        "title": "Lockout",
        "demand": "At most 10 failed tries lock an account, for at least 30 minutes or until its "
        "user's identity is confirmed.",
        "options": ["lockout_failure_attempts", "lockout_duration"],
        "value": "6 tries, then locked for 15 min",
        "passed": False,
        "reason": "The lock is too short: set lockout_duration to at least 1800 seconds.",
        "remedy": ["lockout_duration = 1800"],
        "probes": [],
    }


def test_a_probe_says_what_got_through(token: str, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"password_regex": "^.{9,}$"}
    probes = get(token, POLICY).json()["findings"][3]["probes"]

    assert probes[1] == {
        "kind": "11 letters and digits",
        "wanted": False,
        "accepted": "abcdefgh123",
        "passed": False,
    }


def test_disagreements_name_each_file(token: str, settings: Settings, tmp_path: Path) -> None:
    one = write(tmp_path / "a.conf", "password_expires_days = 90")
    other = write(tmp_path / "b.conf", "password_expires_days = 30")
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [one, other], {}

    assert get(token, POLICY).json()["disagreements"] == {
        "password_expires_days": [
            {"source": one, "value": 90},
            {"source": other, "value": 30},
        ]
    }


def test_an_administrator_of_a_domain_may_see_it(fake_keystone: FakeKeystone) -> None:
    person = fake_keystone.person(roles={"default": {"admin"}})

    assert get(fake_keystone.issue(person, "default"), POLICY).status_code == 200


def test_without_a_token_nothing_is_said(fake_keystone: FakeKeystone) -> None:
    response = get("", POLICY)

    assert response.status_code == 401
    assert list(json.loads(response.content)) == ["error"]


def test_a_policy_that_cannot_be_read_is_said(token: str, settings: Settings) -> None:
    settings.KEYSTONE_CONF = ["/no/such/keystone.conf"]

    response = get(token, POLICY)

    assert response.status_code == 503
    assert response.json()["error"]["message"] == "Keystone's policy cannot be read."
