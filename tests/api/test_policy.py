"""The policy over the API: values, sources, findings, and disagreements, without the secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.accounts.policy.policy import NAMES
from tests.accounts.conf import HIDDEN, write
from tests.accounts.conf import conf as conf
from tests.api.call import assert_refused, get, token_of_domain
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

POLICY = "/api/v1/policy"


def test_every_option_has_value_and_source(token: str, settings: Settings, conf: Path) -> None:
    settings.KEYSTONE_CONF = [str(conf)]
    settings.POLICY_OVERRIDES = {"lockout_duration": "60"}
    policy = get(token, POLICY).json()["policy"]

    assert tuple(policy) == NAMES
    assert policy["lockout_failure_attempts"] == {"value": 6, "source": str(conf)}
    assert policy["lockout_duration"] == {"value": 60, "source": "PCIOPS_POLICY_LOCKOUT_DURATION"}
    assert policy["report_invalid_password_hash"]["value"] == ["event"]
    assert policy["invalid_password_hash_secret_key_set"]["value"] is True


def test_secret_is_left_out(token: str, settings: Settings, conf: Path) -> None:
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [str(conf)], {}

    assert HIDDEN not in get(token, POLICY).content.decode()


def test_finding_has_requirement_verdict_and_remedy(token: str, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "6", "lockout_duration": "900"}
    finding = get(token, POLICY).json()["findings"][1]
    texts = {name: finding.pop(name) for name in ("title", "demand", "value", "reason", "note")}

    assert finding == {
        "requirement": "8.3.4",
        "old_requirement": "8.1.6, 8.1.7",
        "options": ["lockout_failure_attempts", "lockout_duration"],
        "passed": False,
        "remedy": ["lockout_duration = 1800"],
        "probes": [],
    }
    assert "30 minutes" in texts["demand"]
    assert "15 min" in texts["value"]
    assert "lockout_duration" in texts["reason"]


def test_probe_has_the_accepted_password(token: str, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"password_regex": "^.{9,}$"}
    probes = get(token, POLICY).json()["findings"][3]["probes"]

    assert probes[1] == {
        "kind": "11 letters and digits",
        "wanted": False,
        "accepted": "abcdefgh123",
        "passed": False,
    }


def test_disagreements_name_every_file(token: str, settings: Settings, tmp_path: Path) -> None:
    one = write(tmp_path / "a.conf", "password_expires_days = 90")
    other = write(tmp_path / "b.conf", "password_expires_days = 30")
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [one, other], {}

    assert get(token, POLICY).json()["disagreements"] == {
        "password_expires_days": [
            {"source": one, "value": 90},
            {"source": other, "value": 30},
        ]
    }


def test_domain_token_gets_the_policy(fake_keystone: FakeKeystone) -> None:
    assert get(token_of_domain(fake_keystone, "default"), POLICY).status_code == 200


def test_policy_that_cannot_be_read_is_an_error(token: str, settings: Settings) -> None:
    settings.KEYSTONE_CONF = ["/no/such/keystone.conf"]

    assert_refused(get(token, POLICY), 503, "Keystone's policy cannot be read.")
