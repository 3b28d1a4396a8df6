"""Daily digests: the cloud's to `PCIOPS_DIGEST_RECIPIENTS`, a domain's to its contacts.

Each is written once a day, after the hour of the settings, and its mails are queued in the same
transaction; mail.operator_mail sends them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet

from pciops.accounts import loading, privileged, selectors
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKinds
from pciops.accounts.selectors import Domain
from pciops.accounts.states import ATTACKED_EXEMPT, LOCK_LAPSED, LOCKED
from pciops.keystone import database
from pciops.keystone.models import LocalUser
from pciops.lib import retries, times
from pciops.lib.addresses import defanged, plain, quoted, storable
from pciops.lib.keyset import chunks
from pciops.lib.models import JobRun
from pciops.notices import digest_content, rendering, rules
from pciops.notices.digest_content import (
    CLOUD,
    NAMED,
    Digest,
    DigestLine,
    DigestScope,
    DigestSources,
    FailedMails,
    JobTimes,
    page_url,
)
from pciops.notices.mail import operator_mail
from pciops.notices.mail.message import RenderedMail
from pciops.notices.models import FAILED, DailyDigest, Notice, NoticeStatus, OperatorMail
from pciops.notices.rules import Addresses

DEFAULT_SPAN: Final = timedelta(days=1)  # of the first digest
LONGEST_SPAN: Final = timedelta(days=7)  # of any, however long pciops was down
GOOD_FOR: Final = timedelta(days=1)  # then the next one is due
LISTED: Final = 20  # digests on the page
CHUNK: Final = 1000  # accounts in memory at a time
UNADDRESSED: Final = (NoticeStatus.NO_ADDRESS, NoticeStatus.BAD_ADDRESS)
# Job → its label, and how often it runs.
JOBS: Final = {
    "census": ("The census", timedelta(minutes=5)),
    "notices.plan": ("The planning of notices", timedelta(hours=1)),
    "notices.locks": ("The look for locks", timedelta(minutes=1)),
}


@dataclass(frozen=True, kw_only=True)
class WrittenDigest:
    """A digest that was written, and its mails."""

    row: DailyDigest
    mails: list[OperatorMail]


def due_day(now: datetime) -> date | None:
    """Return the day whose digests are due; None before the hour of sending."""
    local = now.astimezone(settings.SITE_ZONE)
    return local.date() if local.hour >= settings.DIGEST_HOUR else None


def write_due(
    *, policy: Policy, now: datetime, day: date, only: Domain | None = None
) -> list[DailyDigest]:
    """Write the digests of this day that are not written yet, and queue their mails.

    Args:
        only: the one domain whose digest is written.

    Raises:
        KeystoneDatabaseDownError: nothing is written.
        SettingError
    """
    recipients = {
        domain: addresses
        for domain, addresses in _recipients().items()
        if only is None or domain == only
    }
    written = set(DailyDigest.objects.filter(day=day).values_list("domain_id", flat=True))
    scopes = [_scope(domain, now) for domain in recipients if _scope_id(domain) not in written]
    if not scopes:
        return []
    digests = _build(scopes, policy=policy, now=now).values()
    rows = [_store(digest, day, recipients[digest.domain]) for digest in digests]
    return [row for row in rows if row is not None]


def preview(domain: Domain | None, *, policy: Policy, now: datetime) -> Digest:
    """Return the next digest of the cloud or of a domain as it would be now."""
    [digest] = _build([_scope(domain, now)], policy=policy, now=now).values()
    return digest


def render(digest: Digest) -> RenderedMail:
    """Render the mail of a digest."""
    return rendering.render(rendering.DIGEST, _variables(digest))


def recent(*, scope: str | None) -> list[WrittenDigest]:
    """Return the last digests that an operator may see, with their mails, the newest first."""
    rows = DailyDigest.objects.all()
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    rows = rows.order_by("-day", "domain_name", "domain_id")[:LISTED]
    mails = defaultdict(list)
    for mail in operator_mail.about({row.about for row in rows}, scope=scope):
        mails[mail.about, mail.domain_id].append(mail)
    return [WrittenDigest(row=row, mails=mails[row.about, row.domain_id]) for row in rows]


def _recipients() -> dict[Domain | None, Addresses]:
    """Return the recipients of each domain's digest, and of the cloud's (None)."""
    recipients: dict[Domain | None, Addresses] = {}
    if settings.DIGEST_RECIPIENTS:
        recipients[None] = settings.DIGEST_RECIPIENTS
    book = rules.current()
    if book.domains:
        recipients |= dict(book.contacts(selectors.domains(scope=None)).items())
    return recipients


def _scope_id(domain: Domain | None) -> str:
    return domain.id if domain else CLOUD


def _scope(domain: Domain | None, now: datetime) -> DigestScope:
    """Return the scope of the next digest; it begins with the last one that reached a recipient."""
    earlier = DailyDigest.objects.filter(domain_id=_scope_id(domain), written_at__lt=now)
    if not earlier.exists():
        return DigestScope(domain=domain, since=now - DEFAULT_SPAN)
    recent = list(earlier.filter(written_at__gte=now - LONGEST_SPAN).order_by("-written_at"))
    mails = operator_mail.about({row.about for row in recent}, scope=_scope_id(domain))
    alive = {mail.about for mail in mails if mail.status not in FAILED}
    reached = (row.written_at for row in recent if not row.mails or row.about in alive)
    return DigestScope(domain=domain, since=next(reached, now - LONGEST_SPAN))


@retries.repeated
def _store(digest: Digest, day: date, addresses: Addresses) -> DailyDigest | None:
    """Store a digest and queue its mails; return None if another process has stored it."""
    mail = render(digest)
    silent = digest.empty and (digest.domain is not None or not settings.DIGEST_EMPTY)
    row, created = DailyDigest.objects.get_or_create(
        day=day,
        domain_id=_scope_id(digest.domain),
        defaults={
            "domain_name": storable(digest.domain.name) if digest.domain else "",
            "written_at": digest.now,
            "subject": mail.subject,
            "empty": digest.empty,
            "mails": 0 if silent else len(addresses),
        },
    )
    if not created:
        return None
    for address in addresses[: row.mails]:
        operator_mail.put(
            mail,
            about=row.about,
            domain_id=row.domain_id,
            to=address,
            reply_to=settings.MAIL_REPLY_TO,
            now=digest.now,
            good_for=GOOD_FOR,
        )
    return row


# --- Sources ------------------------------------------------------------------------------------
def _build(scopes: list[DigestScope], *, policy: Policy, now: datetime) -> Mapping[str, Digest]:
    """Build the digests of these scopes; the accounts are read in constant memory."""
    since = min(scope.since for scope in scopes)
    kinds = privileged.all_kinds()
    lock = LOCKED.condition(policy, now) | LOCK_LAPSED.condition(policy, now)
    attack = Q(failed_auth_at__gt=since) | Q(failed_auth_at=None)
    sources = DigestSources(
        locked=_failing(Q(failed_auth_at__gt=since) & lock, kinds),
        attacked=_failing(attack & ATTACKED_EXEMPT.condition(policy, now), kinds),
        privileged=_privileged(list(kinds)),
        locked_now=_locked_now(policy, now),
        failed_mails={scope.id: _failed_mails(scope) for scope in scopes},
        jobs=_job_times(since, now),
    )
    return digest_content.build(sources, scopes, policy=policy, now=now)


def _failing(condition: Q, kinds: Mapping[str, AccountKinds]) -> Iterator[Account]:
    @database.reading()
    def read(rows: QuerySet[LocalUser]) -> list[loading.AccountRow]:
        return loading.local_user_rows(rows)

    rows = LocalUser.objects.filter(condition)
    for chunk in chunks(rows, read, attrgetter("local_id"), size=CHUNK):
        with database.reading():
            accounts = loading.accounts(chunk, kinds=kinds)
        yield from accounts


def _privileged(user_ids: list[str]) -> Iterator[Account]:
    for start in range(0, len(user_ids), CHUNK):
        yield from selectors.get_many(user_ids[start : start + CHUNK], scope=None)


@database.reading()
def _locked_now(policy: Policy, now: datetime) -> dict[str, int]:
    rows = LocalUser.objects.filter(LOCKED.condition(policy, now)).order_by()
    numbers = dict(rows.values_list("domain_id").annotate(Count("pk")))
    return {**numbers, CLOUD: sum(numbers.values())}


def _failed_mails(scope: DigestScope) -> FailedMails:
    domain_id = scope.domain.id if scope.domain else None
    notices = Notice.objects.all()
    if domain_id is not None:
        notices = notices.filter(domain_id=domain_id)
    failed = notices.filter(status__in=FAILED, settled_at__gt=scope.since)
    mails = operator_mail.failed(since=scope.since, scope=domain_id, limit=NAMED)
    newest: list[Notice | OperatorMail] = [*failed.order_by("-settled_at", "message_id")[:NAMED]]
    newest += mails
    newest.sort(key=lambda mail: mail.settled_at or scope.since, reverse=True)
    return FailedMails(
        total=failed.count() + len(mails),
        newest=tuple(_failed_mail(mail) for mail in newest[:NAMED]),
        unaddressed=notices.filter(status__in=UNADDRESSED, planned_at__gt=scope.since).count(),
    )


def _failed_mail(mail: Notice | OperatorMail) -> DigestLine:
    at = f" at {times.dated(mail.settled_at)}" if mail.settled_at else ""
    status = mail.get_status_display().lower()
    ended = f"{status}{at}: {defanged(mail.answer, 150) or 'no words'}"
    if isinstance(mail, OperatorMail):
        return DigestLine(name=mail.to, domain="", words=f"{plain(mail.subject, 100)}: {ended}")
    return DigestLine(
        name=quoted(mail.name),
        domain=quoted(mail.domain_name),
        words=f"{mail.get_kind_display()}, to {quoted(mail.email)}: {ended}",
        user_id=mail.user_id,
    )


def _job_times(since: datetime, now: datetime) -> list[JobTimes]:
    done = JobRun.objects.filter(done_at__isnull=False, slot__lte=now)
    begins = done.aggregate(first=Min("slot"))["first"]
    at: dict[str, list[datetime]] = defaultdict(list)
    rows = done.filter(job__in=JOBS, slot__gt=since).order_by("slot")
    for job, slot in rows.values_list("job", "slot"):
        at[job].append(slot)
    return [
        JobTimes(label=label, every=every, at=at[job], begins=begins)
        for job, (label, every) in JOBS.items()
    ]


# --- Rendering ----------------------------------------------------------------------------------
def _variables(digest: Digest) -> dict[str, Any]:
    """Return the variables of the templates; each text is one line."""
    return {
        "cloud": settings.CLOUD_NAME,
        "domain": quoted(digest.domain.name) if digest.domain else "",
        "since": times.dated(digest.since),
        "now": times.dated(digest.now),
        "date": times.day(digest.now.astimezone(settings.SITE_ZONE).date()),
        "tone": _tone(digest),
        "headline": ", ".join(digest.headlines[:2]),
        "empty": digest.empty,
        "locked_now": digest.locked_now,
        "locks": digest.locks,
        "locks_url": page_url("/accounts/?state=locked"),
        "attacked": digest.attacked,
        "coming": digest.coming,
        "failed": digest.failed,
        "unaddressed": digest.unaddressed,
        "unaddressed_url": page_url("/notices/?view=unaddressed"),
        "gaps": digest.gaps,
        "site": page_url("/"),
        "contact": settings.HELP_CONTACT,
    }


def _tone(digest: Digest) -> str:
    """Return the color of the email's head."""
    if digest.attacked.total:
        return "attack"
    if digest.locks.total or digest.failed.total:
        return "bad"
    return "good" if digest.empty else "soon"
