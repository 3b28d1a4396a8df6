"""Keystone's API: what it says becomes a token or one of five exceptions."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from pciops.keystone import client
from pciops.keystone.client import (
    KeystoneError,
    PasswordExpiredError,
    RefusedError,
    Token,
    UnreachableError,
)
from tests.keystone.answers import TOKEN, error, issued
from tests.keystone.answers import server as server
from tests.keystone.server import Answer, Server, served

ADMIN = {"id": "r1", "name": "admin"}
SYSTEM = {**TOKEN, "roles": [ADMIN], "system": {"all": True}}
DOMAIN = {**TOKEN, "roles": [ADMIN], "domain": {"id": "d2", "name": "Other"}}
PROJECT = {
    **TOKEN,
    "roles": [ADMIN, {"id": "r2", "name": "member"}],
    "project": {"id": "p1", "name": "ops", "domain": {"id": "d3", "name": "Third"}},
}
EXPIRED = "The password is expired and needs to be changed for user: a1."


def token() -> Token:
    """A token of Keystone's to go on with."""
    return Token(
        id="secret-id",
        expires_at=datetime(2026, 11, 22, 15, tzinfo=UTC),
        user_id="a1",
        user_name="ann",
        user_domain_id="d1",
        user_domain_name="Example",
        roles=frozenset(),
        system=False,
        domain_id=None,
        domain_name=None,
        project_name=None,
        project_domain_name=None,
    )


CALLS: dict[str, Callable[[], object]] = {
    "authenticate": lambda: client.authenticate("ann", "hunter2", "Example"),
    "second_factor": lambda: client.second_factor("receipt-id", "a1", "123456"),
    "rescope": lambda: client.rescope(token(), {"system_scope": "all"}),
    "validate": lambda: client.validate("secret-id"),
    "change_password": lambda: client.change_password("a1", "hunter2", "hunter3"),
    "ping": client.ping,
}
ISSUING = ["authenticate", "second_factor", "rescope"]
ASKING = [*ISSUING, "validate"]


def test_a_token_says_who_it_stands_for(server: Server) -> None:
    found = client.authenticate("ann", "hunter2", "Example")

    assert found == Token(
        id="secret-id",
        expires_at=datetime(2026, 11, 22, 15, 2, 11, tzinfo=UTC),
        user_id="a1",
        user_name="ann",
        user_domain_id="d1",
        user_domain_name="Example",
        roles=frozenset(),
        system=False,
        domain_id=None,
        domain_name=None,
        project_name=None,
        project_domain_name=None,
    )


def test_the_id_of_a_token_is_never_shown(server: Server) -> None:
    assert "secret-id" not in repr(client.authenticate("ann", "hunter2", "Example"))


def test_a_wrong_password_is_one_failure_and_not_two(server: Server) -> None:
    server.answer = error(401)
    with pytest.raises(RefusedError):
        client.authenticate("ann", "wrong", "Example")

    assert len(server.requests) == 1


def test_a_sign_in_asks_for_an_unscoped_token(server: Server) -> None:
    client.authenticate("ann", "hunter2", "Example")

    assert server.requests[0].path == "/v3/auth/tokens?nocatalog"
    assert server.requests[0].body["auth"] == {
        "identity": {
            "methods": ["password"],
            "password": {
                "user": {"name": "ann", "password": "hunter2", "domain": {"name": "Example"}}
            },
        },
        "scope": "unscoped",
    }


@pytest.mark.parametrize("path", ["", "/v3", "/identity", "/identity/v3"])
@pytest.mark.parametrize("call", ASKING)
def test_the_address_may_or_may_not_end_in_the_version(
    server: Server, settings: Settings, path: str, call: str
) -> None:
    settings.OS_AUTH_URL = server.url + path
    CALLS[call]()

    expected = f"{path.removesuffix('/v3')}/v3/auth/tokens?nocatalog"
    assert server.requests[0].path == expected


@pytest.mark.parametrize(
    ("scope", "body"),
    [
        ({"system_scope": "all"}, {"system": {"all": True}}),
        ({"domain_id": "d2"}, {"domain": {"id": "d2"}}),
        ({"project_id": "p1"}, {"project": {"id": "p1"}}),
    ],
)
def test_a_token_is_rescoped_by_the_token_alone(
    server: Server, scope: dict[str, str], body: dict[str, object]
) -> None:
    client.rescope(token(), scope)

    assert server.requests[0].body["auth"] == {
        "identity": {"methods": ["token"], "token": {"id": "secret-id"}},
        "scope": body,
    }


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (SYSTEM, {"system": True, "roles": frozenset({"admin"})}),
        (DOMAIN, {"system": False, "domain_id": "d2", "domain_name": "Other"}),
        (PROJECT, {"project_name": "ops", "project_domain_name": "Third", "domain_id": None}),
        (PROJECT, {"application_credential": False}),
        ({**PROJECT, "application_credential": {"id": "c1"}}, {"application_credential": True}),
        (PROJECT, {"roles": frozenset({"admin", "member"})}),
        (TOKEN, {"system": False, "domain_id": None, "project_name": None, "roles": frozenset()}),
    ],
)
def test_a_token_says_what_it_is_scoped_to(
    server: Server, body: dict[str, Any], facts: dict[str, object]
) -> None:
    server.answer = issued(body)
    found = client.rescope(token(), {"system_scope": "all"})

    assert {name: getattr(found, name) for name in facts} == facts


def test_a_token_is_asked_about_itself(server: Server) -> None:
    client.validate("secret-id")
    headers = server.requests[0].headers

    assert server.requests[0].method == "GET"
    assert (headers["x-auth-token"], headers["x-subject-token"]) == ("secret-id", "secret-id")


def test_a_validated_token_keeps_its_id(server: Server) -> None:
    assert client.validate("secret-id").id == "secret-id"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(401), RefusedError),
        (error(403), RefusedError),
        (error(400), RefusedError),  # a name that is too long, a count without an instant
        (Answer(status=401, body="no JSON"), RefusedError),
        (error(500), UnreachableError),
        (error(502), UnreachableError),
        (error(503), UnreachableError),
        (error(429), UnreachableError),
    ],
    ids=["401", "403", "400", "401 without JSON", "500", "502", "503", "429"],
)
@pytest.mark.parametrize("call", ASKING)
def test_an_error_of_keystone_becomes_one_of_ours(
    server: Server, call: str, answer: Answer, expected: type[KeystoneError]
) -> None:
    server.answer = answer

    with pytest.raises(KeystoneError) as raised:
        CALLS[call]()
    assert type(raised.value) is expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("authenticate", UnreachableError),
        ("second_factor", UnreachableError),
        ("rescope", UnreachableError),
        ("validate", RefusedError),
    ],
)
def test_not_found_is_a_token_that_has_ended_or_no_keystone_at_all(
    server: Server, call: str, expected: type[KeystoneError]
) -> None:
    server.answer = error(404, "Could not find token")

    with pytest.raises(expected):
        CALLS[call]()


def test_an_expired_password_is_told_apart(server: Server) -> None:
    server.answer = error(401, EXPIRED)

    with pytest.raises(PasswordExpiredError) as raised:
        client.authenticate("ann", "hunter2", "Example")
    assert raised.value.user_id == "a1"


@pytest.mark.parametrize("message", ["The password is expired", "password is expired for user: "])
def test_an_expired_password_may_be_nobodys(server: Server, message: str) -> None:
    server.answer = error(401, message)

    with pytest.raises(PasswordExpiredError) as raised:
        client.authenticate("ann", "hunter2", "Example")
    assert raised.value.user_id == ""


@pytest.mark.parametrize(
    "body",
    ["", "<html>It works!</html>", "[]", "{}", "null", '"token"', '{"token": null}']
    + ['{"token": {}}', '{"token": []}', '{"token": "x"}', '{"token": {"user": "ann"}}']
    + ['{"token": {"expires_at": 1, "user": {}}}', '{"token": {"expires_at": "soon"}}'],
)
@pytest.mark.parametrize("call", ASKING)
def test_an_answer_that_makes_no_sense_is_none(server: Server, call: str, body: str) -> None:
    server.answer = Answer(status=200, body=body, headers={"X-Subject-Token": "secret-id"})

    with pytest.raises(UnreachableError, match="no Keystone v3"):
        CALLS[call]()


@pytest.mark.parametrize("call", ISSUING)
def test_a_token_without_an_id_is_no_token(server: Server, call: str) -> None:
    server.answer = Answer(status=201, body={"token": TOKEN})

    with pytest.raises(UnreachableError):
        CALLS[call]()


@pytest.mark.parametrize("call", list(CALLS))
def test_a_refused_connection_is_no_answer(settings: Settings, call: str) -> None:
    with socket.socket() as unused:  # bound, so that nobody else listens there
        unused.bind(("127.0.0.1", 0))
        settings.OS_AUTH_URL = f"http://127.0.0.1:{unused.getsockname()[1]}/v3"

        with pytest.raises(UnreachableError, match="no connection"):
            CALLS[call]()


@pytest.mark.parametrize("call", list(CALLS))
def test_an_answer_that_takes_too_long_is_none(
    server: Server, settings: Settings, call: str
) -> None:
    settings.KEYSTONE_TIMEOUT = 0.1
    server.answer.after = 0.3

    with pytest.raises(UnreachableError, match=r"no answer in 0\.1 s"):
        CALLS[call]()


def test_a_certificate_that_cannot_be_verified_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise ssl.SSLCertVerificationError("self-signed certificate")

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", refuse)
    with served() as server:
        settings.OS_AUTH_URL = server.url.replace("http:", "https:")

        with pytest.raises(UnreachableError, match="TLS certificate cannot be verified"):
            client.ping()


def test_an_error_of_the_server_is_named_by_its_number(server: Server) -> None:
    server.answer = error(503)

    with pytest.raises(UnreachableError, match="HTTP 503"):
        client.authenticate("ann", "hunter2", "Example")


def test_no_exception_repeats_the_password(server: Server) -> None:
    server.answer = error(401)
    with pytest.raises(RefusedError) as raised:
        client.authenticate("ann", "hunter2", "Example")

    assert "hunter2" not in f"{raised.value!r} {raised.value.__cause__!r}"


@pytest.mark.parametrize("call", ["authenticate", "rescope", "validate"])
def test_no_log_holds_a_password_or_a_token(
    server: Server, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    CALLS[call]()

    assert "hunter2" not in caplog.text
    assert "secret-id" not in caplog.text


def test_a_ping_asks_for_the_version(server: Server) -> None:
    client.ping()

    assert [(request.method, request.path) for request in server.requests] == [("GET", "/v3")]


def test_a_ping_carries_no_token(server: Server) -> None:
    client.ping()

    assert "x-auth-token" not in server.requests[0].headers


def test_a_ping_that_is_not_answered_well_is_an_outage(server: Server) -> None:
    server.answer = error(500)

    with pytest.raises(UnreachableError, match="HTTP 500"):
        client.ping()
