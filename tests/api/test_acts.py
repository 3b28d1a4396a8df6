"""The acts over the API."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pytest_django import Settings

from pciops.actions.models import Exemption
from pciops.audit.models import Event
from tests.api.call import ACCOUNTS, BODY, assert_refused, get, post, token_of_domain
from tests.factories import make_user
from tests.fake_keystone import FakeKeystone
from tests.fake_keystone import error as refusal
from tests.fake_users import FakeUsers
from tests.fake_users import keystone_users as keystone_users

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("keystone_users"),
]

LOCKOUT = "ignore_lockout_failure_attempts"
GRANT = {"reason": "x", "option": LOCKOUT, "owner": "network team", "ends_on": "2026-12-22"}
EXEMPTED: dict[str, Any] = {"options": {"1002": True}}
CASES = [
    pytest.param("enable", {"enabled": False}, BODY, id="enable"),
    pytest.param("disable", {}, {"reason": "x"}, id="disable"),
    pytest.param("exempt", {}, GRANT, id="exempt"),
    pytest.param("lift", EXEMPTED, {"reason": "x", "option": LOCKOUT}, id="lift"),
    pytest.param("record", EXEMPTED, GRANT, id="record"),
]


@pytest.mark.parametrize(("name", "facts", "body"), CASES)
def test_act_answers_with_its_row_of_the_audit_log(
    token: str,
    fake_keystone: FakeKeystone,
    name: str,
    facts: dict[str, Any],
    body: dict[str, str],
) -> None:
    response = post(token, f"{ACCOUNTS}/{make_user(**facts).id}/{name}", body)
    event = response.json()["event"]

    assert response.status_code == 200
    assert (event["action"], event["outcome"]) == (name, "success")
    assert event["id"] == Event.objects.get().pk
    sent = [] if name == "record" else [token]
    assert [used for used, _, _ in fake_keystone.patches] == sent


def test_account_is_recorded_as_a_machine_and_as_a_person(
    token: str, fake_keystone: FakeKeystone
) -> None:
    path = f"{ACCOUNTS}/{make_user().id}"

    assert post(token, f"{path}/person", {"reason": "x"}).status_code == 409
    assert post(token, f"{path}/machine", {"reason": "x"}).status_code == 200
    assert get(token, path).json()["account"]["machine"] == "register"
    assert post(token, f"{path}/person", {"reason": "x"}).status_code == 200
    assert get(token, path).json()["account"]["machine"] is None
    assert fake_keystone.patches == []


@pytest.mark.parametrize(("name", "facts", "body"), CASES)
def test_act_that_does_not_fit_is_a_conflict(
    token: str, name: str, facts: dict[str, Any], body: dict[str, str]
) -> None:
    unfit: dict[str, Any] = {"disable": {"enabled": False}, "exempt": EXEMPTED}.get(name, {})
    response = post(token, f"{ACCOUNTS}/{make_user(**unfit).id}/{name}", body)

    assert response.status_code == 409
    assert Event.objects.get().outcome == "failure"


@pytest.mark.parametrize(("name", "facts", "body"), CASES)
def test_account_of_another_domain_does_not_exist(
    fake_keystone: FakeKeystone, name: str, facts: dict[str, Any], body: dict[str, str]
) -> None:
    user = make_user(domain_id="payments", **facts)
    response = post(token_of_domain(fake_keystone), f"{ACCOUNTS}/{user.id}/{name}", body)

    assert response.status_code == 404
    assert (fake_keystone.patches, Event.objects.count()) == ([], 0)


@pytest.mark.parametrize(
    ("spoiled", "sentence"),
    [
        ({"reason": ""}, "reason: Enter a reason"),
        ({"option": "no"}, "option: one of ignore_change_password_upon_first_use,"),
        ({"option": ["x"]}, "option: one of"),
        ({"owner": None}, "owner: Enter the owner"),
        ({"ends_on": 7}, "ends_on: Enter the last day of the exemption"),
        ({"ends_on": "2026-11-22"}, "ends_on: Enter a day after today"),
    ],
)
def test_invalid_field_is_named_and_nothing_is_done(
    token: str, fake_keystone: FakeKeystone, spoiled: dict[str, Any], sentence: str
) -> None:
    response = post(token, f"{ACCOUNTS}/{make_user().id}/exempt", {**GRANT, **spoiled})

    assert_refused(response, 400, sentence)
    assert (fake_keystone.patches, Event.objects.count()) == ([], 0)


def test_reason_without_a_ticket_is_refused(
    token: str, fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.TICKET_PATTERN = re.compile("INC-[0-9]+")
    response = post(token, f"{ACCOUNTS}/{make_user().id}/disable", {"reason": "left"})

    assert_refused(response, 400, "reason: Enter the ticket")
    assert (fake_keystone.patches, Event.objects.count()) == ([], 0)


def test_enable_needs_the_identity(token: str) -> None:
    user = make_user(enabled=False)
    response = post(token, f"{ACCOUNTS}/{user.id}/enable", {"reason": "x"})

    assert_refused(response, 400, "identity: ")


def test_refusal_of_keystones_policy_is_forbidden(token: str, keystone_users: FakeUsers) -> None:
    keystone_users.works, keystone_users.answer = False, refusal(403, "identity:update_user.")
    response = post(token, f"{ACCOUNTS}/{make_user().id}/exempt", GRANT)

    assert_refused(response, 403, "Keystone refused (HTTP 403): identity:update_user.")
    assert not Exemption.objects.exists()


def test_operators_cannot_disable_themselves(token: str, fake_keystone: FakeKeystone) -> None:
    user = make_user(user_id=fake_keystone.people[0].id)
    response = post(token, f"{ACCOUNTS}/{user.id}/disable", {"reason": "x"})

    assert response.status_code == 403


def test_unknown_act_is_not_found(token: str) -> None:
    response = post(token, f"{ACCOUNTS}/{make_user().id}/delete", {"reason": "x"})

    assert_refused(response, 404, "This resource doesn't exist")
