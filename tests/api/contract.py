"""Holds the answers of the API to its OpenAPI document."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from pciops.api import document
from tests.signin.visit import Response

DOCUMENT: Final = document.build()
REGISTRY: Final[Registry[Any]] = Registry().with_resource(
    "urn:api", DRAFT202012.create_resource(DOCUMENT)
)
OPERATIONS: Final[list[tuple[str, str]]] = [
    (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
]
FORMATS: Final = FormatChecker(formats=["date"])


@FORMATS.checks("date-time", raises=ValueError)
def is_instant(value: object) -> bool:
    """Return whether a text is an instant in UTC; other values are not its concern."""
    return not isinstance(value, str) or (
        value.endswith("Z") and datetime.fromisoformat(value).tzinfo is not None
    )


def check(response: Response) -> None:
    """Assert that the document has the status and the content type, and that the content fits.

    Methods and URLs that are not in the document have to be answered with 404 or 405.
    """
    request = response.wsgi_request
    route = request.resolver_match.route if request.resolver_match else ""
    path = re.sub(r"<\w+:(\w+)>", r"{\1}", route.removeprefix("api/v1"))
    method = "get" if request.method == "HEAD" else (request.method or "").lower()
    operation = DOCUMENT["paths"].get(path, {}).get(method)
    if operation is None:
        assert response.status_code in {404, 405}
        return
    assert str(response.status_code) in operation["responses"]
    at = ["paths", path, method, "responses", str(response.status_code)]
    found = operation["responses"][str(response.status_code)]
    if "$ref" in found:
        at = found["$ref"].removeprefix("#/").split("/")
        found = DOCUMENT["components"]["responses"][at[-1]]
    kind = response["Content-Type"].partition(";")[0]
    assert kind in found["content"]
    has_content = request.method != "HEAD" and not response.streaming
    if has_content and "schema" in found["content"][kind]:
        where = "/".join(key.replace("/", "~1") for key in (*at, "content", kind, "schema"))
        validator = Draft202012Validator(
            {"$ref": f"urn:api#/{where}"}, registry=REGISTRY, format_checker=FORMATS
        )
        validator.validate(json.loads(response.content))
