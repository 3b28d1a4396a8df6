"""The page of the API."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from pciops.api import page
from pciops.api.schemas import FLAG, TEXT, Schema, by_key, many, one_of, or_null, record, whole
from tests.api.contract import DOCUMENT, OPERATIONS
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

NESTED = """{
  "id": text,
  "at": {
    "x": true or false
  }
}"""


def test_every_operation_is_on_the_page_with_its_parameters(site: Client) -> None:
    text = shown(site.get("/api/"))

    for method, path in OPERATIONS:
        operation = DOCUMENT["paths"][path][method.lower()]
        assert f"{method} /api/v1{path} {operation['summary']}" in text
        for parameter in operation["parameters"]:
            assert parameter["description"] in text


def test_fields_that_may_be_left_out_are_optional(site: Client) -> None:
    text = shown(site.get("/api/")).partition("POST /api/v1/accounts/{user_id}/unlock")[2]

    for field in ("reason body text", "beyond_limit body, optional", "confirms body, optional"):
        assert field in text


def test_every_link_leads_to_an_object(site: Client) -> None:
    content = site.get("/api/").content.decode()
    links = set(re.findall(r'href="#(object-\w+)"', content))

    assert "object-Account" in links
    assert links <= set(re.findall(r'id="([\w-]+)"', content))


def test_every_operator_sees_it(fake_keystone: FakeKeystone) -> None:
    auditor = fake_keystone.person("rita", domain_id="shops", roles={"shops": {"reader"}})

    assert signed_in(auditor).get("/api/").status_code == 200
    assert Client().get("/api/")["Location"] == "/signin/?next=/api/"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (TEXT, "text"),
        (one_of(["yes", "no"]), "yes, no"),
        ({**whole(1, 1000), "default": 100}, "1 to 1,000; 100 without it"),
        ({"anyOf": [whole(1, 9), {"const": ""}]}, "1 to 9 or empty"),
        ({"type": "string", "maxLength": 1000}, "text, at most 1,000 characters"),
        ({"type": "string", "format": "date"}, "day"),
        ({"type": "array", "minItems": 1, "maxItems": 50}, "a list of 1 to 50"),
    ],
)
def test_values_are_in_words(schema: Schema, expected: str) -> None:
    assert page.values(schema) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (or_null(FLAG), "true or false or null"),
        (many({"$ref": "#/components/schemas/Account"}), "[Account, …]"),
        (by_key(TEXT), '{"…": text, …}'),
        (one_of(["a", "b"]), '"a" | "b"'),
        (record({"id": TEXT, "at": record({"x": FLAG})}), NESTED),
    ],
)
def test_outline_has_types_in_place_of_values(schema: Schema, expected: str) -> None:
    assert page.outline(schema) == expected
