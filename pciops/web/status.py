"""The page that says how pciops itself is: what `manage.py doctor` says."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.lib import doctor
from pciops.lib.doctor import CheckLevel
from pciops.web import rights
from pciops.web.requests import OperatorRequest


@never_cache
@require_safe
@rights.needs("administer")
def status(request: OperatorRequest) -> HttpResponse:
    """Checked now; what does not answer costs a few seconds. It tells of hosts and logins."""
    rights.require_whole_cloud(request)
    findings = doctor.run()
    context = {
        "section": "status",
        "now": timezone.now(),
        "findings": sorted(findings, key=lambda it: list(CheckLevel).index(it.level), reverse=True),
        "worst": doctor.worst(findings),
        "summary": doctor.summary(findings),
    }
    return render(request, "web/status.html", context)
