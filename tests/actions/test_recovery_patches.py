"""An act of Keystone's API that a crash has left pending, settled by what its database shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.accounts.verdict import judge
from pciops.actions import recovery, register
from pciops.actions.act import Act
from pciops.actions.enabling import DISABLE, ENABLE
from pciops.actions.exempting import EXEMPT, LIFT, RECORD
from pciops.actions.models import Exemption
from pciops.audit import services
from pciops.audit.models import Event
from pciops.keystone.models import User, UserOption
from tests.actions.acts import order, read
from tests.factories import NOW, POLICY, make_initiator, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

LOCKOUT = "ignore_lockout_failure_attempts"
DISABLED: dict[str, Any] = {"enabled": False}
EXEMPTED: dict[str, Any] = {"options": {"1002": True}}
PLAIN: dict[str, Any] = {}
CASES = [
    pytest.param(ENABLE, DISABLED, id="enable"),
    pytest.param(DISABLE, PLAIN, id="disable"),
    pytest.param(EXEMPT, PLAIN, id="exempt"),
    pytest.param(LIFT, EXEMPTED, id="lift"),
]


def crash(act: Act, facts: dict[str, Any]) -> User:
    """Begin the act, and never settle it."""
    user = make_user(**facts)
    wanted = order(act, read(user.id), option=LOCKOUT if "option" in act.asks else "")
    services.open_event(
        act.action,
        read(user.id),
        precondition=act.seen(judge(read(user.id), POLICY, NOW)),
        initiator=make_initiator(),
        reason="INC-4711",
        identity="",
        resource=act.resource(wanted),
        now=NOW,
    )
    return user


def settle() -> tuple[str, str]:
    """How the one act ended."""
    [event] = recovery.settle_pending(policy=POLICY, now=NOW + timedelta(minutes=2))
    return event.outcome, event.remark.removeprefix("settled after a crash: ")


def carry_out(act: Act, user: User) -> None:
    """What Keystone did before the crash."""
    rows = UserOption.objects.using("keystone")
    if act in {ENABLE, DISABLE}:
        User.objects.using("keystone").filter(id=user.id).update(enabled=act is ENABLE)
    elif act is EXEMPT:
        rows.create(user_id=user.id, option_id="1002", option_value="true")
    else:
        rows.filter(user_id=user.id).update(option_value="false")


@pytest.mark.parametrize(("act", "facts"), CASES)
def test_an_unchanged_account_shows_that_it_was_not_carried_out(
    act: Act, facts: dict[str, Any]
) -> None:
    crash(act, facts)

    assert settle() == ("failure", "not carried out, the account is unchanged")
    assert not Exemption.objects.exists()


@pytest.mark.parametrize(("act", "facts"), CASES)
def test_an_account_that_is_as_wanted_shows_that_it_was_done(
    act: Act, facts: dict[str, Any]
) -> None:
    user = crash(act, facts)
    carry_out(act, user)

    assert settle() == ("success", "Keystone's database shows that it was done")


def test_an_account_that_has_changed_otherwise_shows_nothing() -> None:
    user = crash(EXEMPT, PLAIN)
    User.objects.using("keystone").filter(id=user.id).update(enabled=False)

    assert settle()[0] == "unknown"


def test_an_exemption_that_was_carried_out_is_in_the_register_after_all() -> None:
    user = crash(EXEMPT, PLAIN)
    carry_out(EXEMPT, user)
    settle()
    row = Exemption.objects.get()

    assert (row.user_id, row.option, row.owner) == (user.id, LOCKOUT, "network team")
    assert row.ends_on == NOW.date() + timedelta(days=30)
    assert row.event_id == Event.objects.get().pk


def test_a_record_that_was_not_settled_was_not_written() -> None:
    crash(RECORD, EXEMPTED)

    assert settle()[0] == "failure"
    [entry] = register.entries(scope=None, now=NOW)
    assert entry.status == register.Status.UNRECORDED
