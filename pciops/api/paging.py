"""Pages of lists, in Keystone's dialect: plural keys, `limit`, `marker`, `links.next`."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.http import JsonResponse

from pciops.api.auth import ApiRequest
from pciops.api.errors import ApiError
from pciops.api.operations import Parameter
from pciops.api.schemas import TEXT, WORDS, Schema, many, or_null, record, whole

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
LIMIT: Final = Parameter(
    "limit",
    {**whole(1, MAX_LIMIT), "default": DEFAULT_LIMIT},
    "The number of rows on a page.",
)
MARKER: Final = Parameter(
    "marker", WORDS, "The place to continue. Take it from links.next of the previous page."
)
PAGES: Final = (LIMIT, MARKER)


def answer(key: str, row: Schema) -> Schema:
    """Return the schema of a page of a list."""
    return record({key: many(row), "links": record({"self": TEXT, "next": or_null(TEXT)})})


def limit(request: ApiRequest) -> int:
    """Return the number of rows of a page, or raise ApiError."""
    text = request.GET.get("limit", str(DEFAULT_LIMIT))
    plain = text.isascii() and text.isdigit() and len(text) < 10
    if not plain or not 1 <= int(text) <= MAX_LIMIT:
        raise ApiError(400, f"limit: use a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def page(request: ApiRequest, key: str, rows: list[dict[str, Any]], marker: str) -> JsonResponse:
    """Return a page of a list, with a link to the next page if there is a marker for it."""
    this = request.build_absolute_uri()
    following = urlencode({**request.GET.dict(), "marker": marker})
    link = urlsplit(this)._replace(query=following).geturl() if marker else None
    return JsonResponse({key: rows, "links": {"self": this, "next": link}})
