"""Samples of every kind, to look at: nothing of them is kept, and their Message-IDs are new."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from email.utils import parseaddr

from django.conf import settings

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.lib import mail
from pciops.lib.post import Answer, office
from pciops.notices import rendering
from pciops.notices.models import Notice
from pciops.notices.rules import AHEAD, Book

Kind = Notice.Kind


def sample(
    kind: Notice.Kind, *, policy: Policy, now: datetime, account: Account | None = None
) -> Notice:
    """A notice as it might be, of this account or of nobody, and not kept."""
    days = 3 if kind in AHEAD else 0
    fact = now + timedelta(days=days) if days else now - timedelta(minutes=2)
    if kind is Kind.INACTIVITY:
        fact = fact.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return Notice(
        kind=kind.value,
        fact_at=fact,
        step=days,
        user_id=account.id if account else "0" * 32,
        name=account.name if account else "sample",
        domain_id=account.domain_id if account else "default",
        domain_name=account.domain_name if account else "Default",
        failures=policy.lockout_failure_attempts or 6,
        planned_at=now,
        good_until=fact + timedelta(days=7),
        next_attempt_at=now,
        message_id=mail.message_id(f"sample.{uuid.uuid4().hex}"),
    )


def send(
    address: str,
    *,
    policy: Policy,
    book: Book,
    now: datetime,
    kinds: Iterable[Notice.Kind] = tuple(Kind),
) -> Iterator[tuple[Notice.Kind, Answer]]:
    """Send one of each of these kinds to this address; a server has to be set.

    Raises:
        MailServerDown
    """
    if settings.MAIL_SERVER is None:
        return
    with office(settings.MAIL_SERVER, cacert=settings.MAIL_CACERT) as post:
        for kind in kinds:
            notice = sample(kind, policy=policy, now=now)
            letter = rendering.write(notice, policy=policy, now=now)
            message = rendering.message(
                notice, letter, to=address, reply_to=book.usual.reply_to, now=now
            )
            yield kind, post.deliver(message, sender=parseaddr(settings.MAIL_FROM)[1], to=address)
