"""The exemption register: Keystone's options beside what was recorded."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from pciops.actions import register
from pciops.actions.act import ActResult, Conflict
from pciops.actions.exempting import RECORD
from pciops.actions.models import Exemption
from pciops.actions.register import ExemptionEntry, ExemptionStatus, Grant
from pciops.keystone.models import User, UserOption
from tests.actions.acts import audit_rows, delete, perform, read
from tests.factories import NOW, make_initiator, make_user

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("clock"),
]

EXPIRY, LOCKOUT = "ignore_password_expiry", "ignore_lockout_failure_attempts"
TODAY = NOW.date()


def make_exempt(name: str = "svc", *, option_id: str = "1001", **facts: Any) -> User:
    """Make an account that another tool has exempted."""
    return make_user(name, options={option_id: True}, **facts)


def record(user: User, *, option: str = EXPIRY, **facts: Any) -> ActResult:
    """Record an exemption for olga."""
    return perform(RECORD, read(user.id), option=option, **facts)


def entries(scope: str | None = None) -> list[ExemptionEntry]:
    """Return the whole register."""
    return list(register.entries(scope=scope, now=NOW))


def statuses(scope: str | None = None) -> list[tuple[str, str]]:
    """Return names and statuses of the whole register."""
    return [(entry.user_name, entry.status.value) for entry in entries(scope)]


def test_exemption_is_unrecorded_until_it_is_recorded() -> None:
    user = make_exempt()
    assert statuses() == [("svc", "unrecorded")]

    record(user)
    assert statuses() == [("svc", "recorded")]


def test_unrecorded_and_overdue_exemptions_are_findings() -> None:
    findings = {status for status in ExemptionStatus if status.is_finding}

    assert findings == {ExemptionStatus.UNRECORDED, ExemptionStatus.OVERDUE}


@pytest.mark.parametrize(
    ("ends_on", "status"),
    [
        (TODAY - timedelta(days=1), "overdue"),
        (TODAY, "recorded"),
        (TODAY + timedelta(days=1), "recorded"),
    ],
)
def test_exemption_is_overdue_after_its_last_day(ends_on: date, status: str) -> None:
    record(make_exempt(), ends_on=ends_on)

    assert statuses() == [("svc", status)]


@pytest.mark.parametrize(
    "options",
    [{"1001": False, "1002": None}, {"1003": True, "MFAE": True}],
    ids=["false", "not an exemption"],
)
def test_options_that_exempt_from_no_rule_are_left_out(options: dict[str, Any]) -> None:
    make_user(options=options)

    assert entries() == []


def test_each_option_of_an_account_is_an_entry() -> None:
    user = make_user(options={"1001": True, "1002": True})
    record(user)

    assert [(entry.option, entry.status.value) for entry in entries()] == [
        (EXPIRY, "recorded"),
        (LOCKOUT, "unrecorded"),
    ]


def test_exemption_that_another_tool_has_lifted_is_gone() -> None:
    user = make_exempt()
    record(user)
    UserOption.objects.using("keystone").filter(user_id=user.id).update(option_value="false")

    assert statuses() == [("svc", "gone")]


def test_exemption_of_a_deleted_account_keeps_its_name() -> None:
    user = make_exempt()
    record(user)
    account = read(user.id)
    UserOption.objects.using("keystone").filter(user_id=user.id).delete()
    delete(account)

    [entry] = entries()
    assert (entry.user_name, entry.status.value, entry.account) == ("svc", "gone", None)


def test_domain_administrator_sees_only_exemptions_of_the_domain() -> None:
    record(make_exempt("theirs", domain_id="payments"))
    record(make_exempt("ours", domain_id="shops"))
    make_exempt("new", domain_id="payments")

    assert statuses("shops") == [("ours", "recorded")]


def test_register_is_read_in_pages() -> None:
    users = [make_exempt(f"svc-{number}") for number in range(7)]
    for user in users[::2]:
        record(user)
    pages = [register.page(scope=None, now=NOW, limit=2)]
    while pages[-1].next:
        pages.append(register.page(scope=None, now=NOW, marker=pages[-1].next, limit=2))

    assert [len(page.entries) for page in pages] == [2, 2, 2, 1]
    read_entries = [entry for page in pages for entry in page.entries]
    assert [(entry.user_name, entry.status.value) for entry in read_entries] == statuses()


# --- Recording ----------------------------------------------------------------------------------
def test_grant_in_the_audit_log_can_be_read_again() -> None:
    grant = Grant(option=EXPIRY, owner="a, owner: until 2027", ends_on=TODAY)

    assert Grant.parse(str(grant)) == grant
    with pytest.raises(ValueError, match=EXPIRY):
        Grant.parse(EXPIRY)


def test_record_has_owner_reason_and_last_day() -> None:
    result = record(make_exempt())
    row = Exemption.objects.get()

    assert (row.owner, row.reason, row.starts_on) == ("network team", "INC-4711", TODAY)
    assert (row.ends_on, row.recorded_by) == (TODAY + timedelta(days=30), "olga (Default)")
    assert row.event_id == result.event.id


def test_recording_is_a_row_in_the_audit_log() -> None:
    event = record(make_exempt()).event

    assert (event.action, event.outcome) == ("record", "success")
    assert event.resource == f"{EXPIRY} until 2026-12-22, owner: network team"


def test_recording_again_closes_the_record_before() -> None:
    user = make_exempt()
    record(user)
    record(user, owner="storage team", initiator=make_initiator("bob"))

    assert list(Exemption.objects.order_by("pk").values_list("owner", "lifted_by")) == [
        ("network team", "bob (Default)"),
        ("storage team", ""),
    ]
    [entry] = entries()
    assert entry.record is not None
    assert entry.record.owner == "storage team"


def test_exemption_that_does_not_exist_cannot_be_recorded() -> None:
    result = record(make_exempt(), option=LOCKOUT)

    assert isinstance(result, Conflict)
    assert "Nothing was recorded" in result.sentence
    assert not Exemption.objects.exists()
    assert audit_rows() == [("failure", result.sentence)]


def test_entry_as_a_flat_object() -> None:
    user = make_exempt()
    event = record(user).event
    [entry] = entries()

    assert register.as_dict(entry) == {
        "status": "recorded",
        "option": EXPIRY,
        "user_id": user.id,
        "user_name": "svc",
        "domain_id": "default",
        "domain_name": "Default",
        "kinds": [],
        "owner": "network team",
        "reason": "INC-4711",
        "starts_on": "2026-11-22",
        "ends_on": "2026-12-22",
        "recorded_by": "olga (Default)",
        "event_id": event.id,
    }
    assert tuple(register.as_dict(entry)) == register.COLUMNS
