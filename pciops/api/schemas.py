"""Schemas of the API's JSON, in JSON Schema 2020-12: the words in which views declare answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
WORDS: Final[Schema] = {"type": "string", "pattern": r"\S"}
NUMBER: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}  # in UTC, with Z
DAY: Final[Schema] = {"type": "string", "format": "date"}  # in UTC

NAMED: Final[dict[str, Schema]] = {}  # the schemas that have a name of their own in the document


def whole(first: int, last: int) -> Schema:
    """Return the schema of a whole number within these bounds."""
    return {"type": "integer", "minimum": first, "maximum": last}


def text(*, longest: int) -> Schema:
    """Return the schema of a text that is not blank."""
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": r"\S"}


def one_of(values: Iterable[str]) -> Schema:
    """Return the schema of one of these texts."""
    return {"type": "string", "enum": list(values)}


def many(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def by_key(values: Schema) -> Schema:
    """Return the schema of an object whose keys are data."""
    return {"type": "object", "additionalProperties": values}


def or_null(schema: Schema) -> Schema:
    """Return the schema of a value that may be unknown, or missing."""
    return {"anyOf": [schema, {"type": "null"}]}


def about(schema: Schema, description: str) -> Schema:
    """Return the schema with a description."""
    return {**schema, "description": description}


def record(properties: dict[str, Schema], *, optional: Iterable[str] = ()) -> Schema:
    """Return the schema of an object with exactly these properties."""
    left_out = set(optional)
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in left_out],
        "additionalProperties": False,
    }


def named(name: str, schema: Schema) -> Schema:
    """Give the schema a name in the document, and return a reference to it."""
    NAMED[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}


ERROR: Final = named(
    "Error",
    record({"error": record({"code": NUMBER, "title": TEXT, "message": TEXT})}),
)
