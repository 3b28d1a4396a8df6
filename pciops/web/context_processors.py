"""Template context of every page."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from pciops.signin import sessions
from pciops.signin.middleware import by_itself
from pciops.web import frame


def site(request: HttpRequest) -> dict[str, Any]:
    """Return the cloud's name, the theme, the signed-in operator (None before sign-in) and alerts.

    Alerts are read only by a template that shows them.
    """
    user = getattr(request, "user", None)
    context: dict[str, Any] = {
        "cloud_name": settings.CLOUD_NAME,
        "theme": frame.theme_of(request),
        "operator": None,
    }
    if user is not None and user.is_authenticated and user.rights is not None:
        now = timezone.now()
        end = sessions.end_of(request, now, used=not by_itself(request))
        context |= {
            "operator": user,
            "alerts": cache(partial(frame.alerts, user.scope, now)),
            "session_end": {"at": end.at, "seconds": end.seconds(now), "movable": end.movable},
        }
    return context
