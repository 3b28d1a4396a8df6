"""Enable, disable, exempt and lift: one PATCH with the operator's token, one row per act."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from pciops.accounts.account import Account
from pciops.accounts.verdict import judge
from pciops.actions.act import Act, ActResult, Conflict, Done, Refused, Unknown
from pciops.actions.exempting import EXEMPT, LIFT
from pciops.actions.models import Exemption
from pciops.actions.patch import DISABLE, ENABLE
from pciops.audit.models import Event
from pciops.audit.services import AuditLogError
from pciops.keystone.models import LocalUser, User
from tests.actions.acts import (
    audit_rows,
    break_reads,
    delete,
    down,
    make_request,
    perform,
    read,
)
from tests.factories import NOW, POLICY, make_user
from tests.fake_keystone import Answer, FakeKeystone, error
from tests.fake_users import FakeUsers

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("keystone_users", "clock"),
]

LOCKOUT, INACTIVITY = "ignore_lockout_failure_attempts", "ignore_user_inactivity"
DISABLED: dict[str, Any] = {"enabled": False}
INACTIVE: dict[str, Any] = {"last_active_at": NOW.date() - timedelta(days=200)}
LOCKED: dict[str, Any] = {"failed_auth_count": 3, "failed_auth_at": NOW}
EXEMPTED: dict[str, Any] = {"options": {"1002": True}}

# Each act with an account that it fits, and its option.
CASES = [
    pytest.param(ENABLE, DISABLED, "", id="enable"),
    pytest.param(DISABLE, {}, "", id="disable"),
    pytest.param(EXEMPT, {}, LOCKOUT, id="exempt"),
    pytest.param(LIFT, EXEMPTED, LOCKOUT, id="lift"),
]


def make(**facts: Any) -> Account:
    """Make an account with these facts."""
    return read(make_user(**facts).id)


# --- Done ---------------------------------------------------------------------------------------
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
def test_act_is_one_patch_with_the_operators_own_token(
    admin: str,
    fake_keystone: FakeKeystone,
    act: Act,
    facts: dict[str, Any],
    option: str,
    sent: dict[str, Any],
) -> None:
    account = make(**facts)
    result = perform(act, account, admin, option=option)

    assert isinstance(result, Done)
    assert fake_keystone.patches == [(admin, account.id, sent)]
    row = Event.objects.get()
    assert (row.pk, row.action, row.outcome) == (result.event.pk, act.action, "success")
    assert row.resource.startswith(option)


@pytest.mark.parametrize(("act", "facts", "option"), CASES)
def test_intent_is_in_the_audit_log_before_the_patch(
    admin: str, keystone_users: FakeUsers, act: Act, facts: dict[str, Any], option: str
) -> None:
    ours, before = connections["default"], list[tuple[str, str]]()
    ours.inc_thread_sharing()

    def look() -> None:
        connections["default"] = ours
        before.extend(audit_rows())

    keystone_users.before = look
    perform(act, make(**facts), admin, option=option)
    ours.dec_thread_sharing()

    assert before == [("pending", "")]


def test_audit_log_keeps_what_keystone_overwrites(admin: str) -> None:
    event = perform(ENABLE, make(**INACTIVE, **LOCKED), admin).event

    assert event.remark == (
        "3 failures cleared with it, the account was locked; the last activity was 6 May 2026 "
        "until then"
    )


def test_exemption_is_recorded_with_its_owner_and_end(admin: str) -> None:
    account = make()
    event = perform(EXEMPT, account, admin, option=LOCKOUT).event
    row = Exemption.objects.get()

    assert event.resource == f"{LOCKOUT} until 2026-12-22, owner: network team"
    assert (row.user_id, row.option, row.owner) == (account.id, LOCKOUT, "network team")
    assert (row.event_id, row.recorded_by, row.lifted_at) == (event.id, "olga (Default)", None)


def test_lifted_exemption_is_closed_in_the_register(admin: str) -> None:
    account = make()
    perform(EXEMPT, account, admin, option=LOCKOUT)
    perform(LIFT, read(account.id), admin, option=LOCKOUT)
    row = Exemption.objects.get()

    assert (row.lifted_at, row.lifted_by) == (NOW, "olga (Default)")


# --- Conflict -----------------------------------------------------------------------------------
def test_enable_does_not_unlock_an_account_that_was_locked_since(
    admin: str, fake_keystone: FakeKeystone
) -> None:
    account = make(**DISABLED)
    request = make_request(ENABLE, account, admin)
    LocalUser.objects.using("keystone").update(**LOCKED)
    result = ENABLE.perform(judge(read(account.id), POLICY, NOW), request)

    assert isinstance(result, Conflict)
    assert result.fits
    assert "changed after you opened the form" in result.sentence
    assert (fake_keystone.patches, audit_rows()) == ([], [("failure", result.sentence)])


def test_disable_ignores_failures_that_were_added_since(admin: str) -> None:
    account = make()
    request = make_request(DISABLE, account, admin)
    LocalUser.objects.using("keystone").update(**LOCKED)
    DISABLE.perform(judge(read(account.id), POLICY, NOW), request)

    assert read(account.id).enabled is False
    assert read(account.id).failed_auth_count == 3


@pytest.mark.parametrize(("act", "enabled"), [(ENABLE, True), (DISABLE, False)])
def test_change_right_before_the_patch_is_a_conflict(
    admin: str, fake_keystone: FakeKeystone, act: Act, enabled: bool
) -> None:
    account = make(enabled=not enabled)
    User.objects.using("keystone").filter(id=account.id).update(enabled=enabled)
    result = perform(act, account, admin)

    assert isinstance(result, Conflict)
    assert not result.fits
    assert act.unfit in result.sentence
    assert (fake_keystone.patches, audit_rows()) == ([], [("failure", result.sentence)])


@pytest.mark.parametrize(
    ("act", "facts", "sentence"),
    [
        (EXEMPT, EXEMPTED, EXEMPT.unfit),
        (LIFT, {"options": {"1001": True}}, LIFT.unfit),
        (DISABLE, {"extra": "[]"}, "cannot read the user's row"),
    ],
    ids=["exempt already", "other exemption", "unreadable"],
)
def test_act_that_does_not_fit_is_a_conflict(
    admin: str, fake_keystone: FakeKeystone, act: Act, facts: dict[str, Any], sentence: str
) -> None:
    option = LOCKOUT if "option" in act.asks else ""
    result = perform(act, make(**facts), admin, option=option)

    assert isinstance(result, Conflict)
    assert sentence in result.sentence
    assert fake_keystone.patches == []


def test_deleted_account_is_a_conflict(admin: str) -> None:
    account = make()
    delete(account)
    result = perform(DISABLE, account, admin)

    assert isinstance(result, Conflict)
    assert "deleted" in result.sentence


# --- Refused ------------------------------------------------------------------------------------
def assert_refused(result: ActResult, status: int, sentence: str) -> None:
    """Assert that nothing was done, and that the audit log has it."""
    assert isinstance(result, Refused)
    assert (result.status, result.only_here) == (status, status == 403)
    assert sentence in result.sentence
    assert audit_rows()[0][0] == "failure"


@pytest.mark.parametrize(("act", "facts", "option"), CASES)
@pytest.mark.parametrize(
    ("answer", "status", "sentence"),
    [
        (
            error(403, "You are not authorized to perform the requested action."),
            403,
            "(HTTP 403): You are not authorized to perform the requested action. Nothing was",
        ),
        (error(401, "no"), 401, "token"),
        (error(404, "gone"), 502, "(HTTP 404): gone."),
        (error(400, "a\nb"), 502, "(HTTP 400): a\\nb."),
    ],
)
def test_refusal_of_keystone_is_a_failure_in_its_words(
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
    account = make(**facts)
    result = perform(act, account, admin, option=option)

    assert_refused(result, status, sentence)
    assert read(account.id) == account
    assert not Exemption.objects.exists()


def test_unreachable_keystone_is_a_failure(admin: str, settings: Any) -> None:
    settings.OS_AUTH_URL = "http://127.0.0.1:9/v3"
    result = perform(DISABLE, make(), admin)

    assert_refused(result, 503, "no connection. Nothing was changed")
    assert audit_rows() == [("failure", "Keystone does not answer: no connection")]


def test_without_keystones_database_nothing_is_sent(
    admin: str, fake_keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make()
    break_reads(monkeypatch)
    result = perform(DISABLE, account, admin)

    assert_refused(result, 503, "gone away. Nothing was changed")
    assert fake_keystone.patches == []


# --- A lost answer ------------------------------------------------------------------------------
def test_lost_answer_is_unknown_if_nothing_has_changed(
    admin: str, keystone_users: FakeUsers
) -> None:
    keystone_users.works, keystone_users.answer = False, error(502, "bad gateway")
    result = perform(DISABLE, make(), admin)

    assert isinstance(result, Unknown)
    assert "it answered HTTP 502" in result.sentence
    assert audit_rows() == [("unknown", "it answered HTTP 502")]


def test_lost_answer_is_a_success_if_the_database_shows_the_change(
    admin: str, keystone_users: FakeUsers
) -> None:
    keystone_users.answer = error(504, "too late")
    event = perform(DISABLE, make(), admin).event

    assert event.outcome == "success"
    assert "(it answered HTTP 504)" in event.remark
    assert event.remark.endswith("enabled was true until then")


def test_confirmed_change_that_the_database_does_not_show_is_unknown(
    admin: str, keystone_users: FakeUsers
) -> None:
    keystone_users.works = False
    result = perform(DISABLE, make(), admin)

    assert isinstance(result, Unknown)
    assert "its database does not show the change" in result.sentence
    assert audit_rows()[0][0] == "unknown"


# --- Our own database ---------------------------------------------------------------------------
def test_without_a_row_in_the_audit_log_nothing_is_sent(
    admin: str, fake_keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Event, "save", down)
    with pytest.raises(AuditLogError):
        perform(DISABLE, make(), admin)

    assert fake_keystone.patches == []


def test_register_that_cannot_be_written_leaves_the_row_pending(
    admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Exemption.objects, "create", down)
    with pytest.raises(AuditLogError, match="may have been done"):
        perform(EXEMPT, make(), admin, option=LOCKOUT)

    assert audit_rows() == [("pending", "")]


def test_token_is_not_in_the_repr_of_a_request(admin: str) -> None:
    assert admin not in repr(make_request(DISABLE, make(), admin))
