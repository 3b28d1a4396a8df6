"""What stands around every page: alerts, the theme, and the help page."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

import pciops
from pciops.accounts.states import STATES
from pciops.audit import chain
from pciops.events.diagnosis.rules import Cause
from pciops.events.storms import storms
from pciops.lib import times
from pciops.lib.numbers import counted
from pciops.lib.shared import Codec, shared
from pciops.notices import selectors as notices
from pciops.reports.archive import store
from pciops.signin.views import own_path
from pciops.web.requests import OperatorRequest

THEME: Final = "pciops-theme"  # the cookie
THEMES: Final = ("light", "dark")  # none: as the system has it
YEAR: Final = timedelta(days=365)
DOCUMENTS: Final = (
    ("docs/install.md", "Install pciops and connect it to Keystone"),
    ("docs/settings.md", "All settings"),
    ("docs/operations.md", "Monitor, upgrade, back up, and restore"),
    ("docs/acts.md", "Unlock, enable, disable, exempt, end sessions"),
    ("docs/events.md", "Causes of locks, and Keystone's notifications"),
    ("docs/notices.md", "Emails to the owners of accounts"),
    ("docs/alerts.md", "Alerts to administrators"),
    ("docs/reports.md", "Weekly compliance reports"),
    ("docs/audit.md", "The audit log and how to verify it"),
    ("docs/keystone.md", "How Keystone enforces PCI DSS rules"),
    ("docs/api.md", "The API"),
    ("docs/glossary.md", "What the terms mean"),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PageAlert:
    """Something that waits for an operator, with the page that says more."""

    title: str
    detail: str
    url: str
    icon: str
    tone: str = "soon"


CODEC: Final = Codec[list[PageAlert]](
    encode=lambda found: [asdict(alert) for alert in found],
    decode=lambda content: [PageAlert(**alert) for alert in content],
)


def alerts(scope: str | None, now: datetime) -> list[PageAlert] | None:
    """Return what the badge of every page counts, a few seconds old; None if it can't be read."""
    try:
        read = partial(_alerts, scope, now)
        return shared(("alerts", scope), read, codec=CODEC, now=now).value
    except (DatabaseError, InterfaceError) as error:
        log.warning("cannot read alerts: %s", error)
        return None


def _alerts(scope: str | None, now: datetime) -> list[PageAlert]:
    found = []
    if storm := storms.current_storm(scope=scope, now=now):
        found.append(
            PageAlert(
                title="Possible attack in progress",
                detail=f"Since {times.instant(storm.began_at, now)}",
                url=reverse("overview"),
                icon="shield-alert",
                tone="attack",
            )
        )
    if scope is None and (failed := chain.open_failure()):
        found.append(
            PageAlert(
                title="Audit log integrity check failed",
                detail=times.both(failed.checked_at, now),
                url=reverse("audit"),
                icon="circle-x",
                tone="bad",
            )
        )
    newest = store.listed(scope or "", limit=1)
    if newest and not newest[0].sign_offs.all():
        found.append(
            PageAlert(
                title=f"Report {newest[0].week} is not signed off",
                detail=f"Built {times.distance(newest[0].generated_at, now)}",
                url=reverse("report", args=[newest[0].week]),
                icon="file-text",
            )
        )
    if failed_notices := notices.numbers(scope=scope, now=now)["failed"]:
        verb = "was" if failed_notices == 1 else "were"
        found.append(
            PageAlert(
                title=f"{counted(failed_notices, 'notice')} {verb} not delivered",
                detail="In the last 30 days",
                url=f"{reverse('notices')}?{urlencode({'view': 'failed'})}",
                icon="mail",
            )
        )
    return found


def view_links(
    views: Sequence[tuple[str, Mapping[str, str]]], parameters: Mapping[str, str]
) -> list[tuple[str, str, bool]]:
    """Return label, URL, and whether it is the current one, of each view of a list.

    Args:
        views: label and filters; a view keeps the filters that no view has.
        parameters: the filters of the page.
    """
    of_views = {name for _, filters in views for name in filters}
    kept = {name: text for name, text in parameters.items() if name not in of_views}
    return [
        (label, f"?{urlencode({**filters, **kept})}", {**kept, **filters} == parameters)
        for label, filters in views
    ]


def theme_of(request: HttpRequest) -> str:
    """Return `light` or `dark`; "" if the system decides."""
    theme = request.COOKIES.get(THEME, "")
    return theme if theme in THEMES else ""


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the theme in a cookie, and go back to the page."""
    response = redirect(own_path(request, request.POST.get("next", "")))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(
            THEME, chosen, max_age=YEAR, secure=request.is_secure(), httponly=True, samesite="Lax"
        )
    else:
        response.delete_cookie(THEME, samesite="Lax")
    return response


@never_cache
@require_safe
def help_page(request: OperatorRequest) -> HttpResponse:
    """Show what the words of the pages mean, the keys, the documents and the version."""
    context = {
        "section": "help",
        "states": STATES,
        "causes": [cause for cause in Cause if cause.known],
        "documents": DOCUMENTS,
        "version": pciops.__version__,
    }
    return render(request, "web/help.html", context)
