"""The OpenAPI document, and the refusal of what it does not have."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import get_resolver
from pytest_django import Settings

from pciops.actions.registry import BY_NAME
from pciops.api import document
from tests.api.call import assert_refused, get, post
from tests.api.contract import OPERATIONS
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

API = "/api/v1"


def filled(path: str) -> str:
    """Return the URL of a path of the document."""
    return API + path.format(user_id="x", week="2026-W46")


def test_document_is_answered_to_every_role(fake_keystone: FakeKeystone) -> None:
    person = fake_keystone.person(roles={"system": {"reader"}})
    response = get(fake_keystone.issue(person, "system"), f"{API}/openapi.json")

    assert response.json() == document.build()
    assert response.json()["servers"] == [{"url": API}]


def test_document_has_exactly_the_routes() -> None:
    routes = {
        "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(route.pattern))
        for route in get_resolver("pciops.api.urls").url_patterns
        if getattr(route, "name", None)
    }

    assert {path for _, path in OPERATIONS} == routes


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_unknown_parameter_is_refused_with_those_that_there_are(
    token: str, method: str, path: str
) -> None:
    send: Any = get if method == "GET" else post
    response = send(token, f"{filled(path)}?sate=locked")
    taken = document.build()["paths"][path][method.lower()]["parameters"]
    names = [each["name"] for each in taken if each["in"] == "query"]

    assert_refused(response, 400, "sate: unknown parameter; ")
    for name in names or ["none here"]:
        assert name in response.json()["error"]["message"]


@pytest.mark.parametrize("value", ["", "%20"])
def test_parameter_without_a_value_is_refused(token: str, value: str) -> None:
    assert_refused(get(token, f"{API}/accounts?state={value}"), 400, "state: it has no value")


def test_parameter_that_comes_twice_is_refused(token: str) -> None:
    assert_refused(get(token, f"{API}/accounts?state=locked&state=expired"), 400, "state: ")


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "POST"])
def test_unknown_field_is_refused_with_those_that_there_are(token: str, path: str) -> None:
    response = post(token, filled(path), {"reson": "x"})

    body = document.build()["paths"][path]["post"]["requestBody"]
    names = body["content"]["application/json"]["schema"]["properties"]

    assert_refused(response, 400, f"reson: unknown field; choose from {', '.join(names)}.")


def test_parameters_are_read_after_the_token(fake_keystone: FakeKeystone) -> None:
    assert get("gAAAAA", f"{API}/accounts?sate=locked").status_code == 401


@pytest.mark.parametrize("name", BY_NAME)
def test_each_act_has_its_inputs(name: str) -> None:
    act = document.build()["paths"][f"/accounts/{{user_id}}/{name}"]["post"]
    body = act["requestBody"]["content"]["application/json"]["schema"]
    confirms = ["confirms"] if name == "unlock" else []

    assert sorted(body["properties"]) == sorted([*BY_NAME[name].asks, *confirms])


def test_roles_of_an_operation_are_those_of_the_settings(settings: Settings) -> None:
    settings.ADMIN_ROLES, settings.HELPDESK_ROLES = ["boss"], ["desk"]
    paths = document.build()["paths"]

    def roles(path: str) -> list[str]:
        return [each["token"][0] for each in paths[path]["post"]["security"]]

    assert roles("/accounts/{user_id}/unlock") == ["boss", "desk"]
    assert roles("/accounts/{user_id}/disable") == ["boss"]
