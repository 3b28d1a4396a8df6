"""The preview of a policy change, checked by a Keystone that restarts with the new policy.

Every account then signs in with the right password. Exactly the accounts that the preview named
are refused, and under the present policy they can sign in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from pciops.accounts.policy import policy as policies
from pciops.accounts.policy import whatif
from pciops.accounts.policy.policy import Policy
from pciops.demo.keystone import Keystone
from pciops.keystone import options
from pciops.keystone.models import User
from tests.factories import PasswordRow, grant, make_user
from tests.support.cloud import authenticate, copy_admin_password, keystone_on
from tests.support.mariadb import MariaDB, keystone_at

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
    """A Keystone of its own that was started once, with accounts of all sorts."""
    keystone = keystone_on(
        mariadb, "whatif", tmp_path_factory.mktemp("whatif"), security_compliance=PRESENT
    )
    url = keystone.database.replace("mysql+pymysql://", "mysql://")
    with keystone:
        pass
    with keystone_at(url, django_db_blocker):
        make_accounts(timezone.now())
        copy_admin_password(mariadb, "whatif")
        yield keystone


def make_accounts(now: datetime) -> None:
    """Create accounts on either side of the change; each is an administrator, so it is named."""
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


def refused(keystone: Keystone, names: list[str], password: str = "") -> set[str]:
    """Sign in with the right password unless given, and return the names that are refused."""
    found = set()
    for name in names:
        user = {"name": name, "domain": {"id": "default"}}
        answer = authenticate(keystone.url, user, password or keystone.admin_password)
        if answer.status_code != 201:
            assert answer.status_code == 401
            found.add(name)
    return found


def test_exactly_the_named_accounts_are_refused(keystone: Keystone) -> None:
    current = policies.parse([str(keystone.conf)], {}).policy
    proposed = whatif.parse_proposal(
        current, {name: str(value) for name, value in PROPOSED.items()}
    )
    found = whatif.evaluate(proposed, current=current, scope=None, now=timezone.now())
    named = {stop.account.name for stop in found.stops if stop.today}
    names = list(User.objects.values_list("local_user__name", flat=True))

    keystone.security_compliance = PROPOSED
    with keystone:
        assert policies.parse([str(keystone.conf)], {}).policy == proposed
        stopped = refused(keystone, names)
    keystone.security_compliance = PRESENT
    with keystone:
        stopped_before = refused(keystone, sorted(stopped))

    assert stopped == named | STOPPED
    assert stopped_before == STOPPED
    assert len(named) == found.today.accounts == 5


def test_activity_and_failures_are_recorded_while_the_rules_are_off(keystone: Keystone) -> None:
    active = User.objects.get(local_user__name="never, made today")
    failing = User.objects.get(local_user__name="29 days")
    keystone.security_compliance = {}
    with keystone:
        assert refused(keystone, ["never, made today"]) == set()
        assert refused(keystone, ["29 days"] * 3, "wrong") == {"29 days"}

    active.refresh_from_db()
    assert active.last_active_at == timezone.now().date()
    found = whatif.evaluate(
        Policy(lockout_failure_attempts=3), current=Policy(), scope=None, now=timezone.now()
    )
    assert failing.id in {stop.account.id for stop in found.stops if stop.today}
