"""What every page shows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """The cloud's name, and who is signed in (None on the pages before sign-in)."""
    user = getattr(request, "user", None)
    signed_in = user is not None and user.is_authenticated and user.rights is not None
    operator = user if signed_in else None
    return {"cloud_name": settings.CLOUD_NAME, "operator": operator}
