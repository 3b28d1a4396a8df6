"""The Content-Security-Policy is on every answer."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from pciops.lib.csp import NONE, SELF, ContentSecurityPolicyMiddleware


@pytest.fixture
def _policy(settings: Settings) -> None:
    settings.SECURE_CSP = {"default-src": [NONE], "img-src": [SELF, "data:"]}


@pytest.mark.usefixtures("_policy")
def test_the_setting_becomes_the_header() -> None:
    answer = ContentSecurityPolicyMiddleware(lambda request: HttpResponse())(
        RequestFactory().get("/")
    )

    assert answer["Content-Security-Policy"] == "default-src 'none'; img-src 'self' data:"


@pytest.mark.usefixtures("_policy")
def test_a_view_may_have_a_policy_of_its_own() -> None:
    own = HttpResponse(headers={"Content-Security-Policy": "sandbox"})
    answer = ContentSecurityPolicyMiddleware(lambda request: own)(RequestFactory().get("/"))

    assert answer["Content-Security-Policy"] == "sandbox"
