"""Template context of every page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Return the cloud's name and the signed-in operator (None before sign-in)."""
    user = getattr(request, "user", None)
    signed_in = user is not None and user.is_authenticated and user.rights is not None
    return {"cloud_name": settings.CLOUD_NAME, "operator": user if signed_in else None}
