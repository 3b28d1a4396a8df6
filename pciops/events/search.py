"""Finds recorded notifications: filters, access, and rows for files and the API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db.models import Q, QuerySet, Sum, TextChoices

from pciops.events import sentences
from pciops.events.models import Activity, Attempts, DeadLetter, KnownName, Outcome
from pciops.events.sentences import AttemptGroup
from pciops.lib import filters, times
from pciops.lib.keyset import Column, Order
from pciops.lib.merging import MergeSource, merged

BATCH: Final = 2000  # rows in memory at a time
MAX_IDS: Final = 200  # accounts that part of a name may match, to be found by their ids

# Newest first; for each filter below there is an index that ends with these columns.
ATTEMPTS_ORDER: Final[Order[Attempts]] = Order(
    (Column(name="window", kind=datetime, falling=True), Column(name="id", kind=int, falling=True))
)
ACTIVITY_ORDER: Final[Order[Activity]] = Order(
    (Column(name="at", kind=datetime, falling=True), Column(name="id", kind=int, falling=True))
)
_PROJECT: Final = re.compile(r"\bproject=\S+")
EXPORT_COLUMNS: Final = (
    *("kind", "first_at", "last_at", "count", "outcome", "reason"),
    *("account_id", "account_name", "domain_id", "domain_name"),
    *("doer_id", "doer_name", "doer_domain_id", "doer_domain_name"),
    *("address", "agent", "detail", "sentence"),
)


class EventKind(TextChoices):
    """Groups of events that a search may ask for, besides single actions."""

    SIGN_IN = "sign_in", "Sign-ins"
    CHANGE = "change", "Changes"


EVENT_KINDS: Final = (*EventKind.choices, *Activity.Action.choices)


@dataclass(frozen=True, kw_only=True)
class EventAccess:
    """The events that an operator may see.

    Attributes:
        scope: the domain whose accounts they see; None for all. Events whose domain is unknown are
            visible only for None.
        unknown_names: they see unknown usernames, where people may have typed passwords.
    """

    scope: str | None
    unknown_names: bool


@dataclass(frozen=True, kw_only=True)
class EventQuery:
    """The filters of a search; "" and None filter nothing."""

    kind: str = ""  # one of EVENT_KINDS
    outcome: str = ""
    account: str = ""  # part of the name, or the id
    doer: str = ""  # the same for the account that did it; sign-ins have none
    address: str = ""  # complete, or its start with the final dot or colon
    since: date | None = None  # UTC days, both included
    until: date | None = None

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> EventQuery:
        """Read the parameters of a URL: `kind=&outcome=&account=&doer=&address=&from=&to=`.

        Raises:
            FilterError
        """
        return cls(
            kind=filters.choice(parameters, "kind", [value for value, _ in EVENT_KINDS]),
            outcome=filters.choice(parameters, "outcome", Outcome.values),
            account=filters.text(parameters, "account"),
            doer=filters.text(parameters, "doer"),
            address=filters.text(parameters, "address"),
            since=filters.day(parameters, "from"),
            until=filters.day(parameters, "to"),
        )

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of a URL, without empty ones."""
        return filters.parameters(self)


# --- Search -------------------------------------------------------------------------------------
def sources(query: EventQuery, access: EventAccess) -> list[MergeSource]:
    """Return the tables with matching rows, filtered."""
    found, ids = [], _matching_ids(query.account)
    if query.kind in {"", EventKind.CHANGE} or query.kind in Activity.Action.values:
        found.append(MergeSource(rank=1, rows=_activity(query, access, ids), order=ACTIVITY_ORDER))
    if query.kind in {"", EventKind.SIGN_IN} and not query.doer:
        found.append(MergeSource(rank=0, rows=_attempts(query, access, ids), order=ATTEMPTS_ORDER))
    return found


def of_account(user_id: str) -> list[MergeSource]:
    """Return the tables with the events of an account."""
    activity = Activity.objects.filter(user_id=user_id)
    attempts = Attempts.objects.filter(user_id=user_id)
    return [
        MergeSource(rank=1, rows=activity, order=ACTIVITY_ORDER),
        MergeSource(rank=0, rows=attempts, order=ATTEMPTS_ORDER),
    ]


def everything(query: EventQuery, access: EventAccess) -> Iterator[Attempts | Activity]:
    """Yield all matching rows, newest first, read in batches."""
    for _, row in merged(sources(query, access), marker="", batch=BATCH):
        if isinstance(row, Attempts | Activity):
            yield row


def _activity(query: EventQuery, access: EventAccess, ids: list[str] | None) -> QuerySet[Activity]:
    rows = Activity.objects.filter(_common(query, access, "at"))
    if query.kind in Activity.Action.values:
        rows = rows.filter(action=query.kind)
    if query.account:
        rows = rows.filter(_is_account("user_id", "name", query.account, ids))
    if query.doer:
        doers = _matching_ids(query.doer)
        rows = rows.filter(_is_account("doer_id", "doer_name", query.doer, doers))
    return rows


def _attempts(query: EventQuery, access: EventAccess, ids: list[str] | None) -> QuerySet[Attempts]:
    rows = Attempts.objects.filter(_common(query, access, "window"))
    if not query.account:
        return rows
    matching = _is_account("user_id", "name", query.account, ids)
    if not access.unknown_names:  # a search must not reveal them either
        return rows.filter(matching).exclude(reason=Attempts.Reason.UNKNOWN_NAME)
    return rows.filter(matching | Q(name__icontains=query.account, user_id=""))


def _is_account(id_column: str, name_column: str, text: str, ids: list[str] | None) -> Q:
    if ids is None:
        return Q(**{f"{name_column}__icontains": text})
    return Q(**{f"{id_column}__in": ids})


def _common(query: EventQuery, access: EventAccess, column: str) -> Q:
    """Return the filters of both tables."""
    wanted: dict[str, Any] = {}
    if access.scope is not None:
        wanted["domain_id"] = access.scope
    if query.outcome:
        wanted["outcome"] = query.outcome
    if query.address.endswith((".", ":")):
        wanted["address__istartswith"] = query.address
    elif query.address:
        wanted["address"] = query.address
    return Q(**wanted) & filters.days(column, query.since, query.until)


def _matching_ids(text: str) -> list[str] | None:
    """Return the ids of accounts with this text in their name, and the text, which may be an id.

    None if there are many: then a scan of the rows soon finds matching ones.
    """
    if not text:
        return None
    rows = KnownName.objects.filter(name__icontains=text).values_list("user_id", flat=True)
    ids = list(rows[: MAX_IDS + 1])
    return None if len(ids) > MAX_IDS else [text, *ids]


# --- Rows for files and the API -------------------------------------------------------------------
def as_dict(row: Attempts | Activity, access: EventAccess) -> dict[str, Any]:
    """Return one row of an export: equal sign-ins of a minute, or a change."""
    special = _of_attempts(row, access) if isinstance(row, Attempts) else _of_activity(row, access)
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
    values = {**common, **special}
    return {column: values[column] for column in EXPORT_COLUMNS}


def _of_attempts(row: Attempts, access: EventAccess) -> dict[str, Any]:
    hidden = row.reason == Attempts.Reason.UNKNOWN_NAME and not access.unknown_names
    sentence = sentences.of_attempts(AttemptGroup.of(row), unknown_names=access.unknown_names)
    return {
        "kind": EventKind.SIGN_IN.value,
        "first_at": times.iso(row.first_at),
        "last_at": times.iso(row.last_at),
        "count": row.count,
        **(dict.fromkeys(("account_id", "account_name")) if hidden else {}),
        **dict.fromkeys(("doer_id", "doer_name", "doer_domain_id", "doer_domain_name", "detail")),
        "sentence": sentences.as_text(sentence),
    }


def _of_activity(row: Activity, access: EventAccess) -> dict[str, Any]:
    # A project may be of another domain, so its id is only for the whole cloud.
    detail = row.detail if access.scope is None else _PROJECT.sub("", row.detail).strip()
    return {
        "kind": row.action,
        "first_at": times.iso(row.at),
        "last_at": times.iso(row.at),
        "count": 1,
        "doer_id": row.doer_id or None,
        "doer_name": row.doer_name or None,
        "doer_domain_id": row.doer_domain_id or None,
        "doer_domain_name": row.doer_domain_name or None,
        "detail": detail or None,
        "sentence": sentences.as_text(sentences.of_activity(row)),
    }


# --- Dead letters ---------------------------------------------------------------------------------
def dead_letters() -> QuerySet[DeadLetter]:
    """Return the dead letters, newest first."""
    return DeadLetter.objects.order_by("-last_at", "-pk")


def dead_letter_count() -> int:
    """Return the number of messages that could not be processed."""
    return int(DeadLetter.objects.aggregate(total=Sum("count"))["total"] or 0)
