"""The body of a call."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from pciops.api.errors import ApiError


def body_of(request: HttpRequest) -> dict[str, Any]:
    """Return the body of an act, which is an object.

    Raises:
        ApiError
    """
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise ApiError(400, 'The body is not JSON: {"reason": "…", "identity": "…"}.') from None
    except RequestDataTooBig:
        raise ApiError(413, "The body is too large.") from None
    if not isinstance(body, dict):
        raise ApiError(400, 'The body is not an object: {"reason": "…", "identity": "…"}.')
    return body
