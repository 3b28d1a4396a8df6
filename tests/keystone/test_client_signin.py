"""Tests of the client when a right password is not enough: second factors, new passwords."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from pciops.keystone import client
from pciops.keystone.client import (
    KeystoneError,
    PasswordRefusedError,
    RefusedError,
    SecondFactorError,
    UnreachableError,
)
from tests.keystone.answers import RECEIPT, error
from tests.keystone.answers import server as server
from tests.keystone.server import Answer, Server


# --- A second factor ----------------------------------------------------------------------------
def incomplete(body: dict[str, Any]) -> Answer:
    """Return the answer to a right password that is not enough."""
    return Answer(status=401, body=body, headers={"Openstack-Auth-Receipt": "receipt-id"})


def test_missing_second_factor_is_an_exception_with_a_receipt(server: Server) -> None:
    server.answer = incomplete(RECEIPT)

    with pytest.raises(SecondFactorError) as raised:
        client.authenticate("ann", "hunter2", "Example")
    assert (raised.value.receipt, raised.value.user_id) == ("receipt-id", "a1")
    assert raised.value.missing == (frozenset({"totp"}),)
    assert raised.value.takes_totp
    assert "receipt-id" not in f"{raised.value} {raised.value!r}"


@pytest.mark.parametrize(
    "facts",
    [{"user": None}, {"user": {}}, {"issued_at": None}, {"issued_at": "now"}],
    ids=str,
)
def test_invalid_receipt_is_an_outage(server: Server, facts: dict[str, Any]) -> None:
    server.answer = incomplete({**RECEIPT, "receipt": RECEIPT["receipt"] | facts})

    with pytest.raises(UnreachableError, match="not Keystone v3"):
        client.authenticate("ann", "hunter2", "Example")


def test_lifetime_of_a_receipt_does_not_depend_on_clocks(server: Server) -> None:
    times = {
        "issued_at": "2001-01-01T00:00:00.000000Z",
        "expires_at": "2001-01-01T00:05:00.000000Z",
    }
    server.answer = incomplete({**RECEIPT, "receipt": RECEIPT["receipt"] | times})

    with pytest.raises(SecondFactorError) as raised:
        client.authenticate("ann", "hunter2", "Example")
    assert raised.value.lifetime == timedelta(minutes=5)


def test_missing_receipt_takes_no_code(server: Server) -> None:
    server.answer = incomplete(RECEIPT)
    server.answer.headers["Openstack-Auth-Receipt"] = ""

    with pytest.raises(SecondFactorError) as raised:
        client.authenticate("ann", "hunter2", "Example")
    assert not raised.value.takes_totp


def test_code_is_sent_with_the_receipt(server: Server) -> None:
    client.second_factor("receipt-id", "a1", "123456")

    assert server.requests[0].headers["openstack-auth-receipt"] == "receipt-id"
    assert server.requests[0].body["auth"] == {
        "identity": {"methods": ["totp"], "totp": {"user": {"id": "a1", "passcode": "123456"}}},
        "scope": "unscoped",
    }


# --- A change of password -----------------------------------------------------------------------
def test_password_change_sends_both_passwords_and_no_token(server: Server) -> None:
    server.answer = Answer(status=204, body="")
    client.change_password("a/1", "hunter2", "hunter3")

    assert (server.requests[0].method, server.requests[0].path) == (
        "POST",
        "/v3/users/a%2F1/password",
    )
    assert server.requests[0].body == {
        "user": {"original_password": "hunter2", "password": "hunter3"}
    }
    assert "x-auth-token" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (error(400, "It is too short.."), "It is too short"),
        (error(403, "Locked (HTTP 9)"), "Locked (HTTP 9)"),
        (error(409, "not hunter3, not hunter2"), "not •••, not •••"),
        (error(400, "x" * 9999), "x" * 500),
    ],
)
def test_refusal_of_a_new_password_has_keystones_message(
    server: Server, answer: Answer, message: str
) -> None:
    server.answer = answer

    with pytest.raises(PasswordRefusedError) as raised:
        client.change_password("a1", "hunter2", "hunter3")
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("status", "expected"), [(401, RefusedError), (404, RefusedError), (500, UnreachableError)]
)
def test_other_errors_of_a_password_change_are_those_of_a_sign_in(
    server: Server, status: int, expected: type[KeystoneError]
) -> None:
    server.answer = error(status)

    with pytest.raises(expected):
        client.change_password("a1", "hunter2", "hunter3")


def test_password_change_waits_until_new_tokens_are_valid(
    server: Server, settings: Settings
) -> None:
    settings.KEYSTONE_REVOCATION_SECONDS = 0.2
    server.answer = Answer(status=204, body="")
    started = time.monotonic()
    client.change_password("a1", "hunter2", "hunter3")

    assert time.monotonic() - started >= 0.2
