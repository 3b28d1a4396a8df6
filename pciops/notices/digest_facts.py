"""Reads what digests are made of: from Keystone's tables and from ours, in constant memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Min, Q

from pciops.accounts import loading, privileged, selectors
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKinds
from pciops.accounts.states import ATTACKED_EXEMPT, LOCK_LAPSED, LOCKED
from pciops.keystone import database
from pciops.keystone.models import LocalUser
from pciops.lib import outbox, times
from pciops.lib.addresses import plain
from pciops.lib.models import JobRun, OwedMail
from pciops.notices.digest import CLOUD, NAMED, Facts, Failures, Line, Runs, Span
from pciops.notices.models import Notice
from pciops.notices.send import FAILED

Status = Notice.Status

CHUNK: Final = 1000  # accounts in memory at a time
UNADDRESSED: Final = (Status.NO_ADDRESS, Status.BAD_ADDRESS)
# Job → what it is called, and how often it runs.
JOBS: Final = {
    "census": ("The census", timedelta(minutes=5)),
    "notices.plan": ("The planning of notices", timedelta(hours=1)),
    "notices.locks": ("The look for locks", timedelta(minutes=1)),
}


def gather(spans: Iterable[Span], *, policy: Policy, now: datetime) -> Facts:
    """All that digests of these spans are made of. The accounts are read as they are asked for.

    Raises:
        KeystoneDatabaseDownError: here, or when the accounts are read.
    """
    spans = list(spans)
    since = min(span.since for span in spans)
    of_kind = privileged.all_kinds()
    lock = LOCKED.condition(policy, now) | LOCK_LAPSED.condition(policy, now)
    attack = Q(failed_auth_at__gt=since) | Q(failed_auth_at=None)
    return Facts(
        locked=_failing(Q(failed_auth_at__gt=since) & lock, of_kind),
        attacked=_failing(attack & ATTACKED_EXEMPT.condition(policy, now), of_kind),
        mattering=_mattering(list(of_kind)),
        locked_now=_locked_now(policy, now),
        failures={span.scope: _failures(span) for span in spans},
        runs=_runs(since, now),
    )


def _failing(condition: Q, of_kind: dict[str, AccountKinds]) -> Iterator[Account]:
    rows, last = LocalUser.objects.filter(condition).order_by("pk"), 0
    while True:
        with database.reading():
            found = loading.local_user_rows(rows.filter(pk__gt=last)[:CHUNK])
            accounts = loading.accounts(found, kinds=of_kind)
        if not found:
            return
        yield from accounts
        last = found[-1].local_id or 0


def _mattering(user_ids: list[str]) -> Iterator[Account]:
    for start in range(0, len(user_ids), CHUNK):
        yield from selectors.get_many(user_ids[start : start + CHUNK], scope=None)


@database.reading()
def _locked_now(policy: Policy, now: datetime) -> dict[str, int]:
    rows = LocalUser.objects.filter(LOCKED.condition(policy, now)).order_by()
    numbers = dict(rows.values_list("domain_id").annotate(Count("pk")))
    return {**numbers, CLOUD: sum(numbers.values())}


# --- Mails --------------------------------------------------------------------------------------
def _failures(span: Span) -> Failures:
    scope = span.domain.id if span.domain else None
    notices = Notice.objects.all() if scope is None else Notice.objects.filter(domain_id=scope)
    failed = notices.filter(status__in=FAILED, settled_at__gt=span.since)
    ours = outbox.failed(since=span.since, scope=scope, limit=NAMED)
    newest: list[Notice | OwedMail] = [*failed.order_by("-settled_at", "message_id")[:NAMED], *ours]
    newest.sort(key=lambda mail: mail.settled_at or span.since, reverse=True)
    return Failures(
        total=failed.count() + len(ours),
        newest=tuple(_line(mail) for mail in newest[:NAMED]),
        unaddressed=notices.filter(status__in=UNADDRESSED, planned_at__gt=span.since).count(),
    )


def _line(mail: Notice | OwedMail) -> Line:
    at = f" at {times.dated(mail.settled_at)}" if mail.settled_at else ""
    status = mail.get_status_display().lower()
    ended = f"{status}{at}: {plain(mail.answer, 150) or 'no words'}"
    if isinstance(mail, OwedMail):
        return Line(name=mail.to, domain="", words=f"{plain(mail.subject, 100)}: {ended}")
    return Line(
        name=plain(mail.name, 100),
        domain=plain(mail.domain_name, 64),
        words=f"{mail.get_kind_display()}, to {plain(mail.email, 100)}: {ended}",
        user_id=mail.user_id,
    )


# --- The timetable ------------------------------------------------------------------------------
def _runs(since: datetime, now: datetime) -> list[Runs]:
    done = JobRun.objects.filter(done_at__isnull=False, slot__lte=now)
    begins = done.aggregate(first=Min("slot"))["first"]
    at: dict[str, list[datetime]] = defaultdict(list)
    rows = done.filter(job__in=JOBS, slot__gt=since).order_by("slot")
    for job, slot in rows.values_list("job", "slot"):
        at[job].append(slot)
    return [
        Runs(label=label, every=every, at=at[job], begins=begins)
        for job, (label, every) in JOBS.items()
    ]
