"""Errors in Keystone's own format."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt


class ApiError(Exception):
    """A status and a sentence that answer a request instead of data."""

    def __init__(self, code: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers or {}

    def response(self) -> JsonResponse:
        """Return `{"error": {"code": 404, "title": "Not Found", "message": "…"}}`."""
        title = HTTPStatus(self.code).phrase
        body = {"error": {"code": self.code, "title": title, "message": self.message}}
        response = JsonResponse(body, status=self.code, headers=self.headers)
        if self.code == HTTPStatus.UNAUTHORIZED:
            response["WWW-Authenticate"] = "Keystone"
        return response


class DeniedError(ApiError):
    """A 401 or 403 of ours about the caller, for the audit log.

    The row of an act has what Keystone refused.
    """


@csrf_exempt
@login_not_required
def not_found(request: HttpRequest, rest: str = "") -> JsonResponse:
    """Answer every other URL under the API."""
    return ApiError(404, "This resource doesn't exist. docs/api.md describes the API.").response()
