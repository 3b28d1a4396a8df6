"""The policy over the API: every option with its source, and the PCI DSS findings."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from django.http import HttpResponse, JsonResponse

from pciops.accounts.policy import compliance
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.compliance import PolicyFinding
from pciops.api.auth import ApiRequest, endpoint
from pciops.api.operations import Operation
from pciops.api.schemas import FLAG, NUMBER, TEXT, by_key, many, named, or_null, record

VALUE: Final = {"anyOf": [NUMBER, FLAG, TEXT, many(TEXT), {"type": "null"}]}
FINDING: Final = named(
    "PolicyFinding",
    record(
        {
            **dict.fromkeys(("requirement", "old_requirement", "title", "demand"), TEXT),
            "options": many(TEXT),
            **dict.fromkeys(("value", "reason", "note"), TEXT),
            "remedy": many(TEXT),
            "passed": FLAG,
            "probes": many(
                record({"kind": TEXT, "wanted": FLAG, "accepted": or_null(TEXT), "passed": FLAG})
            ),
        }
    ),
)


@endpoint(
    GET=Operation(
        summary="Read Keystone's policy, and how it meets PCI DSS",
        answer=record(
            {
                "policy": by_key(record({"value": VALUE, "source": TEXT})),
                "findings": many(FINDING),
                "disagreements": by_key(many(record({"source": TEXT, "value": VALUE}))),
            }
        ),
    )
)
def policy(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/policy`."""
    sourced = policies.current_with_sources()
    if request.operator.scope is not None:
        sourced = sourced.without_paths()
    return JsonResponse(
        {
            "policy": {
                name: {"value": value, "source": sourced.sources[name]}
                for name, value in sourced.values.items()
            },
            "findings": [finding_dict(item) for item in compliance.findings(sourced.policy)],
            "disagreements": {
                name: [{"source": path, "value": value} for path, value in values]
                for name, values in sourced.disagreements.items()
            },
        }
    )


def finding_dict(finding: PolicyFinding) -> dict[str, Any]:
    """Return one requirement, with its old number and the result of each probe."""
    fields = asdict(finding)
    del fields["short"]  # only for the overview page
    old = fields.pop("old")
    probes = [{**asdict(probe), "passed": probe.passed} for probe in finding.probes]
    return {"requirement": fields.pop("requirement"), "old_requirement": old} | {
        **fields,
        "passed": finding.passed,
        "probes": probes,
    }
