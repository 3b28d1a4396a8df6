"""Enable, disable, exempt and lift: one PATCH with the operator's token, one row in the trail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.actions.act import Act, ActFailedError, ConflictError
from pciops.actions.enabling import DISABLE, ENABLE
from pciops.actions.exempting import EXEMPT, LIFT
from pciops.actions.models import Exemption
from pciops.audit.models import Event
from pciops.audit.services import AuditLogError
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.models import LocalUser, User
from tests.actions.acts import delete, order, read, trail
from tests.factories import NOW, make_initiator, make_user
from tests.fake_keystone import Answer, FakeKeystone, error
from tests.fake_users import FakeUsers

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("keystone_users", "clock"),
]

LOCKOUT, INACTIVITY = "ignore_lockout_failure_attempts", "ignore_user_inactivity"
LONG_AGO = NOW.date() - timedelta(days=200)
DISABLED: dict[str, Any] = {"enabled": False}
INACTIVE: dict[str, Any] = {"last_active_at": LONG_AGO}
LOCKED: dict[str, Any] = {"failed_auth_count": 3, "failed_auth_at": NOW}
EXEMPTED: dict[str, Any] = {"options": {"1002": True}}

# Each act with an account that it fits, and its option.
CASES = [
    pytest.param(ENABLE, DISABLED, "", id="enable"),
    pytest.param(DISABLE, {}, "", id="disable"),
    pytest.param(EXEMPT, {}, LOCKOUT, id="exempt"),
    pytest.param(LIFT, EXEMPTED, LOCKOUT, id="lift"),
]


def account_of(**facts: Any) -> Account:
    """An account with these facts."""
    return read(make_user(**facts).id)


def perform(act: Act, account: Account, token_id: str, **facts: Any) -> Event:
    """Do the act."""
    return act.perform(account, order(act, account, token_id, **facts))


# --- It is done ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("act", "facts", "option", "sent"),
    [
        (ENABLE, DISABLED, "", {"enabled": True}),
        (ENABLE, INACTIVE, "", {"enabled": True}),
        (DISABLE, {}, "", {"enabled": False}),
        (EXEMPT, {}, LOCKOUT, {"options": {LOCKOUT: True}}),
        (EXEMPT, DISABLED, LOCKOUT, {"options": {LOCKOUT: True}}),
        (EXEMPT, INACTIVE, INACTIVITY, {"options": {INACTIVITY: True}, "enabled": True}),
        (LIFT, EXEMPTED, LOCKOUT, {"options": {LOCKOUT: None}}),
        (LIFT, EXEMPTED | INACTIVE, LOCKOUT, {"options": {LOCKOUT: None}, "enabled": True}),
    ],
)
def test_an_act_is_one_patch_with_the_operators_own_token(
    admin: str,
    fake_keystone: FakeKeystone,
    act: Act,
    facts: dict[str, Any],
    option: str,
    sent: dict[str, Any],
) -> None:
    account = account_of(**facts)
    perform(act, account, admin, option=option)

    assert fake_keystone.patches == [(admin, account.id, sent)]


@pytest.mark.parametrize(("act", "facts", "option"), CASES)
def test_an_act_is_one_row_in_the_trail(
    admin: str, act: Act, facts: dict[str, Any], option: str
) -> None:
    event = perform(act, account_of(**facts), admin, option=option)
    row = Event.objects.get()

    assert (row.pk, row.action, row.outcome) == (event.pk, act.action, "success")
    assert row.resource.startswith(option)


@pytest.mark.parametrize(("act", "facts", "option"), CASES)
def test_the_intent_is_in_the_trail_before_the_patch(
    admin: str, keystone_users: FakeUsers, act: Act, facts: dict[str, Any], option: str
) -> None:
    ours, before = connections["default"], list[tuple[str, str]]()
    ours.inc_thread_sharing()

    def look() -> None:
        connections["default"] = ours
        before.extend(trail())

    keystone_users.before = look
    perform(act, account_of(**facts), admin, option=option)
    ours.dec_thread_sharing()

    assert before == [("pending", "")]


def test_the_trail_keeps_what_keystone_overwrites(admin: str) -> None:
    event = perform(ENABLE, account_of(**INACTIVE, **LOCKED), admin)

    assert event.remark == (
        "3 failures cleared with it, the account was locked; the last activity was 6 May 2026 "
        "until then"
    )


def test_an_exemption_has_its_owner_and_end_in_the_trail(admin: str) -> None:
    event = perform(EXEMPT, account_of(), admin, option=LOCKOUT)

    assert event.resource == f"{LOCKOUT} until 2026-12-22, owner: network team"


def test_an_exemption_is_in_the_register(admin: str) -> None:
    account = account_of()
    event = perform(EXEMPT, account, admin, option=LOCKOUT)
    row = Exemption.objects.get()

    assert (row.user_id, row.option, row.owner) == (account.id, LOCKOUT, "network team")
    assert (row.event_id, row.recorded_by, row.lifted_at) == (event.id, "olga (Default)", None)


def test_an_exemption_that_is_lifted_is_closed_in_the_register(admin: str) -> None:
    account = account_of()
    perform(EXEMPT, account, admin, option=LOCKOUT)
    perform(LIFT, read(account.id), admin, option=LOCKOUT)
    row = Exemption.objects.get()

    assert (row.lifted_at, row.lifted_by) == (NOW, "olga (Default)")


# --- The account is not what the operator saw ---------------------------------------------------
def test_an_account_that_was_locked_meanwhile_is_not_unlocked_by_surprise(
    admin: str, fake_keystone: FakeKeystone
) -> None:
    account = account_of(**DISABLED)
    wanted = order(ENABLE, account, admin)
    LocalUser.objects.using("keystone").update(**LOCKED)
    with pytest.raises(ConflictError, match="changed after you opened the form") as raised:
        ENABLE.perform(read(account.id), wanted)

    assert raised.value.fits
    assert (fake_keystone.patches, trail()) == ([], [("failure", str(raised.value))])


def test_an_account_under_attack_can_be_disabled_all_the_same(admin: str) -> None:
    account = account_of()
    wanted = order(DISABLE, account, admin)
    LocalUser.objects.using("keystone").update(**LOCKED)
    DISABLE.perform(read(account.id), wanted)

    assert read(account.id).enabled is False
    assert read(account.id).failed_auth_count == 3


@pytest.mark.parametrize(
    ("act", "facts", "change", "sentence"),
    [
        (ENABLE, DISABLED, {"enabled": True}, ENABLE.unfit),
        (DISABLE, {}, {"enabled": False}, DISABLE.unfit),
    ],
)
def test_somebody_who_was_first_in_the_last_moment_is_noticed(
    admin: str,
    fake_keystone: FakeKeystone,
    act: Act,
    facts: dict[str, Any],
    change: dict[str, Any],
    sentence: str,
) -> None:
    account = account_of(**facts)
    User.objects.using("keystone").filter(id=account.id).update(**change)
    with pytest.raises(ConflictError) as raised:
        perform(act, account, admin)

    assert str(raised.value) == f"{sentence} Nothing was changed."
    assert (fake_keystone.patches, trail()[0][0]) == ([], "failure")


def test_an_account_that_was_deleted_is_said_to_be(admin: str) -> None:
    account = account_of()
    delete(account)
    with pytest.raises(ConflictError, match="The account was deleted in Keystone"):
        perform(DISABLE, account, admin)


@pytest.mark.parametrize(
    ("act", "facts"), [(EXEMPT, EXEMPTED), (LIFT, {"options": {"1001": True}})]
)
def test_an_option_that_is_as_wanted_is_a_conflict(
    admin: str, fake_keystone: FakeKeystone, act: Act, facts: dict[str, Any]
) -> None:
    with pytest.raises(ConflictError, match=act.unfit):
        perform(act, account_of(**facts), admin, option=LOCKOUT)

    assert fake_keystone.patches == []


def test_a_row_that_keystone_cannot_read_is_not_changed(
    admin: str, fake_keystone: FakeKeystone
) -> None:
    with pytest.raises(ConflictError, match="Keystone cannot read the user's row"):
        perform(DISABLE, account_of(extra="[]"), admin)

    assert fake_keystone.patches == []


# --- It must not be -----------------------------------------------------------------------------
def test_nobody_disables_themselves(admin: str, fake_keystone: FakeKeystone) -> None:
    account = account_of()
    with pytest.raises(ActFailedError, match="cannot disable your own account") as raised:
        perform(DISABLE, account, admin, initiator=make_initiator(id=account.id))

    assert raised.value.status == 403
    assert (fake_keystone.patches, trail()[0][0]) == ([], "failure")


# --- Keystone does not do it --------------------------------------------------------------------
@pytest.mark.parametrize(("act", "facts", "option"), CASES)
@pytest.mark.parametrize(
    ("answer", "status", "sentence"),
    [
        (
            error(403, "You are not authorized to perform the requested action."),
            403,
            "Keystone refused (HTTP 403): You are not authorized to perform the requested action. "
            "Nothing was changed.",
        ),
        (error(401, "no"), 401, "Keystone no longer accepts your token. Nothing was changed."),
        (error(404, "gone"), 502, "Keystone refused (HTTP 404): gone. Nothing was changed."),
        (error(400, "a\nb"), 502, "Keystone refused (HTTP 400): a\\nb. Nothing was changed."),
    ],
)
def test_what_keystone_refuses_is_a_failure_in_its_words(
    admin: str,
    keystone_users: FakeUsers,
    act: Act,
    facts: dict[str, Any],
    option: str,
    answer: Answer,
    status: int,
    sentence: str,
) -> None:
    keystone_users.works, keystone_users.answer = False, answer
    account = account_of(**facts)
    with pytest.raises(ActFailedError) as raised:
        perform(act, account, admin, option=option)

    assert (str(raised.value), raised.value.status) == (sentence, status)
    assert (read(account.id), trail()[0][0]) == (account, "failure")
    assert not Exemption.objects.exists()


def test_a_keystone_that_is_away_is_a_failure(admin: str, settings: Any) -> None:
    settings.OS_AUTH_URL = "http://127.0.0.1:9/v3"
    with pytest.raises(ActFailedError, match=r"does not answer: no connection\. Nothing was"):
        perform(DISABLE, account_of(), admin)

    assert trail() == [("failure", "Keystone does not answer: no connection")]


def test_an_answer_that_was_lost_is_unknown_where_nothing_has_changed(
    admin: str, keystone_users: FakeUsers
) -> None:
    keystone_users.works, keystone_users.answer = False, error(502, "bad gateway")
    with pytest.raises(ActFailedError, match="did not say whether it did it: it answered HTTP 502"):
        perform(DISABLE, account_of(), admin)

    assert trail() == [("unknown", "it answered HTTP 502")]


def test_an_answer_that_was_lost_is_a_success_where_the_database_shows_it(
    admin: str, keystone_users: FakeUsers
) -> None:
    keystone_users.answer = error(504, "too late")
    event = perform(DISABLE, account_of(), admin)

    assert (event.outcome, event.remark) == (
        "success",
        "Keystone's answer was lost (it answered HTTP 504); its database shows that it was done. "
        "enabled was true until then",
    )


def test_a_keystone_that_says_yes_and_does_nothing_is_not_believed(
    admin: str, keystone_users: FakeUsers
) -> None:
    keystone_users.works = False
    with pytest.raises(ActFailedError, match="its database does not show it"):
        perform(DISABLE, account_of(), admin)

    assert trail()[0][0] == "unknown"


# --- Databases ----------------------------------------------------------------------------------
def test_without_keystones_database_nothing_is_sent(
    admin: str, fake_keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = account_of()

    def fail(user_id: str, *, scope: str | None) -> None:
        raise KeystoneDatabaseDownError("gone away")

    monkeypatch.setattr(selectors, "get", fail)
    with pytest.raises(ActFailedError, match=r"gone away\. Nothing was changed"):
        perform(DISABLE, account, admin)

    assert (fake_keystone.patches, trail()[0][0]) == ([], "failure")


def test_without_a_row_in_the_trail_nothing_is_sent(
    admin: str, fake_keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise OperationalError(2003, "Can't connect to MySQL server")

    monkeypatch.setattr(Event, "save", down)
    with pytest.raises(AuditLogError):
        perform(DISABLE, account_of(), admin)

    assert fake_keystone.patches == []


def test_a_register_that_cannot_be_written_leaves_the_row_pending(
    admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise OperationalError(1114, "The table is full")

    monkeypatch.setattr(Exemption.objects, "create", down)
    with pytest.raises(AuditLogError, match="may have been done"):
        perform(EXEMPT, account_of(), admin, option=LOCKOUT)

    assert trail() == [("pending", "")]


def test_no_token_is_in_the_words_of_an_order(admin: str) -> None:
    assert admin not in repr(order(DISABLE, account_of(), admin))
