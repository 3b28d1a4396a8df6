"""Sign-ins and sign-outs in the trail."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
import time_machine
from django.db import OperationalError
from django.test import Client

from pciops.audit import chain
from pciops.audit.chain import verify
from pciops.audit.models import Event
from tests.factories import NOW, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def row() -> Event:
    """The only row."""
    return Event.objects.get()


def test_a_sign_in_says_who_when_from_where_and_how(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    person = fake_keystone.person()
    sign_in(client, REMOTE_ADDR="192.0.2.7", headers={"User-Agent": "Firefox"})
    event = row()

    assert (event.action, event.outcome, event.event_time) == ("authenticate", "success", NOW)
    assert (event.initiator_id, event.initiator, event.via) == (person.id, "ada (Default)", "page")
    assert (event.initiator_address, event.initiator_agent) == ("192.0.2.7", "Firefox")
    assert (event.resource, event.target_id) == ("pciops", "")


def test_a_refused_sign_in_names_the_account(client: Client, fake_keystone: FakeKeystone) -> None:
    user = make_user("ann")
    sign_in(client, "ann", "wrong")
    event = row()

    assert (event.action, event.outcome) == ("authenticate", "failure")
    assert (event.initiator_id, event.initiator) == (user.id, "ann (Default)")
    assert event.remark == "refused by Keystone"


def test_a_password_in_the_field_of_the_name_is_not_written_down(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    make_user("ann")
    sign_in(client, "correct horse battery", "wrong")

    assert (row().initiator_id, row().initiator) == ("", "unknown name (Default)")


def test_nothing_of_a_domain_that_is_none_is_written_down(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    sign_in(client, "ann", "wrong", "correct horse battery")

    assert "correct" not in str(chain.content(row()))


@pytest.mark.parametrize("password", ["right horse", "wrong horse"])
def test_no_password_is_in_the_trail(
    client: Client, fake_keystone: FakeKeystone, password: str
) -> None:
    fake_keystone.person()
    make_user("ada")
    sign_in(client, password=password)

    assert password not in str(chain.content(row()))


def test_no_token_is_in_the_trail(client: Client, fake_keystone: FakeKeystone) -> None:
    fake_keystone.person()
    sign_in(client)
    text = str(chain.content(row()))

    assert not any(token in text for token in fake_keystone.tokens)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"roles": {"system": {"member"}}}, "no role of an operator"),
        ({"second_factor": True, "factors": [["password", "x509"]]}, "a second factor is needed"),
    ],
)
def test_who_is_not_let_in_is_in_the_trail_with_the_reason(
    client: Client, fake_keystone: FakeKeystone, facts: dict[str, Any], why: str
) -> None:
    fake_keystone.person(**facts)
    sign_in(client)

    assert (row().outcome, row().remark) == ("failure", why)


@pytest.mark.parametrize("facts", [{"expired": True}, {"second_factor": True}])
def test_a_sign_in_that_goes_on_is_not_in_the_trail_yet(
    client: Client, fake_keystone: FakeKeystone, facts: dict[str, Any]
) -> None:
    fake_keystone.person(**facts)
    sign_in(client)

    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("123456", ("success", "")),
        ("654321", ("failure", "refused by Keystone: the code")),
    ],
)
def test_a_code_is_in_the_trail_by_how_it_ended(
    client: Client, fake_keystone: FakeKeystone, code: str, expected: tuple[str, str]
) -> None:
    fake_keystone.person(second_factor=True)
    sign_in(client)
    client.post("/signin/code/", {"passcode": code})

    assert (row().outcome, row().remark) == expected


PASSWORDS = {"current": "right horse", "new": "new horse", "again": "new horse"}


def rows() -> list[tuple[str, str, str]]:
    """Action, outcome and remark of every row, in the order of the chain."""
    found = Event.objects.order_by("position")
    return list(found.values_list("action", "outcome", "remark"))


def test_a_changed_password_is_an_act_before_the_sign_in(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(expired=True)
    sign_in(client)
    client.post("/signin/password/", PASSWORDS)

    assert rows() == [("update/password", "success", ""), ("authenticate", "success", "")]


@pytest.mark.parametrize(
    ("current", "refuses", "why"),
    [
        ("right horse", (400, "no"), "Keystone refused the new password"),
        ("wrong", None, "refused by Keystone: the current password"),
    ],
)
def test_a_password_that_is_not_changed_is_an_act_that_failed(
    client: Client,
    fake_keystone: FakeKeystone,
    current: str,
    refuses: tuple[int, str] | None,
    why: str,
) -> None:
    fake_keystone.person(expired=True, refuses=refuses)
    sign_in(client)
    client.post("/signin/password/", {**PASSWORDS, "current": current})

    assert rows() == [("update/password", "failure", why)]


def test_of_a_change_that_keystone_does_not_answer_nobody_knows_the_end(
    client: Client, settings: Any, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(expired=True)
    sign_in(client)
    settings.OS_AUTH_URL = "http://127.0.0.1:9/v3"
    client.post("/signin/password/", PASSWORDS)

    assert rows() == [("update/password", "unknown", "Keystone does not answer")]


def test_a_changed_password_that_signs_nobody_in_is_in_the_trail(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(expired=True, roles={"system": {"member"}})
    sign_in(client)
    client.post("/signin/password/", PASSWORDS)

    assert rows() == [
        ("update/password", "success", ""),
        ("authenticate", "failure", "not signed in after a change of password"),
    ]


def test_a_sign_in_without_keystone_is_in_the_trail(
    client: Client, settings: Any, fake_keystone: FakeKeystone
) -> None:
    settings.OS_AUTH_URL = "http://127.0.0.1:9/v3"
    sign_in(client)

    assert row().remark == "Keystone does not answer"


def test_a_throttled_sign_in_is_in_the_trail_once_a_wait(
    client: Client, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    make_locked_user("ann")
    for _ in range(6):  # three failures, then three that have to wait
        sign_in(client, "ann", "wrong")
        clock.shift(1)

    remarks = Event.objects.order_by("position").values_list("remark", flat=True)
    assert list(remarks) == [
        *["refused by Keystone"] * 3,
        "too many failures from this address",
    ]


def test_a_sign_out_is_in_the_trail(site: Client) -> None:
    site.post("/signout/")
    event = Event.objects.get(action="authenticate/logout")

    assert (event.outcome, event.initiator_name) == ("success", "ada")


def test_a_sign_out_of_nobody_is_not_in_the_trail(client: Client) -> None:
    client.post("/signout/")

    assert not Event.objects.exists()


def test_sign_ins_are_in_the_chain(site: Client) -> None:
    assert (verify().rows, verify().problem) == (1, "")


def test_one_can_sign_in_while_the_trail_cannot_be_written_and_the_log_says_so(
    client: Client,
    fake_keystone: FakeKeystone,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def down(*_: Any, **__: Any) -> NoReturn:
        raise OperationalError(1114, "The table 'audit_event' is full")

    fake_keystone.person()
    monkeypatch.setattr(Event, "save", down)

    assert sign_in(client).status_code == 302
    assert "missing in the trail: authenticate of ada, success" in caplog.messages


def test_there_is_no_file_while_the_trail_cannot_be_written(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> NoReturn:
        raise OperationalError(1114, "The table 'audit_event' is full")

    monkeypatch.setattr(Event, "save", down)
    response = site.get("/accounts/export?format=csv")

    assert response.status_code == 503
    assert "no act without a row in the trail" in shown(response)


def test_an_export_is_in_the_trail_with_its_filters(site: Client) -> None:
    site.get("/accounts/export?format=csv&state=locked&q=ann")
    event = Event.objects.get(action="read/export")

    assert (event.resource, event.remark) == ("accounts.csv", "state=locked&q=ann")
    assert (event.outcome, event.initiator_name) == ("success", "ada")
