"""The limits of one-time codes, which Keystone does not limit itself.

A code can only be sent after the right password, so only people who know the password of an account
can make its second factor wait. Others cannot lock the account out, from any number of addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.keystone import client
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import keys, retries
from pciops.lib.addresses import plain, quoted
from pciops.lib.env import SettingError
from pciops.notices import rules, wording
from pciops.notices.mail import operator_mail, recipients
from pciops.notices.mail.message import LONGEST_SUBJECT, RenderedMail
from pciops.notices.rules import DomainRules
from pciops.signin import throttle
from pciops.signin.models import UsedCode
from pciops.signin.throttle import Bucket

MOST: Final = 5  # wrong codes after one right password
# Longer than Keystone accepts a code: `[totp] included_previous_windows` is at most 10, of 30 s.
USED_FOR: Final = timedelta(minutes=10)
DAY: Final = timedelta(days=1)


class UsedError(client.RefusedError):
    """The code has been used before."""


def receipt(receipt_id: str) -> Bucket:
    """Return the bucket of the receipt of a right password."""
    return Bucket(key=f"receipt {_digest(receipt_id)[:32]}", most=MOST)


def account(user_id: str) -> Bucket:
    """Return the bucket of an account, which a change of address does not escape."""
    key = f"code {_digest(user_id)[:32]}"
    return Bucket(key=key, free=MOST, forgotten_after=DAY, account=True)


def ended(receipt_id: str) -> bool:
    """Return whether the receipt takes no more codes."""
    return throttle.failures(receipt(receipt_id)) >= MOST


@contextmanager
def used_once(user_id: str, code: str, now: datetime) -> Iterator[None]:
    """Let a code be used once; a code that Keystone did not accept stays unused.

    Raises:
        UsedError
    """
    UsedCode.objects.filter(at__lt=now - USED_FOR).delete()
    digest = _digest(f"{user_id} {code}")
    used, new = retries.run(
        lambda: UsedCode.objects.get_or_create(digest=digest, defaults={"at": now})
    )
    if not new:
        raise UsedError
    try:
        yield
    except (client.RefusedError, client.UnreachableError):
        used.delete()
        raise


def tell_owner(user_id: str, address: str, now: datetime) -> None:
    """Email the owner of an account, at most once an hour, that its password may be known."""
    if settings.MAIL_SERVER is None:
        return
    try:
        owner = selectors.get(user_id, scope=None)
    except KeystoneDatabaseDownError:
        return  # the audit log has it
    to = recipients.allowed(owner.email) if owner else ""
    if owner is None or not to:
        return
    operator_mail.put(
        _mail(owner, to, address, now),
        about=f"codes {user_id} {now:%Y-%m-%dT%H}",
        to=to,
        domain_id=owner.domain_id,
        now=now,
        good_for=DAY,
    )


def _mail(owner: Account, to: str, address: str, now: datetime) -> RenderedMail:
    """Render the email in the language of the owner's domain."""
    try:
        found = rules.current().of(owner)
    except SettingError:  # another check names it; the owner has to know anyway
        found = DomainRules(steps={})
    with translation.override(found.language):
        variables = {
            "cloud": settings.CLOUD_NAME,
            "name": quoted(owner.name, own=to),
            "domain": quoted(owner.domain_name),
            "address": address,
            "at": wording.dated(now, found.time_zone),
            "date": wording.day(now, found.time_zone),
            "most": MOST,
            "contact": settings.HELP_CONTACT,
            "change_url": settings.PASSWORD_CHANGE_URL,
        }
        subject, text, html = (
            render_to_string(f"alerts/wrong_codes/{part}", variables)
            for part in ("subject.txt", "body.txt", "body.html")
        )
    return RenderedMail(subject=plain(subject, LONGEST_SUBJECT), text=text, html=html)


def _digest(text: str) -> str:
    """Return a keyed hash: six digits could be guessed from a plain one."""
    return keys.of("pciops.signin.second_factor")[0].digest(text)
