"""The findings of the doctor over the API."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from pciops.api.auth import ApiRequest, endpoint
from pciops.api.operations import Operation
from pciops.api.schemas import INSTANT, TEXT, many, one_of, record
from pciops.lib import doctor as checks
from pciops.lib.doctor import CheckLevel


@endpoint(
    GET=Operation(
        summary="Check connections, grants, clocks, files, and settings now",
        description=(
            f"Checks that have not started after {checks.BEFORE} seconds are returned as warnings."
        ),
        needs="administer",
        whole_cloud=True,
        answer=record(
            {
                "checked_at": INSTANT,
                "findings": many(
                    record(
                        {
                            "check": TEXT,
                            "level": one_of(CheckLevel),
                            "finding": TEXT,
                            "remedy": TEXT,
                        }
                    )
                ),
            }
        ),
    )
)
def doctor(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/doctor`: what the page `/status/` shows."""
    return JsonResponse(checks.as_dict(checks.run(), timezone.now()))
