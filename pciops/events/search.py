"""Finding what Keystone notified: filters, and who may see what of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias

from django.db.models import Q, QuerySet, TextChoices

from pciops.events import selectors
from pciops.events.models import Activity, Attempts, Name, Outcome
from pciops.events.selectors import ACTIVITY_ORDER, ATTEMPTS_ORDER
from pciops.lib import filters
from pciops.lib.merging import MergeSource, merged

BATCH: Final = 2000  # rows in memory at a time
MOST: Final = 200  # accounts that part of a name finds by id


class Kind(TextChoices):
    """What can be looked for besides single actions."""

    SIGN_IN = "sign_in", "Sign-ins"
    CHANGE = "change", "Everything else"


KINDS: Final = (*Kind.choices, *Activity.Action.choices)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Who reads.

    Attributes:
        scope: the domain whose accounts they see; None for the whole cloud. What is not surely
            of that domain is not shown to them.
        unknown_names: whether they see names that no account has. People type passwords there.
    """

    scope: str | None
    unknown_names: bool


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is looked for; "" and None are no filter."""

    kind: str = ""  # one of KINDS
    outcome: str = ""
    account: str = ""  # part of the name, or the id
    doer: str = ""  # the same, of who did it; sign-ins have none
    address: str = ""  # whole, or its beginning with the dot or colon after it
    since: date | None = None  # UTC days, both included
    until: date | None = None

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> Query:
        """The filters in an address: `kind=&outcome=&account=&doer=&address=&from=&to=`.

        Raises:
            FilterError
        """
        return cls(
            kind=filters.choice(parameters, "kind", [value for value, _ in KINDS]),
            outcome=filters.choice(parameters, "outcome", Outcome.values),
            account=filters.text(parameters, "account"),
            doer=filters.text(parameters, "doer"),
            address=filters.text(parameters, "address"),
            since=filters.day(parameters, "from"),
            until=filters.day(parameters, "to"),
        )

    @property
    def parameters(self) -> dict[str, str]:
        """As they stand in an address, without those that filter nothing."""
        days = {"from": self.since, "to": self.until}
        texts = ("kind", "outcome", "account", "doer", "address")
        fields = {
            **{name: getattr(self, name) for name in texts},
            **{name: day.isoformat() if day else "" for name, day in days.items()},
        }
        return {name: value for name, value in fields.items() if value}


def sources(query: Query, reader: Reader) -> list[MergeSource]:
    """The tables that have what is looked for, narrowed to it."""
    found, ids = [], _called(query.account)
    if query.kind in {"", Kind.CHANGE} or query.kind in Activity.Action.values:
        found.append(MergeSource(rank=1, rows=_activity(query, reader, ids), order=ACTIVITY_ORDER))
    if query.kind in {"", Kind.SIGN_IN} and not query.doer:
        found.append(MergeSource(rank=0, rows=_attempts(query, reader, ids), order=ATTEMPTS_ORDER))
    return found


def of_account(user_id: str) -> list[MergeSource]:
    """What Keystone notified of one account, for who may see that."""
    return [
        MergeSource(rank=1, rows=selectors.activity(user_id), order=ACTIVITY_ORDER),
        MergeSource(rank=0, rows=selectors.attempts(user_id), order=ATTEMPTS_ORDER),
    ]


def everything(query: Query, reader: Reader) -> Iterator[Attempts | Activity]:
    """All rows that fit, the newest first, read a batch at a time."""
    for _, row in merged(sources(query, reader), marker="", batch=BATCH):
        if isinstance(row, Attempts | Activity):
            yield row


Ids: TypeAlias = list[str] | None


def _activity(query: Query, reader: Reader, ids: Ids) -> QuerySet[Activity]:
    rows = Activity.objects.filter(_common(query, reader, "at"))
    if query.kind in Activity.Action.values:
        rows = rows.filter(action=query.kind)
    if query.account:
        rows = rows.filter(_named("name", query.account) if ids is None else Q(user_id__in=ids))
    if query.doer:
        doers = _called(query.doer)
        rows = rows.filter(
            _named("doer_name", query.doer) if doers is None else Q(doer_id__in=doers)
        )
    return rows


def _attempts(query: Query, reader: Reader, ids: Ids) -> QuerySet[Attempts]:
    rows = Attempts.objects.filter(_common(query, reader, "window"))
    if not query.account:
        return rows
    named = _named("name", query.account)
    fitting = named if ids is None else Q(user_id__in=ids)
    if not reader.unknown_names:  # they must not find out by searching either
        return rows.filter(fitting).exclude(reason=Attempts.Reason.UNKNOWN_NAME)
    return rows.filter(fitting | (named & Q(user_id="")))


def _named(column: str, text: str) -> Q:
    return Q(**{f"{column}__icontains": text})


def _common(query: Query, reader: Reader, column: str) -> Q:
    """What both tables have."""
    wanted: dict[str, Any] = {}
    if reader.scope is not None:
        wanted["domain_id"] = reader.scope
    if query.outcome:
        wanted["outcome"] = query.outcome
    if query.address.endswith((".", ":")):
        wanted["address__istartswith"] = query.address
    elif query.address:
        wanted["address"] = query.address
    return Q(**wanted) & filters.days(column, query.since, query.until)


def _called(text: str) -> Ids:
    """The ids of accounts with this in their name, and the text itself, which may be an id.

    None where they are many: then rows are looked at one after the other, and soon some fit.
    """
    if not text:
        return None
    found = Name.objects.filter(name__icontains=text).values_list("user_id", flat=True)
    ids = list(found[: MOST + 1])
    return None if len(ids) > MOST else [text, *ids]
