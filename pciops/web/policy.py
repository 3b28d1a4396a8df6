"""The page that holds Keystone's policy against PCI DSS."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.accounts.policy import compliance
from pciops.accounts.policy import policy as policies
from pciops.web import whatif
from pciops.web.requests import OperatorRequest


@never_cache
@require_safe
def policy_page(request: OperatorRequest) -> HttpResponse:
    """What Keystone enforces and what not, and what would stop if it enforced something else.

    The policy itself holds no account, so every operator may see it.
    """
    now = timezone.now()
    found = policies.current_with_sources()
    findings = compliance.findings(found.policy)
    judged = {option for finding in findings for option in finding.options}
    asked, status = whatif.section(request, found.policy, now)
    context = {
        **asked,
        "section": "policy",
        "now": now,
        "rules": [
            (finding, [(name, found.sources[name]) for name in finding.options])
            for finding in findings
        ],
        "passed": sum(finding.passed for finding in findings),
        "total": len(findings),
        "nothing": compliance.enforces_nothing(found.policy),
        "remedy": [line for finding in findings for line in finding.remedy],
        "others": [
            (name.removesuffix("_set"), policies.display_value(name, value), found.sources[name])
            for name, value in found.values.items()
            if name not in judged
        ],
        "disagreements": [
            (
                name.removesuffix("_set"),
                [(path, policies.display_value(name, value)) for path, value in values],
            )
            for name, values in found.disagreements.items()
        ],
    }
    return render(request, "web/policy.html", context, status=status)
