"""The pages of the notices: what waits, what went out, what did not, and what they say."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from pciops.accounts import policy as policies
from pciops.accounts import selectors as accounts
from pciops.accounts.account import Account
from pciops.accounts.selectors import Domain
from pciops.lib import charts, outages, outbox
from pciops.lib.addresses import mail_address
from pciops.lib.charts import Bars, Series
from pciops.lib.keyset import MarkerError
from pciops.lib.post import Answer, PostDownError, Verdict
from pciops.notices import digests, forecast, letters, rules, samples, selectors, send
from pciops.notices.models import Notice
from pciops.web import rights
from pciops.web.errors import KEYSTONE_DATABASE, BadRequestError
from pciops.web.requests import OperatorRequest

PAGE: Final = 50
NOWHERE: Final = "There is no mail server, or Keystone has no address of yours."


@never_cache
@require_safe
def notice_list(request: OperatorRequest) -> HttpResponse:
    """One of the lists; failures and missing addresses first, for they need a person."""
    now, scope = timezone.now(), request.user.scope
    numbers = selectors.numbers(scope=scope, now=now)
    urgent = next((name for name in ("failed", "unaddressed") if numbers[name]), "waiting")
    name, marker = request.GET.get("view", urgent), request.GET.get("marker", "")
    view = selectors.BY_NAME.get(name)
    if view is None:
        known = ", ".join(selectors.BY_NAME)
        raise BadRequestError(f"view: {name!r} is no list of notices; {known} are.")
    try:
        page = selectors.page(view, scope=scope, now=now, marker=marker, limit=PAGE)
    except MarkerError:
        raise BadRequestError(
            "marker: this is no place in this list. Leave it out to begin at the first page."
        ) from None
    context = {
        "section": "notices",
        "now": now,
        "view": view,
        "views": [(one, numbers.get(one.name)) for one in selectors.VIEWS],
        "notices": page.notices,
        "first": f"?{urlencode({'view': name})}" if marker else "",
        "next": f"?{urlencode({'view': name, 'marker': page.next})}" if page.next else "",
        "server": settings.MAIL_SERVER,
        "sender": settings.MAIL_FROM,
        "book": rules.current(),
        "kinds": [(kind, rules.current().usual.steps_of(kind)) for kind in Notice.Kind],
        "broken": letters.broken(),
        "forecast": _forecast(forecast.days(scope=scope, now=now), now.date()),
        "digests": digests.recent(scope=scope),
        "hour": _hour(now),
        "recipients": settings.DIGEST_RECIPIENTS,
    }
    return render(request, "web/notices.html", context)


@never_cache
@require_safe
def preview(request: OperatorRequest, kind: str) -> HttpResponse:
    """What a notice of this kind would say, to an account if one is named."""
    now, policy, chosen = timezone.now(), policies.current(), _kind(kind)
    text = request.GET.get("account", "").strip()
    account = _account(request, text) if text else None
    notice = samples.sample(chosen, policy=policy, now=now, account=account)
    context = {
        "section": "notices",
        "kind": chosen,
        "kinds": list(Notice.Kind),
        "text": text,
        "account": account,
        "letter": letters.write(notice, policy=policy, now=now),
        "server": settings.MAIL_SERVER,
        "sender": settings.MAIL_FROM,
        "own_address": _own_address(request),
    }
    return render(request, "web/notice_preview.html", context)


@never_cache
@require_POST
@rights.needs("administer")
def sample(request: OperatorRequest, kind: str) -> HttpResponse:
    """Send one of this kind to the operator, at the address that Keystone has of them."""
    chosen, address = _kind(kind), _own_address(request)
    if settings.MAIL_SERVER is None or not address:
        messages.error(request, NOWHERE)
        return redirect("notice_preview", kind)
    sent = samples.send(
        address,
        policy=policies.current(),
        book=rules.current(),
        now=timezone.now(),
        kinds=[chosen],
    )
    try:
        [(_, answer)] = sent
    except PostDownError as error:
        messages.error(request, f"The mail server does not take mails: {error}")
    else:
        _say(request, address, answer)
    return redirect("notice_preview", kind)


@never_cache
@require_POST
@rights.needs("administer")
def again(request: OperatorRequest, notice_id: UUID) -> HttpResponse:
    """Make a notice due again that failed."""
    notice = selectors.get(notice_id, scope=request.user.scope)
    if notice is None:
        raise Http404("There is no notice with this id.")
    by = f"{request.user.name} ({request.user.domain_name})"
    if send.again(notice, by=by, now=timezone.now()):
        messages.success(request, f"The notice to {notice.name} is due again.")
    else:
        messages.info(request, f"The notice to {notice.name} has not failed: nothing was changed.")
    return redirect("notices")


@never_cache
@require_safe
def digest(request: OperatorRequest) -> HttpResponse:
    """What the next daily digest would say now: the cloud's, or that of the operator's domain."""
    now = timezone.now()
    found = digests.preview(_domain(request), policy=policies.current(), now=now)
    outages.answered(KEYSTONE_DATABASE, now)
    context = {
        "section": "notices",
        "now": now,
        "digest": found,
        "letter": digests.write(found),
        "server": settings.MAIL_SERVER,
        "sender": settings.MAIL_FROM,
        "hour": _hour(now),
        "own_address": _own_address(request),
    }
    return render(request, "web/digest.html", context)


@never_cache
@require_POST
@rights.needs("administer")
def digest_sample(request: OperatorRequest) -> HttpResponse:
    """Send the operator the digest as it would be now, at the address that Keystone has of them."""
    now, address = timezone.now(), _own_address(request)
    if settings.MAIL_SERVER is None or not address:
        messages.error(request, NOWHERE)
        return redirect("digest")
    found = digests.preview(_domain(request), policy=policies.current(), now=now)
    letter = digests.write(found)
    try:
        answer = outbox.hand_in(letter, to=address, now=now, reply_to=settings.MAIL_REPLY_TO)
    except PostDownError as error:
        messages.error(request, f"The mail server does not take mails: {error}")
    else:
        _say(request, address, answer)
    return redirect("digest")


def _say(request: OperatorRequest, address: str, answer: Answer) -> None:
    """Tell what became of a sample."""
    if answer.verdict is Verdict.SENT:
        messages.success(request, f"Sent to {address}: {answer.words}")
    else:
        messages.error(request, f"The mail server refuses it: {answer.words}")


def _domain(request: OperatorRequest) -> Domain | None:
    """The one domain that the operator sees; None for the whole cloud."""
    scope, rights = request.user.scope, request.user.rights
    if scope is None:
        return None
    return Domain(id=scope, name=(rights and rights.domain_name) or scope)


def _hour(now: datetime) -> str:
    """When digests go out: `07:00 UTC`."""
    return f"{settings.DIGEST_HOUR:02}:00 {now.astimezone(settings.SITE_ZONE):%Z}"


def _forecast(days: list[tuple[date, dict[str, int]]], today: date) -> dict[str, object]:
    """The chart of the days to come, in both its shapes."""
    passwords = (Notice.Kind.PASSWORD_EXPIRING.value, Notice.Kind.PASSWORD_EXPIRED.value)
    chart = Bars(
        title="Mails a day: about passwords, and about inactivity",
        groups=tuple("Today" if day == today else f"{day:%a} {day.day}" for day, _ in days),
        series=(
            Series(
                label="about passwords",
                values=tuple(sum(numbers[kind] for kind in passwords) for _, numbers in days),
            ),
            Series(
                label="about inactivity",
                values=tuple(numbers[Notice.Kind.INACTIVITY.value] for _, numbers in days),
            ),
        ),
    )
    return {"chart": chart, "columns": charts.columns(chart), "rows": charts.rows(chart)}


def _kind(text: str) -> Notice.Kind:
    if text not in Notice.Kind.values:
        raise Http404("There is no notice of this kind.")
    return Notice.Kind(text)


def _account(request: OperatorRequest, text: str) -> Account:
    """The account of this id, or the first of this name, in the operator's scope."""
    scope = request.user.scope
    account = accounts.get(text, scope=scope)
    named = [] if account else accounts.named(text, domain=scope or "")
    outages.answered(KEYSTONE_DATABASE, timezone.now())
    if account is None and not named:
        raise BadRequestError(f"account: {text!r} is neither a name nor an id of an account.")
    return account or named[0]


def _own_address(request: OperatorRequest) -> str:
    """The operator's own address; "" where Keystone has none that can be sent to."""
    account = accounts.get(request.user.id, scope=None)
    return mail_address(account.email) or "" if account else ""
