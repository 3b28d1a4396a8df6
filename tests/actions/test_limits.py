"""The limits of unlocks in an hour: who may go on how, and what the audit log says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from pciops.accounts.account import Account
from pciops.actions import four_eyes, recovery
from pciops.actions.act import ActResult, Conflict, Done, Refused, Waiting
from pciops.actions.authority import HOST, Authority
from pciops.actions.exempting import EXEMPT, LIFT
from pciops.actions.models import UnlockRequest
from pciops.audit import marks, services
from pciops.audit import selectors as audit
from pciops.audit.models import Event
from pciops.keystone.models import User
from tests.actions.acts import CLOUD, change, perform, read, unlock
from tests.factories import NOW, POLICY, grant, make_initiator, make_locked_user
from tests.fake_users import FakeUsers

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

HELP_DESK = Authority(user_id="hal", administers=False, domain_id=None)
SHOPS = Authority(user_id="sam", administers=True, domain_id="default")
OPTION = "ignore_user_inactivity"


def locked_again(account: Account, **facts: Any) -> Account:
    """Lock the account again, as three more guesses do."""
    change(account, failed_auth_count=3, failed_auth_at=NOW, **facts)
    return read(account.id)


def again(account: Account, authority: Authority = HELP_DESK, **facts: Any) -> ActResult:
    """Unlock the account, which was locked again."""
    initiator = facts.pop("initiator", None) or make_initiator(facts.pop("by", "olga"))
    authority = replace(authority, user_id=initiator.id)
    return unlock(locked_again(account), initiator=initiator, authority=authority, **facts)


@pytest.fixture
def worn(account: Account) -> Account:
    """An account that the help desk has unlocked three times in this hour."""
    for _ in range(3):
        assert isinstance(again(account), Done)
    return account


# --- Of one account -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "authority", [HELP_DESK, SHOPS, CLOUD], ids=["help desk", "shops", "cloud"]
)
def test_fourth_unlock_in_an_hour_is_refused(worn: Account, authority: Authority) -> None:
    result = again(worn, authority)

    assert isinstance(result, Refused)
    assert (result.status, result.only_here) == (403, True)
    assert "unlocked 3 times in the last hour; the limit is 3" in result.sentence
    assert read(worn.id).failed_auth_count == 3
    assert Event.objects.filter(outcome="failure").count() == 1


def test_another_operator_meets_the_same_limit(worn: Account) -> None:
    assert isinstance(again(worn, by="bob"), Refused)


def test_after_an_hour_it_may_be_unlocked_again(worn: Account) -> None:
    later = NOW + timedelta(hours=1)
    change(worn, failed_auth_count=3, failed_auth_at=later)

    assert isinstance(unlock(read(worn.id), authority=HELP_DESK, now=later), Done)


def test_limit_is_a_setting(worn: Account, settings: Any) -> None:
    settings.UNLOCKS_PER_HOUR = 4

    assert isinstance(again(worn), Done)
    assert isinstance(again(worn), Refused)


def test_refused_unlocks_do_not_count(account: Account) -> None:
    user = make_locked_user("root", at=NOW)
    grant(user)
    for _ in range(4):
        assert isinstance(unlock(read(user.id), authority=HELP_DESK), Refused)

    assert isinstance(unlock(read(user.id)), Done)


def test_cloud_administrator_goes_on_after_a_confirmation(worn: Account) -> None:
    result = again(worn, CLOUD, beyond_limit=True)

    assert isinstance(result, Done)
    assert marks.BEYOND_LIMIT in result.event.remark
    assert [event.pk for event in audit.marked(marks.BEYOND_LIMIT, since=NOW - timedelta(1))] == [
        result.event.pk
    ]


def test_break_glass_command_meets_no_limit_and_says_so(worn: Account) -> None:
    result = again(worn, HOST, initiator=services.operating_system_user())

    assert isinstance(result, Done)
    assert marks.BREAK_GLASS in result.event.remark
    assert marks.BEYOND_LIMIT in result.event.remark


def test_exemptions_that_unlock_silently_count_and_are_limited(
    account: Account, admin: str, keystone_users: FakeUsers
) -> None:
    facts: dict[str, Any] = {"option": OPTION, "authority": SHOPS}
    for act in (EXEMPT, LIFT, EXEMPT):
        assert isinstance(perform(act, locked_again(account), admin, **facts), Done)

    assert isinstance(again(account), Refused)
    result = perform(LIFT, locked_again(account), admin, **facts, beyond_limit=True)
    assert isinstance(result, Refused)
    assert "second operator" in result.sentence
    facts["authority"] = CLOUD
    assert isinstance(perform(LIFT, read(account.id), admin, **facts, beyond_limit=True), Done)


def test_rivals_for_one_lock_do_not_count(account: Account) -> None:
    """Any number of clicks at once: one of them unlocks the account."""
    for number in range(5):
        services.open_event(
            Event.Action.UNLOCK,
            account,
            precondition=account.failures,
            initiator=make_initiator(f"rival{number}"),
            reason="INC-4711",
            identity="callback",
            now=NOW,
        )

    assert isinstance(unlock(account, authority=HELP_DESK), Done)


# --- By one operator ----------------------------------------------------------------------------
def test_operator_has_a_limit_of_their_own(settings: Any) -> None:
    settings.OPERATOR_UNLOCKS_PER_HOUR = 2
    results = [
        unlock(read(make_locked_user(name, at=NOW).id), authority=HELP_DESK)
        for name in ("ann", "ben", "cat")
    ]

    assert [type(result) for result in results] == [Done, Done, Refused]
    assert "The operator did 2 unlocks in the last hour" in results[2].sentence


# --- Four eyes ----------------------------------------------------------------------------------
def ask(account: Account, **facts: Any) -> UnlockRequest:
    """Ask for a second operator."""
    result = again(account, beyond_limit=True, **facts)
    assert isinstance(result, Waiting)
    assert result.asked.pk in result.event.remark
    return result.asked


def test_unlock_beyond_the_limit_waits_for_a_second_operator(worn: Account) -> None:
    asked = ask(worn)

    assert read(worn.id).failed_auth_count == 3
    assert four_eyes.waiting(scope=None, now=NOW) == [asked]
    assert four_eyes.waiting(scope="shops", now=NOW) == []
    assert Event.objects.filter(outcome="failure").get().initiator_name == "olga"


def test_second_operator_unlocks_and_the_audit_log_names_both(worn: Account) -> None:
    asked = ask(worn)
    result = again(worn, by="bob", confirms=asked)

    assert isinstance(result, Done)
    assert result.event.initiator_name == "bob"
    assert result.event.resource == f"confirms request {asked.pk} of olga (Default)"
    assert marks.BEYOND_LIMIT in result.event.remark
    assert read(worn.id).failed_auth_count == 0
    assert four_eyes.waiting(scope=None, now=NOW) == []


def test_nobody_confirms_their_own_request(worn: Account) -> None:
    asked = ask(worn)
    result = again(worn, confirms=asked)

    assert isinstance(result, Refused)
    assert result.status == 409
    assert four_eyes.waiting(scope=None, now=NOW) == [asked]


def test_request_is_confirmed_once(worn: Account) -> None:
    asked = ask(worn)
    assert isinstance(again(worn, by="bob", confirms=asked), Done)

    assert isinstance(again(worn, by="bob", confirms=asked), Refused)


def test_request_ends_after_an_hour(worn: Account) -> None:
    asked = ask(worn)
    later = NOW + four_eyes.LASTS
    change(worn, failed_auth_count=3, failed_auth_at=later)
    facts = {"initiator": make_initiator("bob"), "authority": HELP_DESK, "confirms": asked}

    assert isinstance(unlock(read(worn.id), now=later, **facts), Refused)
    assert four_eyes.find(asked.pk, scope=None, now=later) is None


def test_request_is_of_one_account(worn: Account) -> None:
    asked = ask(worn)
    other = read(make_locked_user("ben", at=NOW).id)

    assert isinstance(again(other, by="bob", confirms=asked), Refused)
    assert read(other.id).failed_auth_count == 3


def test_asking_twice_is_one_request(worn: Account) -> None:
    assert ask(worn) == ask(worn)


def test_confirmation_that_meets_another_state_can_be_repeated(worn: Account) -> None:
    asked = ask(worn)
    seen = str(replace(worn.failures, failed_auth_count=9))

    assert isinstance(again(worn, by="bob", confirms=asked, precondition=seen), Conflict)
    assert isinstance(again(worn, by="bob", confirms=asked), Done)


# --- Marks, outages and crashes -----------------------------------------------------------------
def test_unlock_of_an_administrator_is_marked() -> None:
    user = make_locked_user("root", at=NOW)
    grant(user)
    result = unlock(read(user.id))

    assert result.event.remark == marks.ADMINISTRATOR


def test_crash_loses_no_mark(worn: Account) -> None:
    grant(User.objects.get(id=worn.id))
    change(worn, failed_auth_count=4, failed_auth_at=NOW)
    account = read(worn.id)
    services.open_event(
        Event.Action.UNLOCK,
        account,
        precondition=account.failures,
        initiator=make_initiator(),
        reason="INC-4711",
        identity="callback",
        now=NOW,
    )
    change(account, failed_auth_count=0, failed_auth_at=None)
    [event] = recovery.settle_pending(policy=POLICY, now=NOW + timedelta(minutes=2))

    assert event.outcome == "success"
    assert marks.ADMINISTRATOR in event.remark
    assert marks.BEYOND_LIMIT in event.remark


def test_without_the_audit_log_nothing_is_unlocked(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> int:
        raise OperationalError(2003, "gone away")

    monkeypatch.setattr(audit, "count_unlocks", down)
    with pytest.raises(services.AuditLogError, match="Nothing was changed"):
        unlock(account)

    assert read(account.id).failed_auth_count == 3
