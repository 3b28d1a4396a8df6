"""The overview over the API: the accounts in each state, and those of the next days."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from pciops.accounts import overview as overviews
from pciops.accounts.overview import StateCount
from pciops.accounts.policy import policy as policies
from pciops.accounts.privileged import AccountKind
from pciops.api.auth import ApiRequest, endpoint
from pciops.api.operations import Operation
from pciops.api.schemas import DAY, FLAG, INSTANT, NUMBER, by_key, many, or_null, record
from pciops.lib import shared, times

COUNT: Final = {"accounts": NUMBER, **dict.fromkeys(AccountKind.values, NUMBER)}


@endpoint(
    GET=Operation(
        summary="Count the accounts in each state, and those that expire in the next days",
        answer=record(
            {
                "live_at": INSTANT,
                "counted_at": or_null(INSTANT),
                "accounts": or_null(NUMBER),
                "domains": or_null(NUMBER),
                "states": by_key(record({**COUNT, "live": FLAG})),
                "days": many(record({"day": DAY, "expired": NUMBER, "inactive": NUMBER})),
            }
        ),
    )
)
def overview(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/overview`."""
    now, scope = timezone.now(), request.operator.scope
    fresh = shared.bypassed(request)
    built = overviews.build(scope=scope, policy=policies.current(), now=now, fresh=fresh)
    counted = built.counted
    return JsonResponse(
        {
            "live_at": times.iso(built.attention.read_at),
            "counted_at": times.iso(counted.counted_at) if counted else None,
            "accounts": counted.accounts if counted else None,
            "domains": counted.domains if counted else None,
            "states": {
                state.name: number_dict(number)
                for state, number in built.numbers.items()
                if number.number is not None
            },
            "days": [
                {"day": times.iso(day.day), "expired": day.expired, "inactive": day.inactive}
                for day in built.days
            ],
        }
    )


def number_dict(number: StateCount) -> dict[str, Any]:
    """Return the number of accounts, of each kind, and whether this call has counted them."""
    return {
        "accounts": number.number,
        **{kind.value: number.kinds.get(kind, 0) for kind in AccountKind},
        "live": number.live,
    }
