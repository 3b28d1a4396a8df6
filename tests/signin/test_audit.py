"""Source addresses, sign-ins, sign-outs and changed passwords in the audit log."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.test import Client, RequestFactory
from pytest_django import Settings

from pciops.audit import chain
from pciops.audit.chain import verify
from pciops.audit.models import Event
from pciops.signin.audit import source_address
from tests.actions.acts import down
from tests.factories import NOW, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

PEER = "10.0.0.9"  # the client itself, or the innermost proxy
PASSWORDS = {"current": "right horse", "new": "new horse", "again": "new horse"}


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, None, PEER),
        (0, "203.0.113.5", PEER),  # no proxy of ours wrote it
        (1, None, PEER),
        (1, "", PEER),
        (1, "203.0.113.5", "203.0.113.5"),
        (1, "198.51.100.1, 203.0.113.5", "203.0.113.5"),  # the client sent the first
        (1, "198.51.100.1,203.0.113.5", "203.0.113.5"),
        (2, "203.0.113.5, 10.0.0.1", "203.0.113.5"),
        (2, "198.51.100.1, 203.0.113.5, 10.0.0.1", "203.0.113.5"),
        (2, "1.1.1.1, 2.2.2.2, 203.0.113.5, 10.0.0.1", "203.0.113.5"),
        (2, "203.0.113.5", PEER),  # it passed one proxy too few
        (1, "garbage", PEER),
        (1, "203.0.113.5, garbage", PEER),
        (1, "203.0.113.5, <script>", PEER),
        (1, ",", PEER),
        (1, "203.0.113.5:4711", PEER),
        (1, "[2001:db8::1]", PEER),
        (1, "2001:DB8:0::1", "2001:db8::1"),
        (9, ", , , , , , , ,", PEER),
    ],
)
def test_source_address_is_the_one_that_our_outermost_proxy_saw(
    settings: Settings, proxies: int, forwarded: str | None, expected: str
) -> None:
    settings.PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory(REMOTE_ADDR=PEER).get("/", headers=headers)

    assert source_address(request) == expected


@pytest.mark.parametrize("peer", ["", "unix:/run/pciops.sock", "localhost"])
def test_peer_without_an_ip_address_has_no_source_address(settings: Settings, peer: str) -> None:
    settings.PROXIES = 0

    assert source_address(RequestFactory(REMOTE_ADDR=peer).get("/")) == ""


# --- Sign-ins -----------------------------------------------------------------------------------
def rows() -> list[tuple[str, str, str]]:
    """Return action, outcome and remark of every row, in the order of the chain."""
    events = Event.objects.order_by("position")
    return list(events.values_list("action", "outcome", "remark"))


def test_sign_in_has_person_time_address_and_agent(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    person = fake_keystone.person()
    sign_in(client, REMOTE_ADDR="192.0.2.7", headers={"User-Agent": "Firefox"})
    event = Event.objects.get()

    assert (event.action, event.outcome, event.event_time) == ("authenticate", "success", NOW)
    assert (event.initiator_id, event.initiator, event.via) == (person.id, "ada (Default)", "page")
    assert (event.initiator_address, event.initiator_agent) == ("192.0.2.7", "Firefox")
    assert (event.resource, event.target_id) == ("pciops", "")
    assert (verify().rows, verify().problem) == (1, "")


def test_refused_sign_in_names_the_account(client: Client, fake_keystone: FakeKeystone) -> None:
    user = make_user("ann")
    sign_in(client, "ann", "wrong")
    event = Event.objects.get()

    assert (event.initiator_id, event.initiator) == (user.id, "ann (Default)")
    assert rows() == [("authenticate", "failure", "refused by Keystone")]


@pytest.mark.parametrize(
    ("name", "domain", "initiator"),
    [
        ("correct horse", "Default", "unknown name (Default)"),
        ("ann", "correct horse", "unknown name ()"),
    ],
)
def test_unknown_name_or_domain_is_not_written(
    client: Client, fake_keystone: FakeKeystone, name: str, domain: str, initiator: str
) -> None:
    make_user("ann")
    sign_in(client, name, "wrong", domain)
    event = Event.objects.get()

    assert (event.initiator_id, event.initiator) == ("", initiator)
    assert "correct" not in str(chain.content(event))


@pytest.mark.parametrize("password", ["right horse", "wrong horse"])
def test_no_password_or_token_is_written(
    client: Client, fake_keystone: FakeKeystone, password: str
) -> None:
    fake_keystone.person()
    make_user("ada")
    sign_in(client, password=password)
    text = str(chain.content(Event.objects.get()))

    assert not any(secret in text for secret in (password, *fake_keystone.tokens))


@pytest.mark.parametrize(
    ("facts", "remark"),
    [
        ({"roles": {"system": {"member"}}}, "no role of an operator"),
        ({"second_factor": True, "factors": [["password", "x509"]]}, "a second factor is needed"),
    ],
)
def test_sign_in_that_is_not_allowed_is_written_with_the_reason(
    client: Client, fake_keystone: FakeKeystone, facts: dict[str, Any], remark: str
) -> None:
    fake_keystone.person(**facts)
    sign_in(client)

    assert rows() == [("authenticate", "failure", remark)]


@pytest.mark.parametrize("facts", [{"expired": True}, {"second_factor": True}])
def test_sign_in_with_a_next_step_is_not_written_yet(
    client: Client, fake_keystone: FakeKeystone, facts: dict[str, Any]
) -> None:
    fake_keystone.person(**facts)
    sign_in(client)

    assert rows() == []


@pytest.mark.parametrize(
    ("code", "outcome", "remark"),
    [("123456", "success", ""), ("654321", "failure", "refused by Keystone: the code")],
)
def test_code_is_written_by_its_outcome(
    client: Client, fake_keystone: FakeKeystone, code: str, outcome: str, remark: str
) -> None:
    fake_keystone.person(second_factor=True)
    sign_in(client)
    client.post("/signin/code/", {"passcode": code})

    assert rows() == [("authenticate", outcome, remark)]


def test_sign_in_during_an_outage_is_written(
    client: Client, settings: Any, fake_keystone: FakeKeystone
) -> None:
    settings.OS_AUTH_URL = "http://127.0.0.1:9/v3"
    sign_in(client)

    assert rows() == [("authenticate", "failure", "Keystone does not answer")]


def test_throttled_sign_in_is_written_once_a_wait(
    client: Client, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    make_locked_user("ann")
    for _ in range(6):  # two failures, then four that have to wait
        sign_in(client, "ann", "wrong")
        clock.shift(1)

    assert [remark for _, _, remark in rows()] == [
        *["refused by Keystone"] * 2,
        "too many failures from this address",
    ]


def test_sign_in_works_without_the_audit_log_and_is_logged(
    client: Client,
    fake_keystone: FakeKeystone,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake_keystone.person()
    monkeypatch.setattr(Event, "save", down)

    assert sign_in(client).status_code == 302
    assert any("authenticate of ada, success" in message for message in caplog.messages)


# --- Changed passwords --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "current", "expected"),
    [
        ({}, "right horse", [("update/password", "success", ""), ("authenticate", "success", "")]),
        (
            {"refuses": (400, "no")},
            "right horse",
            [("update/password", "failure", "Keystone refused the new password")],
        ),
        (
            {},
            "wrong",
            [("update/password", "failure", "refused by Keystone: the current password")],
        ),
        (
            {"roles": {"system": {"member"}}},
            "right horse",
            [
                ("update/password", "success", ""),
                ("authenticate", "failure", "not signed in after a change of password"),
            ],
        ),
    ],
    ids=["changed", "refused", "wrong", "no role"],
)
def test_change_of_password_is_written_by_its_outcome(
    client: Client,
    fake_keystone: FakeKeystone,
    facts: dict[str, Any],
    current: str,
    expected: list[tuple[str, str, str]],
) -> None:
    fake_keystone.person(expired=True, **facts)
    sign_in(client)
    client.post("/signin/password/", {**PASSWORDS, "current": current})

    assert rows() == expected


def test_change_of_password_without_an_answer_is_unknown(
    client: Client, settings: Any, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(expired=True)
    sign_in(client)
    settings.OS_AUTH_URL = "http://127.0.0.1:9/v3"
    client.post("/signin/password/", PASSWORDS)

    assert rows() == [("update/password", "unknown", "Keystone does not answer")]


# --- Sign-outs and files ------------------------------------------------------------------------
def test_sign_out_is_written(site: Client) -> None:
    site.post("/signout/")
    event = Event.objects.get(action="authenticate/logout")

    assert (event.outcome, event.initiator_name) == ("success", "ada")


def test_sign_out_without_a_session_is_not_written(client: Client) -> None:
    client.post("/signout/")

    assert rows() == []


def test_export_is_written_with_its_filters(site: Client) -> None:
    site.get("/accounts/export?format=csv&state=locked&q=ann")
    event = Event.objects.get(action="read/export")

    assert (event.resource, event.remark) == ("accounts.csv", "state=locked&q=ann")
    assert (event.outcome, event.initiator_name) == ("success", "ada")


def test_without_the_audit_log_there_is_no_export(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Event, "save", down)
    response = site.get("/accounts/export?format=csv")

    assert response.status_code == 503
    assert "own database does not answer" in shown(response)
