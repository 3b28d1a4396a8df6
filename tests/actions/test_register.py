"""The exemption register: what Keystone has beside what was recorded."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connections

from pciops.actions import register
from pciops.actions.act import ConflictError
from pciops.actions.exempting import RECORD
from pciops.actions.models import Exemption
from pciops.actions.register import Entry, Status
from pciops.audit.models import Event
from pciops.keystone.models import User, UserOption
from tests.actions.acts import delete, order, read, trail
from tests.factories import NOW, make_initiator, make_user

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("clock"),
]

EXPIRY, LOCKOUT = "ignore_password_expiry", "ignore_lockout_failure_attempts"
TODAY = NOW.date()


def make_exempt(name: str = "svc", *, option_id: str = "1001", **facts: Any) -> User:
    """An account that another tool has exempted."""
    return make_user(name, options={option_id: True}, **facts)


def record(user: User, *, option: str = EXPIRY, **facts: Any) -> Event:
    """Record an exemption as olga."""
    account = read(user.id)
    return RECORD.perform(account, order(RECORD, account, option=option, **facts))


def entries(scope: str | None = None) -> list[Entry]:
    """The whole register."""
    return list(register.entries(scope=scope, now=NOW))


def statuses(scope: str | None = None) -> list[tuple[str, str]]:
    """Names and statuses."""
    return [(entry.user_name, entry.status.value) for entry in entries(scope)]


def test_an_exemption_that_nobody_has_recorded_is_a_finding() -> None:
    make_exempt()

    assert statuses() == [("svc", "unrecorded")]
    assert Status.UNRECORDED.is_finding


def test_an_exemption_that_is_recorded_is_none() -> None:
    record(make_exempt())

    assert statuses() == [("svc", "recorded")]
    assert not Status.RECORDED.is_finding


@pytest.mark.parametrize(
    ("ends_on", "status"),
    [
        (TODAY - timedelta(days=1), "overdue"),
        (TODAY, "recorded"),
        (TODAY + timedelta(days=1), "recorded"),
    ],
)
def test_an_exemption_is_overdue_after_its_last_day(ends_on: date, status: str) -> None:
    record(make_exempt(), ends_on=ends_on)

    assert statuses() == [("svc", status)]


def test_an_option_that_is_present_and_false_exempts_nobody() -> None:
    make_user(options={"1001": False, "1002": None})

    assert entries() == []


def test_an_option_that_is_no_exemption_is_not_in_the_register() -> None:
    make_user(options={"1003": True, "MFAE": True})

    assert entries() == []


def test_each_option_of_an_account_stands_alone() -> None:
    user = make_user(options={"1001": True, "1002": True})
    record(user)

    assert [(entry.option, entry.status.value) for entry in entries()] == [
        (EXPIRY, "recorded"),
        (LOCKOUT, "unrecorded"),
    ]


def test_an_exemption_that_another_tool_has_lifted_is_said_to_be_gone() -> None:
    user = make_exempt()
    record(user)
    UserOption.objects.using("keystone").filter(user_id=user.id).update(option_value="false")

    assert statuses() == [("svc", "gone")]


def test_an_exemption_of_an_account_that_was_deleted_keeps_its_name() -> None:
    user = make_exempt()
    record(user)
    UserOption.objects.using("keystone").filter(user_id=user.id).update(option_value="false")
    account = read(user.id)
    with connections["keystone"].cursor() as cursor:
        cursor.execute("DELETE FROM user_option")
    delete(account)

    assert [(it.user_name, it.status.value, it.account) for it in entries()] == [
        ("svc", "gone", None)
    ]


def test_an_administrator_of_a_domain_sees_the_exemptions_of_that_domain() -> None:
    record(make_exempt("theirs", domain_id="payments"))
    record(make_exempt("ours", domain_id="shops"))
    make_exempt("new", domain_id="payments")

    assert statuses("shops") == [("ours", "recorded")]


def test_the_register_is_walked_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    users = [make_exempt(f"svc-{number}") for number in range(7)]
    for user in users[::2]:
        record(user)
    whole = statuses()
    found, marker = list[tuple[str, str]](), ""
    while True:
        batch = register.batch(scope=None, now=NOW, marker=marker, limit=2)
        assert len(batch.entries) <= 2
        found += [(entry.user_name, entry.status.value) for entry in batch.entries]
        marker = batch.next
        if not marker:
            break

    assert len(whole) == 7
    assert found == whole


# --- Recording ----------------------------------------------------------------------------------
def test_what_is_recorded_says_who_answers_for_it_and_until_when() -> None:
    event = record(make_exempt())
    row = Exemption.objects.get()

    assert (row.owner, row.reason, row.starts_on) == ("network team", "INC-4711", TODAY)
    assert (row.ends_on, row.recorded_by) == (TODAY + timedelta(days=30), "olga (Default)")
    assert row.event_id == event.id


def test_recording_is_a_row_in_the_trail() -> None:
    event = record(make_exempt())

    assert (event.action, event.outcome) == ("record", "success")
    assert event.resource == f"{EXPIRY} until 2026-12-22, owner: network team"


def test_recording_anew_closes_what_was_recorded_before() -> None:
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


def test_an_exemption_that_does_not_exist_cannot_be_recorded() -> None:
    with pytest.raises(ConflictError, match="Nothing was recorded"):
        record(make_exempt(), option=LOCKOUT)

    assert not Exemption.objects.exists()
    assert trail()[0][0] == "failure"


def test_an_entry_is_a_flat_object_for_machines() -> None:
    user = make_exempt()
    event = record(user)
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
