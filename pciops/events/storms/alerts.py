"""One alert for a storm: mails to those who run the cloud, and a call to the site's webhook."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Q
from django.template.loader import render_to_string

from pciops.accounts.privileged import AccountKind
from pciops.events.diagnosis.explanation import address_words, is_address
from pciops.events.models import Alert, Storm, StormAccount
from pciops.events.storms import webhook
from pciops.lib import outbox, times
from pciops.lib.addresses import plain
from pciops.lib.mail import LONGEST_SUBJECT, Letter

DAY: Final = timedelta(days=1)  # so long it is tried
NAMED: Final = 20  # accounts in an alert
WORST: Final = 5  # accounts and names that an address of a storm has tried; others are bystanders
LEASE: Final = timedelta(minutes=2)  # longer than one call takes
# How long a call that was not taken waits, by the number of attempts; then the last of them.
BACK_OFF: Final = tuple(timedelta(minutes=number) for number in (1, 2, 5, 15, 60))

Status = Alert.Status


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an alert, and the banner, say of a storm.

    Attributes:
        first: administrators and service accounts.
        others: of the other accounts that it locked the first.
        block: addresses that may be blocked: no proxies, and no bystanders.
    """

    storm: Storm
    locked: int
    names: int  # that were tried, and nobody has
    first: list[StormAccount]
    others: list[StormAccount]
    block: list[str]
    proxies: list[str]
    sources: list[dict[str, Any]]

    @property
    def hidden(self) -> int:
        """How many locked accounts are not named."""
        return self.locked - len(self.first) - len(self.others)

    @property
    def headline(self) -> str:
        """`Lockout storm: 214 accounts locked, 2 of administrators …`."""
        parts = []
        if self.locked:
            parts.append(f"{self.locked:,} account{'' if self.locked == 1 else 's'} locked")
        if self.names:
            parts.append(f"{self.names:,} names tried that nobody has")
        if not parts:
            parts.append(f"{self.storm.accounts:,} accounts tried")
        return f"Lockout storm: {', '.join(parts)}"


def told(storm: Storm, *, scope: str | None = None) -> Told:
    """What is said of a storm; to the operators of one domain of its own accounts alone."""
    rows = storm.locked.all()
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    special = rows.exclude(kinds="")
    sources = storm.sources if scope is None else []
    addresses = [
        (source["address"], bool(source["shared"]))
        for source in sources
        if source["accounts"] + source["names"] >= WORST
    ]
    return Told(
        storm=storm,
        locked=rows.count(),
        names=storm.names if scope is None else 0,
        first=sorted(special.order_by("locked_at", "pk")[:NAMED], key=_rank),
        others=list(rows.filter(kinds="").order_by("locked_at", "pk")[:NAMED]),
        block=[address for address, shared in addresses if is_address(address) and not shared],
        proxies=[address_words(address) for address, shared in addresses if shared],
        sources=[{**source, "words": address_words(source["address"])} for source in sources],
    )


def _rank(row: StormAccount) -> tuple[bool, str]:
    return AccountKind.ADMINISTRATOR.value not in row.kinds, row.name


# --- Raising ------------------------------------------------------------------------------------
def raise_for(storm: Storm, *, now: datetime) -> None:
    """Owe the mails and the call of a storm, in the transaction that begins it."""
    found = told(storm)
    letter = _letter(found, now)
    for to in settings.ALERT_RECIPIENTS:
        outbox.put(letter, about=f"storm {storm.pk}", to=to, now=now, good_for=DAY)
    if settings.ALERT_WEBHOOK_URL:
        body = json.dumps(as_dict(found), ensure_ascii=False)
        Alert.objects.create(storm=storm, body=body, raised_at=now, next_attempt_at=now)


def as_dict(found: Told) -> dict[str, Any]:
    """The body of the call."""
    storm = found.storm
    return {
        "type": "lockout_storm",
        "id": storm.pk,
        "cloud": settings.CLOUD_NAME,
        "url": settings.SITE_URL or None,
        "summary": found.headline,
        "began_at": times.iso(storm.began_at),
        "accounts_locked": found.locked,
        "accounts_tried": storm.accounts,
        "unknown_names_tried": storm.names,
        "tries": storm.tries,
        "administrators_and_service_accounts": [_account(row) for row in found.first],
        "other_accounts": [_account(row) for row in found.others],
        "block": found.block,
        "sources": [
            {
                "reported_address": source["address"],
                "accounts": source["accounts"],
                "unknown_names": source["names"],
                "tries": source["tries"],
                "probably_a_proxy": source["shared"],
            }
            for source in found.sources
        ],
    }


def _account(row: StormAccount) -> dict[str, Any]:
    return {
        "id": row.user_id,
        "name": row.name,
        "domain_id": row.domain_id,
        "domain_name": row.domain_name,
        "kinds": row.kinds.split(),
        "locked_at": times.iso(row.locked_at),
    }


def _letter(found: Told, now: datetime) -> Letter:
    facts = {
        "cloud": settings.CLOUD_NAME,
        "site": settings.SITE_URL,
        "told": found,
        "began": times.dated(found.storm.began_at),
        "first": [_line(row) for row in found.first],
        "others": [_line(row) for row in found.others],
    }
    return Letter(
        subject=plain(f"{settings.CLOUD_NAME}: {found.headline}", LONGEST_SUBJECT),
        text=render_to_string("alerts/storm.txt", facts),
        html=render_to_string("alerts/storm.html", facts),
    )


def _line(row: StormAccount) -> str:
    labels = [AccountKind(word).label.lower() for word in row.kinds.split()]
    kinds = f", {', '.join(labels)}" if labels else ""
    return f"{plain(row.name)} ({plain(row.domain_name)}){kinds}"


# --- The calls ----------------------------------------------------------------------------------
def call_due(*, clock: Callable[[], datetime]) -> Sequence[Alert]:
    """Make the calls that are due; those that were tried, as they are now."""
    tried = []
    due = Q(status=Status.PLANNED, next_attempt_at__lte=clock())
    for alert in Alert.objects.filter(due).order_by("next_attempt_at")[:100]:
        now = clock()
        mine = Alert.objects.filter(due, pk=alert.pk)
        if not mine.update(next_attempt_at=now + LEASE, attempts=alert.attempts + 1):
            continue  # another is at it
        answer = webhook.post(alert.body, delivery=alert.pk, now=now)
        _write_down(alert, answer, clock())
        tried.append(Alert.objects.get(pk=alert.pk))
    return tried


def _write_down(alert: Alert, answer: webhook.Answer, now: datetime) -> None:
    row = Alert.objects.filter(pk=alert.pk, status=Status.PLANNED)
    if answer.taken:
        row.update(status=Status.SENT, settled_at=now, answer=answer.words)
    elif now - alert.raised_at >= DAY:
        row.update(status=Status.GIVEN_UP, settled_at=now, answer=answer.words)
    else:
        wait = BACK_OFF[min(alert.attempts, len(BACK_OFF) - 1)]
        row.update(next_attempt_at=now + wait, answer=answer.words)


def newest() -> Alert | None:
    """The last call that was owed."""
    return Alert.objects.order_by("-raised_at").first()
