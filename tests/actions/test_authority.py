"""Who may act on whom: never on oneself, and never on an account with more rights."""

from __future__ import annotations

from typing import Any

import pytest

from pciops.accounts.verdict import judge
from pciops.actions.act import Act, Refused
from pciops.actions.authority import HOST, Authority
from pciops.actions.exempting import EXEMPT, RECORD
from pciops.actions.patch import DISABLE, ENABLE
from pciops.actions.registry import fitting
from pciops.actions.unlock import UNLOCK
from pciops.keystone.models import User
from tests.actions.acts import CLOUD, audit_rows, perform, read, unlock
from tests.factories import (
    NOW,
    POLICY,
    grant,
    make_domain,
    make_locked_user,
    make_project,
    make_user,
)
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

HELP_DESK = Authority(user_id="hal", administers=False, domain_id=None)
SHOPS_HELP_DESK = Authority(user_id="hal", administers=False, domain_id="shops")
SHOPS = Authority(user_id="sam", administers=True, domain_id="shops")
EVERYONE = {
    "cloud": CLOUD,
    "help desk": HELP_DESK,
    "shops": SHOPS,
    "shops help desk": SHOPS_HELP_DESK,
    "host": HOST,
}


def give(user: User, *roles: str) -> None:
    """Give the user roles: `admin@system`, `admin@payments` or `admin@shops/web`."""
    for role, _, place in (text.partition("@") for text in roles):
        domain_id, _, project = place.partition("/")
        where = make_project(project, domain_id=domain_id) if project else make_domain(domain_id)
        grant(user, role, on=None if place == "system" else where)


@pytest.mark.parametrize(
    ("roles", "allowed"),
    [
        ([], {"cloud", "help desk", "shops", "shops help desk", "host"}),
        (["member@shops/web"], {"cloud", "help desk", "shops", "shops help desk", "host"}),
        (["reader@system"], {"cloud", "help desk", "shops", "shops help desk", "host"}),
        (["helpdesk@shops"], {"cloud", "help desk", "shops", "shops help desk", "host"}),
        (["helpdesk@payments"], {"cloud", "help desk", "host"}),
        (["helpdesk@system"], {"cloud", "help desk", "host"}),
        (["admin@shops"], {"cloud", "shops", "host"}),
        (["admin@shops/web"], {"cloud", "shops", "host"}),
        (["admin@payments/web"], {"cloud", "host"}),
        (["admin@shops", "admin@payments"], {"cloud", "host"}),
        (["admin@system"], {"cloud", "host"}),
    ],
    ids=lambda value: "+".join(sorted(value)) or "none",
)
def test_unlock_needs_rights_that_cover_those_of_the_account(
    roles: list[str], allowed: set[str]
) -> None:
    user = make_locked_user(domain_id="shops", at=NOW)
    give(user, *roles)
    account = read(user.id)
    verdict = judge(account, POLICY, NOW)

    assert {name for name in EVERYONE if UNLOCK in fitting(verdict, EVERYONE[name])} == allowed
    for name in EVERYONE.keys() - allowed:
        result = unlock(account, authority=EVERYONE[name])
        assert isinstance(result, Refused)
        assert (result.status, result.only_here) == (403, True)
        assert "Nothing was changed" in result.sentence
        assert "payments" not in result.sentence.lower()
    assert read(user.id).failures == account.failures
    assert {outcome for outcome, _ in audit_rows()} <= {"failure"}


@pytest.mark.parametrize(
    ("act", "facts"),
    [
        (UNLOCK, {"failed_auth_count": 3, "failed_auth_at": NOW}),
        (ENABLE, {"enabled": False}),
        (EXEMPT, {}),
        (RECORD, {"options": {"1002": True}}),
        (DISABLE, {}),
    ],
)
def test_operators_do_not_act_on_themselves(
    fake_keystone: FakeKeystone, act: Act, facts: dict[str, Any]
) -> None:
    user = make_user(**facts)
    account = read(user.id)
    oneself = Authority(user_id=user.id, administers=True, domain_id=None)
    option = "ignore_lockout_failure_attempts" if "option" in act.asks else ""
    result = perform(act, account, "token", authority=oneself, option=option)

    assert isinstance(result, Refused)
    assert "your own account" in result.sentence
    assert fake_keystone.patches == []
    assert read(user.id) == account
    assert [outcome for outcome, _ in audit_rows()] == ["failure"]
