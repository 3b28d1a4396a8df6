"""The search of every page: accounts of any state, pages, report weeks, and acts by their id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import NOT_COVERED
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.audit import selectors as audit
from pciops.audit.models import Event
from pciops.lib import filters, outages
from pciops.reports.archive import store
from pciops.web.errors import KEYSTONE_DATABASE
from pciops.web.requests import OperatorRequest

MOST: Final = 50  # accounts that are read and sorted
SHOWN: Final = 20  # accounts
WEEKS: Final = 5
ACT_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
# The pages by the words that find them.
PAGES: Final = (
    ("Overview", "overview", "layout-dashboard", "overview home numbers attack"),
    ("Accounts", "accounts", "users", "accounts users locked disabled inactive expired exempt"),
    ("Activity", "activity", "activity", "activity events sign-ins notifications"),
    ("Reports", "reports", "file-text", "reports weekly compliance pdf sign off"),
    ("Policy", "policy", "sliders-horizontal", "policy rules lockout expiry what if keystone.conf"),
    ("Exemptions", "exemptions", "shield-off", "exemptions owners exempt"),
    ("Audit log", "audit", "list-checks", "audit log actions chain"),
    ("Notices", "notices", "mail", "notices emails digest"),
    ("Sessions", "sessions", "monitor-smartphone", "sessions sign out operators"),
    ("API", "api", "code-xml", "api reference openapi"),
    ("Help", "help", "circle-question-mark", "help states keys documents version"),
)


@dataclass(frozen=True, kw_only=True)
class PageHit:
    """A page that the text may mean."""

    title: str
    url: str
    icon: str


@dataclass(frozen=True, kw_only=True)
class AccountHits:
    """The accounts that a text finds."""

    exact: list[SigninVerdict]  # by name, email or id
    others: list[SigninVerdict]
    more: bool  # there are others that are not listed


@never_cache
@require_safe
def search(request: OperatorRequest) -> HttpResponse:
    """Show what the text finds; the one account with exactly this name, email or id opens."""
    text, scope, now = filters.text(request.GET.dict(), "q"), request.user.scope, timezone.now()
    policy = policies.current()
    if not text:
        return render(request, "web/search.html", {"section": "search"})
    act = _act(text, scope)
    found = find_accounts(text, scope=scope, policy=policy, now=now)
    outages.answered(KEYSTONE_DATABASE, now)
    if len(found.exact) == 1 and act is None:
        return redirect("account", found.exact[0].account.id)
    context = {
        "section": "search",
        "searched": text,
        "now": now,
        "found": found,
        "act": act,
        "pages": _pages(text),
        "weeks": _weeks(text, scope),
        "list": f"{reverse('accounts')}?{urlencode({'q': text})}",
    }
    return render(request, "web/search.html", context)


def find_accounts(text: str, *, scope: str | None, policy: Policy, now: datetime) -> AccountHits:
    """Return the accounts that the text finds, exact ones first, then by how it fits the name.

    The name and the id are looked up in an index, and one exact account is enough: all others take
    a scan of the names and emails of all accounts.
    """
    exact = _exact(text, scope, policy, now)
    if len(exact) == 1:
        return AccountHits(exact=_judged(exact, policy, now), others=[], more=False)
    listed, more = list[Account](), False
    for query in (AccountQuery(text=text), AccountQuery(text=text, state=NOT_COVERED)):
        page = selectors.page(query, scope=scope, policy=policy, now=now, marker="", limit=MOST)
        listed += page.accounts
        more = more or bool(page.next)
    lower = text.lower()
    known = {account.id for account in exact}
    others = [account for account in listed if account.id not in known]
    exact += [one for one in others if lower in {one.name.lower(), one.email.lower()}]
    others = [one for one in others if one not in exact]
    others.sort(key=lambda one: (not one.name.lower().startswith(lower), one.name, one.id))
    return AccountHits(
        exact=_judged(exact, policy, now),
        others=_judged(others[:SHOWN], policy, now),
        more=more or len(others) > SHOWN,
    )


def _exact(text: str, scope: str | None, policy: Policy, now: datetime) -> list[Account]:
    """Return the accounts with this id or this name, which an index finds."""
    by_id = selectors.get(text, scope=scope)  # also of LDAP and federated users
    if by_id is not None:
        return [by_id]
    query = AccountQuery(text=text)
    return selectors.exact(query, scope=scope, policy=policy, now=now, limit=SHOWN)


def _judged(accounts: Iterable[Account], policy: Policy, now: datetime) -> list[SigninVerdict]:
    return [judge(account, policy, now) for account in accounts]


def _act(text: str, scope: str | None) -> Event | None:
    """Return the row of the audit log with this id, if the operator may see it."""
    if not ACT_ID.fullmatch(text.lower()):
        return None
    return audit.within(scope).filter(pk=text.lower()).first()


def _pages(text: str) -> list[PageHit]:
    """Return the pages one of whose words begins with the text."""
    lower = text.lower()
    return [
        PageHit(title=title, url=reverse(name), icon=icon)
        for title, name, icon, words in PAGES
        if title.lower().startswith(lower)
        or any(word.startswith(lower) for word in words.split())
        or (" " in lower and lower in words)
    ]


def _weeks(text: str, scope: str | None) -> list[str]:
    """Return the weeks with a report whose number has the text, such as `W47`."""
    upper = text.upper()
    if not re.fullmatch(r"[\dW-]{2,8}", upper, re.ASCII):
        return []
    weeks = [stored.week for stored in store.listed(scope or "", limit=WEEKS * 50)]
    return [week for week in weeks if upper in week][:WEEKS]
