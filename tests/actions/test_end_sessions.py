"""End sessions: one DELETE with the operator's token, and what an older Keystone does instead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.accounts.account import Account
from pciops.actions import recovery
from pciops.actions.act import Conflict, Done, Refused, Unknown
from pciops.actions.authority import Authority
from pciops.actions.end_sessions import END_SESSIONS
from pciops.audit import services
from pciops.audit.models import Event
from tests.actions.acts import perform, read
from tests.factories import NOW, POLICY, grant, make_initiator, make_ldap_user, make_user
from tests.fake_keystone import FakeKeystone, error

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def test_sessions_of_the_account_are_ended(
    account: Account, admin: str, fake_keystone: FakeKeystone
) -> None:
    result = perform(END_SESSIONS, account, admin)

    assert isinstance(result, Done)
    assert fake_keystone.ended == [account.id]
    assert (result.event.action, result.event.outcome) == ("revoke/tokens", "success")
    assert read(account.id) == account  # the lock stays


def test_users_outside_the_tables_of_keystone_have_sessions_too(
    admin: str, fake_keystone: FakeKeystone
) -> None:
    assert isinstance(perform(END_SESSIONS, read(make_ldap_user().id), admin), Done)
    assert len(fake_keystone.ended) == 1


def test_older_keystone_is_told_what_disabling_does_instead(
    account: Account, admin: str, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.release = 29
    result = perform(END_SESSIONS, account, admin)

    assert isinstance(result, Refused)
    assert result.status == 501
    assert "Disable the account instead" in result.sentence
    assert Event.objects.get().outcome == "failure"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (error(403, "You are not authorized"), 403),
        (error(404, "Could not find user: x."), 502),
        (error(401, "no"), 401),
    ],
    ids=["policy", "deleted in LDAP", "token"],
)
def test_refusal_of_keystone_is_shown(
    account: Account, admin: str, fake_keystone: FakeKeystone, answer: Any, status: int
) -> None:
    fake_keystone.on_end_sessions = answer
    result = perform(END_SESSIONS, account, admin)

    assert isinstance(result, Refused)
    assert result.status == status


def test_lost_answer_is_unknown(account: Account, admin: str, fake_keystone: FakeKeystone) -> None:
    fake_keystone.on_end_sessions = error(504, "too late")

    assert isinstance(perform(END_SESSIONS, account, admin), Unknown)


def test_disabled_account_has_no_sessions(admin: str, fake_keystone: FakeKeystone) -> None:
    result = perform(END_SESSIONS, read(make_user(enabled=False).id), admin)

    assert isinstance(result, Conflict)
    assert fake_keystone.ended == []


def test_account_with_more_rights_is_refused(admin: str, fake_keystone: FakeKeystone) -> None:
    user = make_user()
    grant(user)
    shops = Authority(user_id="sam", administers=True, domain_id="default")

    assert isinstance(perform(END_SESSIONS, read(user.id), admin, authority=shops), Refused)
    assert fake_keystone.ended == []


def test_crash_leaves_it_unknown(account: Account) -> None:
    services.open_event(
        Event.Action.END_SESSIONS,
        account,
        precondition="enabled=1",
        initiator=make_initiator(),
        reason="INC-4711",
        identity="",
        now=NOW,
    )
    [event] = recovery.settle_pending(policy=POLICY, now=NOW + timedelta(minutes=2))

    assert event.outcome == "unknown"
