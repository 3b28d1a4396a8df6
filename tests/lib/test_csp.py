"""Tests of the Content-Security-Policy header."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from pciops.lib.csp import NONE, SELF, ContentSecurityPolicyMiddleware


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "default-src 'none'; img-src 'self' data:"),
        ({"Content-Security-Policy": "sandbox"}, "sandbox"),
    ],
    ids=["from the setting", "from the view"],
)
def test_response_has_the_policy(
    settings: Settings, headers: dict[str, str], expected: str
) -> None:
    settings.SECURE_CSP = {"default-src": [NONE], "img-src": [SELF, "data:"]}
    middleware = ContentSecurityPolicyMiddleware(lambda request: HttpResponse(headers=headers))

    assert middleware(RequestFactory().get("/"))["Content-Security-Policy"] == expected
