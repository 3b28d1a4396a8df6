"""The policy over the API: every option with its source, and what PCI DSS says to it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse, JsonResponse

from pciops.accounts.policy import compliance
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.compliance import PolicyFinding
from pciops.api.auth import ApiRequest, endpoint


@endpoint("GET")
def policy(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/policy`."""
    found = policies.current_with_sources()
    return JsonResponse(
        {
            "policy": {
                name: {"value": value, "source": found.sources[name]}
                for name, value in found.values.items()
            },
            "findings": [finding_dict(item) for item in compliance.findings(found.policy)],
            "disagreements": {
                name: [{"source": path, "value": value} for path, value in values]
                for name, values in found.disagreements.items()
            },
        }
    )


def finding_dict(finding: PolicyFinding) -> dict[str, Any]:
    """One requirement with its old number under a longer name, and each probe's result."""
    fields = asdict(finding)
    del fields["short"]  # only for the overview page
    old = fields.pop("old")
    probes = [{**asdict(probe), "passed": probe.passed} for probe in finding.probes]
    return {"requirement": fields.pop("requirement"), "old_requirement": old} | {
        **fields,
        "probes": probes,
    }
