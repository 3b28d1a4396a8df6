"""Fixtures of these tests: a fake Keystone, a frozen clock, a token, and the contract."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.api import contract
from tests.api.call import token as token
from tests.fake_keystone import fake_keystone as fake_keystone
from tests.signin.visit import Response
from tests.signin.visit import clock as clock
from tests.signin.visit import operator as operator
from tests.signin.visit import site as site


@pytest.fixture(autouse=True)
def _clock_stands_still(clock: object) -> None:
    pass


@pytest.fixture(autouse=True)
def _answers_are_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    send = Client.request

    def checked(self: Client, **request: Any) -> Response:
        response = send(self, **request)
        if response.wsgi_request.path.startswith("/api/v1/"):
            contract.check(response)
        return response

    monkeypatch.setattr(Client, "request", checked)
