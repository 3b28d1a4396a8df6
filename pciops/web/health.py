"""Health of the installation: probes for machines, and the status page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.accounts import housekeeping
from pciops.accounts.leftovers import Leftover, Limits, NotCountedError
from pciops.accounts.models import LeftoverCount
from pciops.events import liveness
from pciops.keystone import client, database
from pciops.lib import doctor, times
from pciops.lib.doctor import CheckLevel, CheckResult
from pciops.lib.env import SettingError
from pciops.notices.alerts import operation
from pciops.web import rights
from pciops.web.requests import OperatorRequest

READINESS_FOR: Final = 5  # seconds for which an answer counts
# The steps of an installation, and the checks that show whether each is done.
SETUP: Final = (
    ("Connect to Keystone's database", ("Keystone's database", "Keystone's tables")),
    ("Read Keystone's policy", ("policy",)),
    ("Allow unlocking", ("unlocking",)),
    ("Count the accounts", ("census",)),
    ("Receive sign-ins and changes", ("notifications", "consumer")),
    ("Send emails", ("mail",)),
)
_readiness_lock: Final = Lock()
LONGEST_WAIT: Final = 2  # seconds for the checks of another request


class HealthMiddleware:
    """Middleware that answers probes before any other that checks hosts or needs a database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = {"/healthz": healthz, "/readyz": readyz}.get(request.path_info)
        if probe is None or request.method not in {"GET", "HEAD"}:
            return self.get_response(request)
        response = probe()
        response["Cache-Control"] = "no-store"
        return response


def healthz() -> HttpResponse:
    """Answer that this process is alive."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz() -> HttpResponse:
    """Answer 200 if everything that the pages need answers, else 503; reasons stay in the log.

    Notifications and a schedule that stopped are reported but do not count: the pages work without
    them. Anyone may ask, so an answer counts for five seconds, and one request at a time finds a
    new one.
    """
    if not _readiness_lock.acquire(timeout=LONGEST_WAIT):
        return JsonResponse({"checks": "no answer yet"}, status=503)
    try:
        answer: tuple[bool, dict[str, str]] | None = cache.get("readiness")
        if answer is None:
            answer = _readiness(timezone.now())
            cache.set("readiness", answer, timeout=READINESS_FOR)
    finally:
        _readiness_lock.release()
    ready, result = answer
    return JsonResponse(result, status=200 if ready else 503)


def _readiness(now: datetime) -> tuple[bool, dict[str, str]]:
    checks: dict[str, tuple[Callable[[], object], tuple[type[Exception], ...]]] = {
        "database": (_ping_database, (DatabaseError, InterfaceError)),
        "keystone_database": (database.ping, (database.KeystoneDatabaseDownError,)),
        "keystone": (client.ping, (client.KeystoneError,)),
    }
    result = {}
    for name, (check, failures) in checks.items():
        try:
            check()
            result[name] = "ok"
        except failures:
            result[name] = "no answer"
    ready = set(result.values()) == {"ok"}
    if result["database"] == "ok":
        reports = {"notifications": _notifications(now), "schedule": _schedule(now)}
        result |= {name: words for name, words in reports.items() if words}
    return ready, result


@never_cache
@require_safe
@rights.needs("administer")
def status(request: OperatorRequest) -> HttpResponse:
    """Show what the doctor finds now, and the last counts of leftovers in Keystone's tables."""
    rights.require_whole_cloud(request)
    findings = doctor.run()
    levels = list(CheckLevel)
    context = {
        "section": "status",
        "now": timezone.now(),
        "findings": sorted(findings, key=lambda finding: levels.index(finding.level), reverse=True),
        "worst": doctor.worst(findings),
        "summary": doctor.summary(findings),
        "leftovers": _leftovers(timezone.now()),
        "steps": (steps := setup_steps(findings)),
        "done": sum(step.is_done for step in steps),
    }
    return render(request, "web/status.html", context)


@dataclass(frozen=True, kw_only=True)
class SetupStep:
    """A step of the installation, and what is left to do for it."""

    title: str
    left: list[CheckResult]
    is_done: bool
    is_next: bool  # the first that is not done


def setup_steps(findings: Iterable[CheckResult]) -> list[SetupStep]:
    """Return the steps of the installation by what the doctor found."""
    steps: list[SetupStep] = []
    for title, checks in SETUP:
        found = [finding for finding in findings if finding.check in checks]
        left = [finding for finding in found if finding.level != CheckLevel.OK]
        is_done = bool(found) and not left
        is_next = not is_done and all(step.is_done for step in steps)
        steps.append(SetupStep(title=title, left=left, is_done=is_done, is_next=is_next))
    return steps


def _leftovers(now: datetime) -> list[tuple[Leftover, LeftoverCount | None, str]]:
    """Return each kind of leftover, its last count, and SQL if needed; those without rows last."""
    try:
        limits = housekeeping.limits_at(now)
        rows = [
            (row.leftover, row.count, _sql(row.leftover, row.count, limits))
            for row in housekeeping.latest()
        ]
        return sorted(rows, key=lambda row: row[1] is not None and row[1].number == 0)
    except (DatabaseError, InterfaceError, SettingError):  # the doctor's findings say which
        return []


def _sql(leftover: Leftover, count: LeftoverCount | None, limits: Limits) -> str:
    """Return the SQL for a database administrator; "" if there is nothing to do or to know."""
    if count is None or count.number == 0:
        return ""
    try:
        return leftover.sql(limits)
    except NotCountedError:  # the count has the reason
        return ""


def _notifications(now: datetime) -> str:
    """Return `ok` or the time of the last news; "" if not set up, or before `migrate`."""
    try:
        silence = liveness.silence(now)
    except (DatabaseError, InterfaceError):
        return ""
    if silence is None:
        return "ok"
    since = f"no news since {times.iso(silence.since)}" if silence.since else "no news yet"
    return since if silence.set_up else ""


def _schedule(now: datetime) -> str:
    """Return since when no job runs; "" if jobs run, if none ever did, or before `migrate`."""
    try:
        since = operation.stopped_since(now)
    except (DatabaseError, InterfaceError):
        return ""
    return f"no job since {times.iso(since)}" if since else ""


def _ping_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
