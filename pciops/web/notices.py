"""The pages of notices and digests: lists, previews, and samples."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.accounts import selectors as accounts
from pciops.accounts.account import Account
from pciops.accounts.policy import policy as policies
from pciops.accounts.selectors import Domain
from pciops.audit import services
from pciops.audit.models import Event
from pciops.lib import charts, outages, retries
from pciops.lib.charts import Bars, Series
from pciops.notices import digests, forecast, rendering, rules, samples, selectors, send
from pciops.notices.mail import operator_mail, recipients
from pciops.notices.mail.message import RenderedMail
from pciops.notices.mail.transport import DeliveryOutcome, MailServerDown
from pciops.notices.models import NoticeKind
from pciops.notices.rules import DomainRules, RuleBook
from pciops.signin.models import Operator
from pciops.web import rights
from pciops.web.errors import KEYSTONE_DATABASE, BadRequestError
from pciops.web.requests import OperatorRequest, initiator, post_only

PAGE_SIZE: Final = 50
NOWHERE: Final = (
    "No sample was sent: set PCIOPS_EMAIL_URL, and your email address in Keystone. "
    "PCIOPS_MAIL_DOMAINS has to allow the address."
)


@never_cache
@require_safe
def notice_list(request: OperatorRequest) -> HttpResponse:
    """Show one of the lists; by default the first of failed, unaddressed, and waiting in use."""
    now, scope = timezone.now(), request.user.scope
    account = request.GET.get("account", "").strip()
    numbers = selectors.numbers(scope=scope, now=now, account=account)
    usual = "sent" if account else "waiting"
    urgent = next((name for name in ("failed", "unaddressed") if numbers[name]), usual)
    name, marker = request.GET.get("view", urgent), request.GET.get("marker", "")
    view = selectors.BY_NAME.get(name)
    if view is None:
        names = ", ".join(selectors.BY_NAME)
        raise BadRequestError(f"view: {name!r} is not a list of notices. Use {names}.")
    page = selectors.page(
        view, scope=scope, now=now, marker=marker, limit=PAGE_SIZE, account=account
    )
    query = {"account": account} if account else {}
    book = rules.current()
    domain = _domain(request)
    own = book.of_domain(domain.id, domain.name) if domain else book.default
    context = {
        "section": "notices",
        "now": now,
        "view": view,
        "counts": numbers,
        "account": account,
        "views": [
            (each, numbers.get(each.name), urlencode({"view": each.name, **query}))
            for each in selectors.VIEWS
        ],
        "notices": page.notices,
        "first": f"?{urlencode({'view': name, **query})}" if marker else "",
        "next": f"?{urlencode({'view': name, **query, 'marker': page.next})}" if page.next else "",
        "server": settings.MAIL_SERVER,
        "sender": settings.MAIL_FROM,
        "ruled": _ruled_domains(book, request.user),
        "kinds": [(kind, own.steps_of(kind)) for kind in NoticeKind],
        "language": dict(settings.LANGUAGES)[own.language],
        "zone": own.time_zone,
        "broken": rendering.broken_templates() if scope is None else [],
        "forecast": _forecast(forecast.days(scope=scope, now=now), now.date()),
        "digests": digests.recent(scope=scope),
        "hour": _hour(now),
        "recipients": settings.DIGEST_RECIPIENTS,
    }
    return render(request, "web/notices.html", context)


@never_cache
@require_safe
def preview(request: OperatorRequest, kind: str) -> HttpResponse:
    """Show a notice of this kind, to a sample account or to the one in the URL."""
    now, policy, chosen = timezone.now(), policies.current(), _kind(kind)
    text = request.GET.get("account", "").strip()
    account = _account(request, text) if text else None
    problem = f"No account has the name or ID {text}." if text and account is None else ""
    notice = rendering.sample(chosen, policy=policy, now=now, account=account)
    language = request.GET.get("language", "")
    shown = _rules(account, language)
    context = {
        "section": "notices",
        "kind": chosen,
        "kinds": list(NoticeKind),
        "text": text,
        "account": account,
        "query": urlencode({"account": text, "language": language}) if text or language else "",
        "chosen": language,
        "language": shown.language,
        "language_name": dict(settings.LANGUAGES)[shown.language],
        "languages": settings.LANGUAGES,
        "zone": shown.time_zone,
        "letter": rendering.render_notice(notice, policy=policy, rules=shown, now=now),
        "server": settings.MAIL_SERVER,
        "sender": settings.MAIL_FROM,
        "own_address": _address(accounts.get(request.user.id, scope=None)),
        "problem": problem,
    }
    return render(request, "web/notice_preview.html", context, status=400 if problem else 200)


@never_cache
@post_only(lambda kind: reverse("notice_preview", args=(kind,)))
@rights.needs("administer")
def sample(request: OperatorRequest, kind: str) -> HttpResponse:
    """Send a notice of this kind to the operator's own address."""
    chosen, policy, now = _kind(kind), policies.current(), timezone.now()
    notice = rendering.sample(chosen, policy=policy, now=now)
    shown = _rules(None, request.POST.get("language", ""))
    mail = rendering.render_notice(notice, policy=policy, rules=shown, now=now)
    _send_sample(request, chosen.value, mail)
    return redirect("notice_preview", kind)


@never_cache
@post_only(lambda notice_id: reverse("notices"))
@rights.needs("administer")
def again(request: OperatorRequest, notice_id: UUID) -> HttpResponse:
    """Make a failed notice due again."""
    notice = selectors.get(notice_id, scope=request.user.scope)
    if notice is None:
        raise Http404("There is no notice with this ID.")
    now, by = timezone.now(), f"{request.user.name} ({request.user.domain_name})"

    def write() -> bool:  # both the notice and the audit log, or neither
        done = send.send_again(notice, by=by, now=now)
        if done:
            services.record(
                Event.Action.AGAIN,
                Event.Outcome.SUCCESS,
                initiator=initiator(request),
                target=services.Target(
                    id=notice.user_id,
                    name=notice.name,
                    domain_id=notice.domain_id,
                    domain_name=notice.domain_name,
                ),
                resource=f"{notice.kind} {notice.message_id}",
                remark=f"{notice.get_status_display()}: {notice.answer}",
                now=now,
            )
        return done

    if retries.run(write):
        messages.success(request, f"pciops sends the notice to {notice.name} again.")
    else:
        messages.info(request, f"The notice to {notice.name} has not failed. Nothing was changed.")
    return redirect("notices")


@never_cache
@require_safe
def digest(request: OperatorRequest) -> HttpResponse:
    """Show the next daily digest as of now: of the cloud, or of the operator's domain."""
    now = timezone.now()
    preview = digests.preview(_domain(request), policy=policies.current(), now=now)
    outages.answered(KEYSTONE_DATABASE, now)
    context = {
        "section": "notices",
        "now": now,
        "digest": preview,
        "letter": digests.render(preview),
        "server": settings.MAIL_SERVER,
        "sender": settings.MAIL_FROM,
        "hour": _hour(now),
        "own_address": _address(accounts.get(request.user.id, scope=None)),
    }
    return render(request, "web/digest.html", context)


@never_cache
@post_only(lambda: reverse("digest"))
@rights.needs("administer")
def digest_sample(request: OperatorRequest) -> HttpResponse:
    """Send the digest as of now to the operator's own address."""
    preview = digests.preview(_domain(request), policy=policies.current(), now=timezone.now())
    _send_sample(request, "digest", digests.render(preview))
    return redirect("digest")


def _send_sample(request: OperatorRequest, what: str, mail: RenderedMail) -> None:
    """Send a sample to the operator, record it in the audit log, and report the result.

    Args:
        what: the sample, as the audit log names it.
    """
    now, account = timezone.now(), accounts.get(request.user.id, scope=None)
    address = _address(account)
    if settings.MAIL_SERVER is None or account is None or not address:
        messages.error(request, NOWHERE)
        return
    act = services.open_event(
        Event.Action.SAMPLE,
        account,
        precondition=samples.precondition(address),
        initiator=initiator(request),
        reason="",
        identity="",
        resource=what,
        now=now,
    )
    if samples.too_many(act, now=now):
        problem = f"At most {samples.PER_HOUR} samples are sent within an hour. Try again later."
        services.settle(act, Event.Outcome.FAILURE, problem)
        messages.error(request, problem)
        return
    try:
        outcome, reply = operator_mail.send_sample(
            mail, to=address, now=now, reply_to=settings.MAIL_REPLY_TO
        )
    except MailServerDown as error:
        services.settle(act, Event.Outcome.FAILURE, str(error))
        messages.error(request, f"The mail server is not available: {error}")
        return
    if outcome is DeliveryOutcome.SENT:
        services.settle(act, Event.Outcome.SUCCESS, reply)
        messages.success(request, f"Sent to {address}: {reply}")
    else:
        services.settle(act, Event.Outcome.FAILURE, reply)
        messages.error(request, f"The mail server refused the sample: {reply}")


def _domain(request: OperatorRequest) -> Domain | None:
    """Return the only domain that the operator sees; None for the whole cloud."""
    scope, held = request.user.scope, request.user.rights
    if scope is None:
        return None
    return Domain(id=scope, name=(held and held.domain_name) or scope)


def _hour(now: datetime) -> str:
    """Return the time at which digests are sent, such as `07:00 UTC`."""
    return f"{settings.DIGEST_HOUR:02}:00 {now.astimezone(settings.SITE_ZONE):%Z}"


def _forecast(days: list[tuple[date, dict[str, int]]], today: date) -> dict[str, object]:
    """Return the chart of the next days as columns and as rows."""
    passwords = (NoticeKind.PASSWORD_EXPIRING.value, NoticeKind.PASSWORD_EXPIRED.value)
    chart = Bars(
        title="Emails per day, about passwords and about inactivity",
        groups=tuple("Today" if day == today else f"{day:%a} {day.day}" for day, _ in days),
        series=(
            Series(
                label="about passwords",
                values=tuple(sum(numbers[kind] for kind in passwords) for _, numbers in days),
            ),
            Series(
                label="about inactivity",
                values=tuple(numbers[NoticeKind.INACTIVITY.value] for _, numbers in days),
            ),
        ),
    )
    return {"chart": chart, "columns": charts.columns(chart), "rows": charts.rows(chart)}


def _kind(text: str) -> NoticeKind:
    if text not in NoticeKind.values:
        raise Http404("There is no notice of this kind.")
    return NoticeKind(text)


def _account(request: OperatorRequest, text: str) -> Account | None:
    """Return the account with this id, or the first with this name, in the operator's scope."""
    scope = request.user.scope
    account = accounts.get(text, scope=scope)
    named = [] if account else accounts.get_by_name(text, domain=scope or "")
    outages.answered(KEYSTONE_DATABASE, timezone.now())
    return account or (named[0] if named else None)


def _rules(account: Account | None, language: str) -> DomainRules:
    """Return the rules of the account's domain, in another language if one is asked for."""
    book = rules.current()
    found = book.of(account) if account else book.default
    if not language:
        return found
    if language not in dict(settings.LANGUAGES):
        raise BadRequestError(f"language: {language!r} is not a language of notices.")
    return replace(found, language=language)


def _address(account: Account | None) -> str:
    """Return the account's email address; "" if Keystone has no valid and allowed one."""
    return recipients.allowed(account.email) if account else ""


def _ruled_domains(book: RuleBook, operator: Operator) -> list[str]:
    """Return the domains with rules of their own; to operators of a domain only theirs."""
    if operator.scope is None or operator.rights is None:
        return list(book.domains)
    theirs = {operator.rights.domain_id, operator.rights.domain_name}
    return [name for name in book.domains if name in theirs]
