"""Calls of the API, as a script makes them: one header, no cookies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response

ACCOUNTS = "/api/v1/accounts"
BODY = {"reason": "INC-4711", "identity": "ticket"}


def get(token: str, path: str = ACCOUNTS, **more: Any) -> Response:
    """GET with the token; `more` are parameters of the query."""
    return Client().get(path, more, headers={"X-Auth-Token": token})


def post(token: str, path: str, body: object = BODY, **more: Any) -> Response:
    """POST with the token and a body: bytes as they are, everything else as JSON.

    The client checks for CSRF as a server does, although it sends no cookie.
    """
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"X-Auth-Token": token, **more.pop("headers", {})}
    return Client(enforce_csrf_checks=True).post(
        path, content, content_type="application/json", headers=headers, **more
    )


@pytest.fixture
def token(fake_keystone: FakeKeystone) -> str:
    """A token of Ada, administrator of the system."""
    return fake_keystone.issue(fake_keystone.person(), "system")
