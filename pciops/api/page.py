"""The page of the API: its OpenAPI document, to read."""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.api import document
from pciops.api.schemas import Schema

TYPES: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
}
FORMATS: Final = {"date": "day", "date-time": "time"}


@never_cache
@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """Show every operation, and the objects in answers."""
    described = document.build()
    base, shared = described["servers"][0]["url"], described["components"]
    operations = [
        _operation(method.upper(), f"{base}{path}", operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    context = {
        "section": "api",
        "description": described["info"]["description"],
        "url": request.build_absolute_uri(base),
        "groups": [
            (tag, list(group)) for tag, group in groupby(operations, key=lambda each: each["tag"])
        ],
        "errors": document.ERRORS.items(),
        "objects": [(name, outline(schema)) for name, schema in sorted(shared["schemas"].items())],
    }
    return render(request, "api/reference.html", context)


def _operation(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    answers, errors = [], []
    for code, response in operation["responses"].items():
        if "$ref" in response:
            errors.append(code)
            continue
        content = dict(response["content"])
        schema = content.pop("application/json")["schema"]
        answers.append((code, response["description"], outline(schema), _objects(schema), content))
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = body.get("schema", {})
    required = schema.get("required") or schema.get("anyOf", [{}])[0].get("required", [])
    return {
        "method": method,
        "path": path,
        "tag": operation["tags"][0],
        "summary": operation["summary"],
        "description": operation["description"],
        "roles": [role for each in operation["security"] for role in each["token"]],
        "inputs": [
            *(
                (each["name"], each["in"], values(each["schema"]), each["description"])
                for each in operation["parameters"]
            ),
            *(
                (
                    name,
                    "body" if name in required else "body, optional",
                    values(field),
                    field.get("description", ""),
                )
                for name, field in schema.get("properties", {}).items()
            ),
        ],
        "answers": answers,
        "errors": errors,
    }


def values(schema: Schema) -> str:
    """Return the possible values in words: `1 to 1,000; 100 without it`."""
    if "enum" in schema:
        found = ", ".join(schema["enum"])
    elif "anyOf" in schema:
        found = " or ".join(values(each) for each in schema["anyOf"])
    elif "const" in schema:
        found = "empty"  # the only constant there is
    elif "minimum" in schema:
        found = f"{schema['minimum']:,} to {schema['maximum']:,}"
    elif schema["type"] == "array":
        found = f"a list of {schema['minItems']} to {schema['maxItems']}"
    else:
        found = FORMATS.get(schema.get("format", ""), TYPES[schema["type"]])
        found += f", at most {schema['maxLength']:,} characters" if "maxLength" in schema else ""
    return f"{found}; {schema['default']} without it" if "default" in schema else found


def outline(schema: Schema, indent: str = "") -> str:
    """Return JSON with types and names of objects in place of values."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(outline(each, indent) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if schema["type"] == "array":
        return f"[{outline(schema['items'], indent)}, …]"
    if "properties" in schema:
        deeper = f"{indent}  "
        lines = [
            f'{deeper}"{name}": {outline(each, deeper)}'
            for name, each in schema["properties"].items()
        ]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if "additionalProperties" in schema:
        return f'{{"…": {outline(schema["additionalProperties"], indent)}, …}}'
    return FORMATS.get(schema.get("format", ""), TYPES[schema["type"]])


def _objects(schema: Schema) -> list[str]:
    """Return the names of the objects in a schema."""
    return list(dict.fromkeys(re.findall(r"#/components/schemas/(\w+)", json.dumps(schema))))
