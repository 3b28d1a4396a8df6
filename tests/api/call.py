"""Calls of the API, as a script makes them: one header, no cookies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from pciops.keystone.models import User
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response

ACCOUNTS = "/api/v1/accounts"
BODY = {"reason": "INC-4711", "identity": "ticket"}


def get(token: str, path: str = ACCOUNTS, **query: Any) -> Response:
    """GET with the token."""
    return Client().get(path, query, headers={"X-Auth-Token": token})


def post(token: str, path: str, body: object = BODY, **more: Any) -> Response:
    """POST with the token and a body: bytes as they are, everything else as JSON.

    The client checks for CSRF as a server does, although it sends no cookie.
    """
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"X-Auth-Token": token, **more.pop("headers", {})}
    return Client(enforce_csrf_checks=True).post(
        path, content, content_type="application/json", headers=headers, **more
    )


def pages(token: str, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    """Yield each page of a list, by its links."""
    page = get(token, path, **query).json()
    yield page
    while following := page["links"]["next"]:
        page = get(token, following).json()
        yield page


def error(response: Response) -> tuple[int, str]:
    """Return status and message of an error, which must have Keystone's format."""
    body = response.json()["error"]
    assert body.keys() == {"code", "title", "message"}
    assert body["code"] == response.status_code
    assert body["title"] == HTTPStatus(response.status_code).phrase
    return body["code"], body["message"]


def assert_refused(response: Response, code: int, start: str) -> None:
    """Assert an error with this status, whose message starts so."""
    status, message = error(response)
    assert status == code
    assert message.startswith(start)


def token_of_domain(keystone: FakeKeystone, domain_id: str = "shops") -> str:
    """Return a token of an administrator of the domain."""
    person = keystone.person(domain_id=domain_id, roles={domain_id: {"admin"}})
    return keystone.issue(person, domain_id)


@pytest.fixture
def token(fake_keystone: FakeKeystone) -> str:
    """A token of Ada, an administrator of the system."""
    return fake_keystone.issue(fake_keystone.person(), "system")


def token_of(keystone: FakeKeystone, user: User, role: str = "admin", scope: str = "system") -> str:
    """Return a token of a user in Keystone's tables, who is an operator with this role."""
    person = keystone.person(user.id, roles={scope: {role}}, domain_id=user.domain_id or "default")
    person.id = user.id
    return keystone.issue(person, scope)
