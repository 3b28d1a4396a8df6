"""Keystone's answers to a sign-in, and a server that gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from tests.keystone.server import Answer, Server, served

TOKEN: dict[str, Any] = {
    "methods": ["password"],
    "user": {"id": "a1", "name": "ann", "domain": {"id": "d1", "name": "Example"}},
    "issued_at": "2026-11-22T14:02:11.000000Z",
    "expires_at": "2026-11-22T15:02:11.000000Z",
    "audit_ids": ["x"],
}
RECEIPT: dict[str, Any] = {
    "receipt": {
        "methods": ["password"],
        "user": TOKEN["user"],
        "issued_at": TOKEN["issued_at"],
        "expires_at": TOKEN["expires_at"],
    },
    "required_auth_methods": [["password", "totp"]],
}


def issued(token: dict[str, Any]) -> Answer:
    """Return the answer with a new token."""
    return Answer(status=201, body={"token": token}, headers={"X-Subject-Token": "secret-id"})


def error(
    status: int, message: str = "The request you have made requires authentication."
) -> Answer:
    """Return the answer with an error."""
    return Answer(status=status, body={"error": {"code": status, "message": message, "title": ""}})


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    """A server at OS_AUTH_URL that issues a token."""
    with served() as server:
        settings.OS_AUTH_URL = f"{server.url}/v3"
        server.answer = issued(TOKEN)
        yield server
