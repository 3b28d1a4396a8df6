"""What would stop, put to the test: Keystone is started again with the policy that was asked for.

Every account then signs in with the right password. Those that are refused are those that were
named before, and with the present policy back in its place they get in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import transaction
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from pciops.accounts.policy import policy as policies
from pciops.accounts.policy import whatif
from pciops.accounts.policy.policy import Policy
from pciops.accounts.policy.whatif import WhatIf
from pciops.demo.keystone import Keystone, is_installed
from pciops.keystone import options
from pciops.keystone.models import User
from tests.factories import PasswordRow, grant, make_user
from tests.support.alias import keystone_at
from tests.support.mariadb import MariaDB
from tests.support.processes import ROOT

PRESENT: dict[str, str | int] = {
    "lockout_failure_attempts": 6,
    "disable_user_account_days_inactive": 90,
}
PROPOSED: dict[str, str | int] = {
    "lockout_failure_attempts": 3,
    "disable_user_account_days_inactive": 30,
    "password_expires_days": 1,
}
STOPPED = {"disabled", "inactive already"}  # whatever the policy is


@pytest.fixture(scope="module")
def keystone(
    mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Keystone]:
    """A Keystone of its own that has been started once, with accounts of all sorts."""
    environment = Path(os.environ.get("TEST_KEYSTONE", ROOT / "var" / "demo" / "keystone"))
    if not is_installed(environment):
        pytest.fail(f"There is no Keystone in {environment}: run script/test, which installs it.")
    url = mariadb.create_database("whatif", password="keystones-own")
    keystone = Keystone(
        environment,
        tmp_path_factory.mktemp("whatif"),
        database=url.replace("mysql://", "mysql+pymysql://"),
        security_compliance=PRESENT,
    )
    with keystone:
        pass
    with keystone_at(url, django_db_blocker):
        make_accounts(timezone.now())
        mariadb.execute(
            "UPDATE password SET password_hash = (SELECT password_hash FROM password JOIN"
            " local_user ON local_user.id = local_user_id WHERE name = 'admin' LIMIT 1)"
            " WHERE password_hash IS NULL",
            database="whatif",
        )
        yield keystone


def make_accounts(now: datetime) -> None:
    """On either side of what changes; each is an administrator, so that it is named."""
    failed_at = now.replace(microsecond=0)
    failed = {"failed_auth_at": failed_at}
    sorts: dict[str, dict[str, Any]] = {
        "29 days": {"last_active_at": (now - timedelta(days=29)).date()},
        "30 days": {"last_active_at": (now - timedelta(days=30)).date()},
        "89 days": {"last_active_at": (now - timedelta(days=89)).date()},
        "inactive already": {"last_active_at": (now - timedelta(days=90)).date()},
        "never, made 40 days ago": {"last_active_at": None, "created_at": now - timedelta(days=40)},
        "never, made today": {"last_active_at": None, "created_at": now},
        "unused, exempt": {
            "last_active_at": (now - timedelta(days=40)).date(),
            "options": {options.IGNORE_USER_INACTIVITY: True},
        },
        "2 failures": {"failed_auth_count": 2, **failed},
        "3 failures": {"failed_auth_count": 3, **failed},
        "3 failures and 40 days": {
            "failed_auth_count": 3,
            "last_active_at": (now - timedelta(days=40)).date(),
            **failed,
        },
        "3 failures, an hour ago": {
            "failed_auth_count": 3,
            "failed_auth_at": failed_at - timedelta(hours=1),
        },
        "3 failures, exempt": {
            "failed_auth_count": 3,
            "options": {options.IGNORE_LOCKOUT: True},
            **failed,
        },
        "disabled": {"enabled": False, "failed_auth_count": 3, **failed},
        "an old password": {"passwords": [PasswordRow(created_at=now - timedelta(days=400))]},
    }
    with transaction.atomic(using="keystone"):
        for name, facts in sorts.items():
            grant(make_user(name, **{"last_active_at": now.date(), **facts}))


def refused(keystone: Keystone, names: list[str]) -> set[str]:
    """Those who do not get in with the right password."""
    found = set()
    for name in names:
        user = {"name": name, "domain": {"id": "default"}, "password": keystone.admin_password}
        identity = {"methods": ["password"], "password": {"user": user}}
        answer = requests.post(
            f"{keystone.url}/auth/tokens", json={"auth": {"identity": identity}}, timeout=30
        )
        if answer.status_code != 201:
            assert answer.status_code == 401
            found.add(name)
    return found


def test_those_stop_who_were_named_and_no_others(keystone: Keystone) -> None:
    current = policies.parse([str(keystone.conf)], {}).policy
    proposed = whatif.parse_proposal(
        current, {name: str(value) for name, value in PROPOSED.items()}
    )
    found = whatif.evaluate(proposed, current=current, scope=None, now=timezone.now())
    named = {stop.account.name for stop in found.stops if stop.today}
    everybody = list(User.objects.values_list("local_user__name", flat=True))

    keystone.security_compliance = PROPOSED
    with keystone:
        assert policies.parse([str(keystone.conf)], {}).policy == proposed
        stopped = refused(keystone, everybody)
    keystone.security_compliance = PRESENT
    with keystone:
        stopped_before = refused(keystone, sorted(stopped))

    assert stopped == named | STOPPED
    assert stopped_before == STOPPED
    assert len(named) == found.today.accounts == 5


def test_a_day_of_activity_is_noted_while_the_rule_is_off(keystone: Keystone) -> None:
    keystone.security_compliance = {}
    with keystone:
        assert refused(keystone, ["never, made today"]) == set()

    row = User.objects.get(local_user__name="never, made today")
    assert row.last_active_at == timezone.now().date()


def test_failures_are_counted_while_the_rule_is_off(keystone: Keystone) -> None:
    keystone.security_compliance = {}
    user = User.objects.get(local_user__name="29 days")
    with keystone:
        password, keystone.admin_password = keystone.admin_password, "wrong"
        assert refused(keystone, ["29 days"] * 3) == {"29 days"}
        keystone.admin_password = password

    found = asked(Policy(lockout_failure_attempts=3))
    assert user.id in {stop.account.id for stop in found.stops if stop.today}


def asked(proposed: Policy) -> WhatIf:
    """What would stop if this followed on no policy at all."""
    return whatif.evaluate(proposed, current=Policy(), scope=None, now=timezone.now())
