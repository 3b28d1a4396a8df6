"""Errors in Keystone's own shape."""

from __future__ import annotations

from http import HTTPStatus

from django.http import JsonResponse


class ApiError(Exception):
    """What the caller did wrong, or what is not there: a status and a sentence."""

    def __init__(self, code: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers or {}

    def response(self) -> JsonResponse:
        """`{"error": {"code": 404, "title": "Not Found", "message": "…"}}`."""
        title = HTTPStatus(self.code).phrase
        body = {"error": {"code": self.code, "title": title, "message": self.message}}
        response = JsonResponse(body, status=self.code, headers=self.headers)
        if self.code == HTTPStatus.UNAUTHORIZED:
            response["WWW-Authenticate"] = "Keystone"
        return response


class DeniedError(ApiError):
    """A 403 or 401 of ours, for who calls: it goes into the trail.

    What Keystone refuses at an act is in the row of that act.
    """
