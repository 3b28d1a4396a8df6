"""What was notified as rows, for files and the API."""

from __future__ import annotations

from typing import Any, Final

from pciops.events import words
from pciops.events.models import Activity, Attempts
from pciops.events.search import Kind, Reader
from pciops.events.words import Tries
from pciops.lib import times

COLUMNS: Final = (
    *("kind", "first_at", "last_at", "count", "outcome", "reason"),
    *("account_id", "account_name", "domain_id", "domain_name"),
    *("doer_id", "doer_name", "doer_domain_id", "doer_domain_name"),
    *("address", "agent", "detail", "sentence"),
)


def as_dict(row: Attempts | Activity, reader: Reader) -> dict[str, Any]:
    """One row: sign-ins of a minute that are alike, or a change."""
    facts = _of_attempts(row, reader) if isinstance(row, Attempts) else _of_activity(row)
    common = {
        "outcome": row.outcome,
        "reason": row.reason,
        "account_id": row.user_id or None,
        "account_name": row.name or None,
        "domain_id": row.domain_id or None,
        "domain_name": row.domain_name or None,
        "address": row.address or None,
        "agent": row.agent or None,
    }
    every = {**common, **facts}
    return {column: every[column] for column in COLUMNS}


def _of_attempts(row: Attempts, reader: Reader) -> dict[str, Any]:
    hidden = row.reason == Attempts.Reason.UNKNOWN_NAME and not reader.unknown_names
    sentence = words.of_tries(Tries.of(row), unknown_names=reader.unknown_names)
    return {
        "kind": Kind.SIGN_IN.value,
        "first_at": times.iso(row.first_at),
        "last_at": times.iso(row.last_at),
        "count": row.count,
        **(dict.fromkeys(("account_id", "account_name")) if hidden else {}),
        **dict.fromkeys(("doer_id", "doer_name", "doer_domain_id", "doer_domain_name", "detail")),
        "sentence": words.plain(sentence),
    }


def _of_activity(row: Activity) -> dict[str, Any]:
    return {
        "kind": row.action,
        "first_at": times.iso(row.at),
        "last_at": times.iso(row.at),
        "count": 1,
        "doer_id": row.doer_id or None,
        "doer_name": row.doer_name or None,
        "doer_domain_id": row.doer_domain_id or None,
        "doer_domain_name": row.doer_domain_name or None,
        "detail": row.detail or None,
        "sentence": words.plain(words.of_activity(row)),
    }
