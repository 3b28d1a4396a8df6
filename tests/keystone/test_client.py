"""Tests of the client of Keystone's API: answers become tokens or exceptions."""

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
    NotExchangedError,
    PasswordExpiredError,
    RefusedError,
    UnreachableError,
)
from pciops.keystone.token import Token
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


def token() -> Token:
    """Return the token that the server issues."""
    return Token(
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


CALLS: dict[str, Callable[[], object]] = {
    "authenticate": lambda: client.authenticate("ann", "hunter2", "Example"),
    "second_factor": lambda: client.second_factor("receipt-id", "a1", "123456"),
    "rescope": lambda: client.rescope(token(), {"system_scope": "all"}),
    "validate": lambda: client.validate("secret-id"),
    "change_password": lambda: client.change_password("a1", "hunter2", "hunter3"),
    "ping": client.ping,
}
ISSUING = ["authenticate", "second_factor", "rescope"]
TOKEN_CALLS = [*ISSUING, "validate"]


def test_token_has_the_facts_of_its_user(server: Server) -> None:
    issued_token = client.authenticate("ann", "hunter2", "Example")

    assert issued_token == token()
    assert "secret-id" not in repr(issued_token)


def test_wrong_password_is_exactly_one_request(server: Server) -> None:
    server.answer = error(401)
    with pytest.raises(RefusedError):
        client.authenticate("ann", "wrong", "Example")

    assert len(server.requests) == 1


def test_sign_in_requests_an_unscoped_token(server: Server) -> None:
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
@pytest.mark.parametrize("call", TOKEN_CALLS)
def test_url_can_end_in_the_version(
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
def test_token_is_rescoped_without_a_password(
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
def test_token_has_the_facts_of_its_scope(
    server: Server, body: dict[str, Any], facts: dict[str, object]
) -> None:
    server.answer = issued(body)
    scoped = client.rescope(token(), {"system_scope": "all"})

    assert {name: getattr(scoped, name) for name in facts} == facts


def test_token_is_validated_with_itself(server: Server) -> None:
    validated = client.validate("secret-id")
    headers = server.requests[0].headers

    assert server.requests[0].method == "GET"
    assert (headers["x-auth-token"], headers["x-subject-token"]) == ("secret-id", "secret-id")
    assert validated.id == "secret-id"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(401), RefusedError),
        (error(403), RefusedError),
        (error(400), RefusedError),  # a name that is too long, a count without a time
        (Answer(status=401, body="no JSON"), RefusedError),
        (error(500), UnreachableError),
        (error(502), UnreachableError),
        (error(503), UnreachableError),
        (error(429), UnreachableError),
    ],
    ids=["401", "403", "400", "401 without JSON", "500", "502", "503", "429"],
)
@pytest.mark.parametrize("call", TOKEN_CALLS)
def test_error_becomes_an_exception(
    server: Server, call: str, answer: Answer, expected: type[KeystoneError]
) -> None:
    server.answer = answer

    with pytest.raises(KeystoneError) as raised:
        CALLS[call]()
    not_exchanged = call == "rescope" and answer.status == 403
    assert type(raised.value) is (NotExchangedError if not_exchanged else expected)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("authenticate", UnreachableError),
        ("second_factor", UnreachableError),
        ("rescope", UnreachableError),
        ("validate", RefusedError),
    ],
)
def test_not_found_is_an_expired_token_or_not_keystone(
    server: Server, call: str, expected: type[KeystoneError]
) -> None:
    server.answer = error(404, "Could not find token")

    with pytest.raises(expected):
        CALLS[call]()


@pytest.mark.parametrize(
    ("message", "user_id"),
    [
        ("The password is expired and needs to be changed for user: a1.", "a1"),
        ("The password is expired", ""),
        ("password is expired for user: ", ""),
    ],
)
def test_expired_password_is_an_exception_with_the_user(
    server: Server, message: str, user_id: str
) -> None:
    server.answer = error(401, message)

    with pytest.raises(PasswordExpiredError) as raised:
        client.authenticate("ann", "hunter2", "Example")
    assert raised.value.user_id == user_id


@pytest.mark.parametrize(
    "body",
    ["", "<html>It works!</html>", "[]", "{}", "null", '"token"', '{"token": null}']
    + ['{"token": {}}', '{"token": []}', '{"token": "x"}', '{"token": {"user": "ann"}}']
    + ['{"token": {"expires_at": 1, "user": {}}}', '{"token": {"expires_at": "soon"}}'],
)
@pytest.mark.parametrize("call", TOKEN_CALLS)
def test_invalid_answer_is_an_outage(server: Server, call: str, body: str) -> None:
    server.answer = Answer(status=200, body=body, headers={"X-Subject-Token": "secret-id"})

    with pytest.raises(UnreachableError, match="not Keystone v3"):
        CALLS[call]()


@pytest.mark.parametrize("call", ISSUING)
def test_token_without_an_id_is_an_outage(server: Server, call: str) -> None:
    server.answer = Answer(status=201, body={"token": TOKEN})

    with pytest.raises(UnreachableError):
        CALLS[call]()


@pytest.mark.parametrize("call", list(CALLS))
def test_refused_connection_is_an_outage(settings: Settings, call: str) -> None:
    with socket.socket() as unused:  # bound, so that no other process listens
        unused.bind(("127.0.0.1", 0))
        settings.OS_AUTH_URL = f"http://127.0.0.1:{unused.getsockname()[1]}/v3"

        with pytest.raises(UnreachableError, match="no connection"):
            CALLS[call]()


@pytest.mark.parametrize("call", list(CALLS))
def test_late_answer_is_an_outage(server: Server, settings: Settings, call: str) -> None:
    settings.KEYSTONE_TIMEOUT = 0.1
    server.answer.after = 0.3

    with pytest.raises(UnreachableError, match=r"no answer in 0\.1 s"):
        CALLS[call]()


def test_unverified_certificate_is_an_outage(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise ssl.SSLCertVerificationError("self-signed certificate")

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", refuse)
    with served() as server:
        settings.OS_AUTH_URL = server.url.replace("http:", "https:")

        with pytest.raises(UnreachableError, match="TLS certificate cannot be verified"):
            client.ping()


@pytest.mark.parametrize("call", ["authenticate", "rescope", "validate", "ping"])
def test_server_error_is_named_by_its_status(server: Server, call: str) -> None:
    server.answer = error(503)

    with pytest.raises(UnreachableError, match="HTTP 503"):
        CALLS[call]()


def test_exception_does_not_contain_the_password(server: Server) -> None:
    server.answer = error(401)
    with pytest.raises(RefusedError) as raised:
        client.authenticate("ann", "hunter2", "Example")

    assert "hunter2" not in f"{raised.value!r} {raised.value.__cause__!r}"


@pytest.mark.parametrize("call", ["authenticate", "rescope", "validate"])
def test_log_does_not_contain_passwords_or_tokens(
    server: Server, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    CALLS[call]()

    assert "hunter2" not in caplog.text
    assert "secret-id" not in caplog.text


def test_ping_requests_the_version_without_a_token(server: Server) -> None:
    client.ping()

    assert [(request.method, request.path) for request in server.requests] == [("GET", "/v3")]
    assert "x-auth-token" not in server.requests[0].headers
