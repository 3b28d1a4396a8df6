"""The OpenAPI document of the API, from its routes and the operations of their views."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpResponse, JsonResponse
from django.urls import URLPattern, get_resolver, reverse

from pciops.api.auth import ApiRequest, endpoint
from pciops.api.operations import OPERATIONS, Operation, Parameter
from pciops.api.schemas import NAMED, TEXT, Schema
from pciops.signin.rights import keystone_roles

DESCRIPTION: Final = (
    "PCI DSS account operations on OpenStack Keystone. Send a Keystone token that carries a role "
    "on the system or on a domain. Each operation lists the roles that it accepts. GET also "
    "answers HEAD. Times are in UTC; unknown values are null. pciops refuses parameters and "
    "fields that an operation does not have."
)
IN_PATH: Final = {
    "user_id": Parameter("user_id", TEXT, "The ID of the account in Keystone."),
    "week": Parameter("week", TEXT, "The ISO week, such as 2026-W47."),
}
ERRORS: Final = {
    400: "A parameter or field is invalid. The message begins with its name.",
    401: "There is no token, or Keystone does not accept it.",
    403: "The token carries no role that allows this, or Keystone's policy refuses it.",
    404: "The resource doesn't exist, or it is in a domain that the caller can't see.",
    409: "The action does not apply to the account, or no longer does.",
    413: "The body is too large.",
    501: "This Keystone does not support the call. Nothing was changed.",
    502: "Keystone refused the action as invalid. Nothing was changed.",
    503: (
        "Keystone, its database, or pciops' own database does not answer. The message says what "
        "was changed."
    ),
}
ALWAYS: Final = (400, 401, 403, 503)
SYSTEM: Final = "It needs a token of the system."


@endpoint(GET=Operation(summary="Read this document", answer={"type": "object"}))
def openapi(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/openapi.json`."""
    return JsonResponse(build())


def build() -> dict[str, Any]:
    """Return the document, an object of OpenAPI 3.1."""
    paths: dict[str, Any] = {}
    for route in get_resolver("pciops.api.urls").url_patterns:
        if isinstance(route, URLPattern) and route.callback in OPERATIONS:
            path = "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(route.pattern))
            paths[path] = {
                method.lower(): _operation(f"{method.lower()}_{_name(route)}", path, operation)
                for method, operation in OPERATIONS[route.callback].items()
            }
    return {
        "openapi": "3.1.0",
        "info": {"title": "pciops", "version": "1", "description": DESCRIPTION},
        "servers": [{"url": reverse("api-openapi").removesuffix("/openapi.json")}],
        "paths": paths,
        "components": {
            "schemas": NAMED,
            "responses": {
                _phrase(code): {"description": text, "content": _json(_ref("schemas", "Error"))}
                for code, text in ERRORS.items()
            },
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Auth-Token",
                    "description": "A Keystone token.",
                }
            },
        },
    }


def _operation(name: str, path: str, operation: Operation) -> dict[str, Any]:
    in_path = [IN_PATH[each] for each in re.findall(r"{(\w+)}", path)]
    described = {
        "operationId": name,
        "tags": [path.split("/")[1]],
        "summary": operation.summary,
        "description": f"{operation.description} {SYSTEM * operation.whole_cloud}".strip(),
        "security": [{"token": [role]} for role in keystone_roles(operation.needs)]
        or [{"token": []}],
        "parameters": [
            *(_parameter(each, "path") for each in in_path),
            *(_parameter(each, "query") for each in operation.query),
        ],
        "responses": _responses(operation),
    }
    if operation.body:
        described["requestBody"] = {"required": True, "content": _json(operation.body)}
    return described


def _parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": place,
        "required": place == "path",
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _responses(operation: Operation) -> dict[str, Any]:
    errors = {*ALWAYS, *operation.errors, *([413] if operation.body else [])}
    files: dict[str, Any] = {kind.partition(";")[0]: {} for kind in operation.files}
    responses: dict[str, Any] = {
        "200": {"description": "Done.", "content": _json(operation.answer) | files},
        **{str(code): _ref("responses", _phrase(code)) for code in sorted(errors)},
    }
    for code, (text, schema) in operation.others.items():
        responses[str(code)] = {"description": text, "content": _json(schema)}
    return responses


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _ref(kind: str, name: str) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}


def _phrase(code: int) -> str:
    """Return `NotFound`, the name of an error in the document."""
    return HTTPStatus(code).phrase.replace(" ", "")


def _name(route: URLPattern) -> str:
    return str(route.name).removeprefix("api-").replace("-", "_")
