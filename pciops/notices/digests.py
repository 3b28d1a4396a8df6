"""Writes the daily digests: the cloud's to `PCIOPS_DIGEST_RECIPIENTS`, a domain's to its contacts.

Each is written once a day, from the hour of the settings on, and its mails are owed in the same
transaction: pciops.lib.outbox hands them in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from django.conf import settings
from django.db import transaction

from pciops.accounts import selectors
from pciops.accounts.policy.policy import Policy
from pciops.accounts.selectors import Domain
from pciops.lib import outbox, times
from pciops.lib.addresses import plain, storable
from pciops.lib.mail import Letter
from pciops.lib.models import OwedMail
from pciops.notices import digest, digest_facts, domain_file, rendering
from pciops.notices.digest import CLOUD, Digest, Line, Part, Span
from pciops.notices.domain_file import Addresses
from pciops.notices.models import DailyDigest

USUAL: Final = timedelta(days=1)  # that the first digest looks back
FURTHEST: Final = timedelta(days=7)  # that any does, whatever was away
GOOD_FOR: Final = timedelta(days=1)  # then the next one says it better
LISTED: Final = 20  # digests that the page lists


@dataclass(frozen=True, kw_only=True)
class Written:
    """A digest that was written, and what became of its mails."""

    row: DailyDigest
    mails: list[OwedMail]


def today(now: datetime) -> date | None:
    """The day whose digests are due; None before the hour of sending."""
    local = now.astimezone(settings.SITE_ZONE)
    return local.date() if local.hour >= settings.DIGEST_HOUR else None


def issue(
    *, policy: Policy, now: datetime, day: date, only: Domain | None = None
) -> list[DailyDigest]:
    """Write the digests of this day that are not written yet, and owe their mails.

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
    done = set(DailyDigest.objects.filter(day=day).values_list("domain_id", flat=True))
    spans = [_span(domain, now) for domain in recipients if _scope(domain) not in done]
    if not spans:
        return []
    digests = build(spans, policy=policy, now=now)
    rows = [_written(one, day, recipients[one.domain]) for one in digests.values()]
    return [row for row in rows if row is not None]


def build(spans: list[Span], *, policy: Policy, now: datetime) -> Mapping[str, Digest]:
    """Scope → digest, as it would be at this instant.

    Raises:
        KeystoneDatabaseDownError
    """
    facts = digest_facts.gather(spans, policy=policy, now=now)
    return digest.build(facts, spans, policy=policy, now=now)


def preview(domain: Domain | None, *, policy: Policy, now: datetime) -> Digest:
    """The next digest of the cloud or of a domain, as it would be at this instant.

    Raises:
        KeystoneDatabaseDownError
    """
    [found] = build([_span(domain, now)], policy=policy, now=now).values()
    return found


def write(one: Digest) -> Letter:
    """The letter of a digest, by its templates."""
    return rendering.rendered(rendering.DIGEST, _words(one))


def recent(*, scope: str | None) -> list[Written]:
    """The last digests that an operator may see, with their mails, the newest first."""
    rows = (
        DailyDigest.objects.all() if scope is None else DailyDigest.objects.filter(domain_id=scope)
    )
    found = list(rows.order_by("-day", "domain_name", "domain_id")[:LISTED])
    mails = outbox.about({row.about for row in found}, scope=scope)
    return [
        Written(
            row=row,
            mails=[
                one for one in mails if (one.about, one.domain_id) == (row.about, row.domain_id)
            ],
        )
        for row in found
    ]


def _recipients() -> dict[Domain | None, Addresses]:
    """Who gets which digest; None is the cloud's."""
    found: dict[Domain | None, Addresses] = {}
    if settings.DIGEST_RECIPIENTS:
        found[None] = settings.DIGEST_RECIPIENTS
    if domain_file.tables():
        found |= dict(domain_file.contacts(selectors.domains(scope=None)).items())
    return found


def _scope(domain: Domain | None) -> str:
    return domain.id if domain else CLOUD


def _span(domain: Domain | None, now: datetime) -> Span:
    """From the last digest that reached anybody, as far as that is not too long ago."""
    rows = DailyDigest.objects.filter(
        domain_id=_scope(domain), written_at__lt=now, written_at__gte=now - FURTHEST
    )
    before = list(rows.order_by("-written_at"))
    if not before:
        older = DailyDigest.objects.filter(domain_id=_scope(domain), written_at__lt=now)
        return Span(domain=domain, since=now - (FURTHEST if older.exists() else USUAL))
    mails = outbox.about({row.about for row in before}, scope=_scope(domain))
    alive = {one.about for one in mails if one.status not in outbox.FAILED}
    reached = (row for row in before if not row.mails or row.about in alive)
    last = next(reached, None)
    return Span(domain=domain, since=last.written_at if last else now - FURTHEST)


@transaction.atomic
def _written(one: Digest, day: date, addresses: Addresses) -> DailyDigest | None:
    """The row of a digest whose mails are owed from now on; None where another has written it."""
    letter = write(one)
    silent = one.empty and (one.domain is not None or not settings.DIGEST_EMPTY)
    row, created = DailyDigest.objects.get_or_create(
        day=day,
        domain_id=_scope(one.domain),
        defaults={
            "domain_name": storable(one.domain.name) if one.domain else "",
            "written_at": one.now,
            "subject": letter.subject,
            "empty": one.empty,
            "mails": 0 if silent else len(addresses),
        },
    )
    if not created:
        return None
    for address in addresses[: row.mails]:
        outbox.put(
            letter,
            about=row.about,
            domain_id=row.domain_id,
            to=address,
            reply_to=settings.MAIL_REPLY_TO,
            now=one.now,
            good_for=GOOD_FOR,
        )
    return row


# --- Words --------------------------------------------------------------------------------------
def _words(one: Digest) -> dict[str, Any]:
    """What templates may use: words, each in one line, and numbers."""
    return {
        "cloud": settings.CLOUD_NAME,
        "domain": plain(one.domain.name, 64) if one.domain else "",
        "since": times.dated(one.since),
        "now": times.dated(one.now),
        "headline": ", ".join(one.headlines[:2]),
        "empty": one.empty,
        "locked_now": one.locked_now,
        "locks": _part(one.locks, ""),  # no one list has the ended ones as well
        "locks_url": _address("/accounts/?state=locked"),
        "attacked": _part(one.attacked, "/accounts/?state=attacked_exempt"),
        "coming": _part(one.coming, "/"),
        "failed": _part(one.failed, "/notices/?view=failed"),
        "unaddressed": one.unaddressed,
        "unaddressed_url": _address("/notices/?view=unaddressed"),
        "gaps": one.gaps,
        "site": _address("/"),
        "contact": settings.HELP_CONTACT,
    }


def _address(path: str) -> str:
    """The address of a page; "" where the settings do not say where pages are."""
    return f"{settings.SITE_URL}{path}" if settings.SITE_URL else ""


def _part(part: Part, path: str) -> dict[str, Any]:
    """A sort of thing, with the address of the page that has all of it, where there is one."""
    return {
        "total": part.total,
        "of_kind": part.of_kind,
        "hidden": part.hidden,
        "url": _address(path) if path else "",
        "lines": [_line(line) for line in part.lines],
    }


def _line(line: Line) -> dict[str, str]:
    path = f"/accounts/{quote(line.user_id, safe='')}/"
    return {
        "name": line.name,
        "domain": line.domain,
        "kinds": line.kinds,
        "words": line.words,
        "url": _address(path) if line.user_id else "",
    }
