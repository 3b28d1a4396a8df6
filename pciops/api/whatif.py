"""The preview of another policy over the API."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from pciops.accounts.policy import policy as policies
from pciops.accounts.policy import whatif, whatif_text
from pciops.accounts.policy.whatif import CHANGEABLE, TYPES, AffectedCount, StoppedAccount
from pciops.accounts.privileged import AccountKind
from pciops.api.accounts import FIELDS, STATE
from pciops.api.auth import ApiRequest, endpoint
from pciops.api.errors import ApiError
from pciops.api.operations import Operation, Parameter
from pciops.api.overview import COUNT
from pciops.api.schemas import (
    DAY,
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    by_key,
    many,
    one_of,
    or_null,
    record,
    whole,
)
from pciops.lib import times

NUMBERS: Final = record(COUNT)
STOPPED: Final = (
    *("id", "name", "domain_id", "domain_name", "kinds", "states"),
    *("last_active_at", "inactive_on", "locked_until"),
)


@endpoint(
    GET=Operation(
        summary="Preview which accounts a policy change would block",
        query=tuple(
            Parameter(
                name,
                {"anyOf": [whole(TYPES[name].min, TYPES[name].max), {"const": ""}]},
                "The value to preview; empty: off. Without it, the current one.",
                may_be_empty=True,
            )
            for name in CHANGEABLE
        ),
        answer=record(
            {
                "live_at": INSTANT,
                "days": NUMBER,
                "options": by_key(record({"value": or_null(NUMBER), "proposed": or_null(NUMBER)})),
                "today": NUMBERS,
                "ahead": NUMBERS,
                "rules": many(
                    record(
                        {
                            "state": STATE,
                            "options": many(one_of(CHANGEABLE)),
                            "today": NUMBERS,
                            "ahead": NUMBERS,
                        }
                    )
                ),
                "never_active": NUMBER,
                "passwords": record(
                    {
                        "never_expire": NUMBER,
                        "keep_expiry": NUMBER,
                        "too_old": or_null(NUMBER),
                        "new_expire_on": or_null(DAY),
                    }
                ),
                "accounts": many(
                    record({**{name: FIELDS[name] for name in STOPPED}, "today": FLAG})
                ),
                "unnamed": NUMBER,
                "answer": TEXT,
                "caveats": many(TEXT),
            }
        ),
    )
)
def what_if(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/policy/what-if`."""
    now, current = timezone.now(), policies.current()
    try:
        proposed = whatif.parse_proposal(current, request.GET.dict())
    except whatif.ProposalError as error:
        raise ApiError(400, str(error)) from None
    preview = whatif.evaluate(proposed, current=current, scope=request.operator.scope, now=now)
    passwords = preview.passwords
    return JsonResponse(
        {
            "live_at": times.iso(now),
            "days": whatif_text.DAYS,
            "options": {
                name: {"value": getattr(current, name), "proposed": getattr(proposed, name)}
                for name in CHANGEABLE
            },
            "today": _number(preview.today),
            "ahead": _number(preview.ahead),
            "rules": [
                {
                    "state": effect.state.name,
                    "options": effect.options,
                    "today": _number(effect.today),
                    "ahead": _number(effect.ahead),
                }
                for effect in preview.effects
            ],
            "never_active": preview.never_active,
            "passwords": {
                "never_expire": passwords.never_expire,
                "keep_expiry": passwords.keep_expiry,
                "too_old": passwords.too_old,
                "new_expire_on": times.iso(passwords.new_expire_on),
            },
            "accounts": [_stop(stop) for stop in preview.stops],
            "unnamed": preview.unnamed,
            "answer": f"{whatif_text.answer(preview)} {whatif_text.outlook(preview)}".strip(),
            "caveats": whatif_text.caveats(preview),
        }
    )


def _number(number: AffectedCount) -> dict[str, int]:
    return {
        "accounts": number.accounts,
        **{kind.value: number.kinds.get(kind, 0) for kind in AccountKind},
    }


def _stop(stop: StoppedAccount) -> dict[str, Any]:
    account = stop.account
    return {
        "id": account.id,
        "name": account.name,
        "domain_id": account.domain_id,
        "domain_name": account.domain_name,
        "kinds": [kind.value for kind in account.kinds],
        "states": [state.name for state in stop.states],
        "today": stop.today,
        "last_active_at": times.iso(account.last_active_at),
        "inactive_on": times.iso(stop.inactive_on),
        "locked_until": times.iso(stop.locked_until),
    }
