"""The pages that sign operators in and out, and the change of their scope."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from pciops.accounts.policy import policy
from pciops.audit.models import Event
from pciops.keystone import client
from pciops.lib.env import SettingError
from pciops.signin import audit, second_factor, sentences, sessions, signin_steps, throttle
from pciops.signin.forms import CodeForm, NewPasswordForm, SignInForm
from pciops.signin.models import Operator
from pciops.signin.rights import NoRoleError
from pciops.signin.signin_steps import PendingSignin, Step

BUSY_SECONDS: Final = "5"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SigninPage:
    """One of the three pages of a sign-in."""

    template: str
    form: type[forms.Form]
    step: Step | None  # None: the first page
    refusal: str  # the sentence if Keystone refuses
    remark: str  # the same for the audit log
    action: Event.Action = Event.Action.SIGN_IN


FIRST: Final = SigninPage(
    template="signin/signin.html",
    form=SignInForm,
    step=None,
    refusal=sentences.REFUSED,
    remark="refused by Keystone",
)
CODE: Final = SigninPage(
    template="signin/code.html",
    form=CodeForm,
    step=Step.CODE,
    refusal=sentences.REFUSED_CODE,
    remark="refused by Keystone: the code",
)
PASSWORD: Final = SigninPage(
    template="signin/password.html",
    form=NewPasswordForm,
    step=Step.PASSWORD,
    refusal=sentences.REFUSED_CURRENT,
    remark="refused by Keystone: the current password",
    action=Event.Action.PASSWORD,
)


class _ChangedError(Exception):
    """A password that was changed, without a sign-in that succeeded with the new one."""


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """A form that was sent on one of the pages, and the person who signs in."""

    request: HttpRequest
    page: SigninPage
    form: forms.Form
    name: str
    domain: str
    next: str
    at: datetime
    pending: PendingSignin | None = None

    def refuse(self, remark: str, sentence: str, *, status: int = 200) -> HttpResponse:
        """Return the page again with a sentence, and write the remark, if any, to the audit log."""
        if remark:
            # Without an answer it is not known whether the password was changed.
            lost = status == HTTPStatus.SERVICE_UNAVAILABLE and self.page is PASSWORD
            outcome = Event.Outcome.UNKNOWN if lost else Event.Outcome.FAILURE
            self.note(remark, action=self.page.action, outcome=outcome)
        self.form.add_error(None, sentence)
        return _render(self.request, self.page, self.form, self.pending, status=status)

    @property
    def buckets(self) -> tuple[throttle.Bucket, ...]:
        """Return what the attempt counts for beside its address."""
        if self.page is not CODE or self.pending is None:
            return ()
        receipt = second_factor.receipt(self.pending.receipt)
        return receipt, second_factor.account(self.pending.user_id)

    def note(self, remark: str, **changes: Any) -> None:
        """Write to the audit log why the attempt did not succeed."""
        person = audit.find_person(self.name, self.domain)
        facts = {"outcome": Event.Outcome.FAILURE, "remark": remark, **changes}
        audit.note(self.request, person, self.at, **facts)

    def next_step(self, error: Exception) -> PendingSignin | None:
        """Return the step that the error asks for, or None if pciops has no page for it."""
        common = {"name": self.name, "domain": self.domain, "next": self.next}
        latest = self.at + signin_steps.LONGEST
        if isinstance(error, client.SecondFactorError) and error.takes_totp:
            return PendingSignin(
                step=Step.CODE,
                user_id=error.user_id,
                receipt=error.receipt,
                until=min(self.at + error.lifetime, latest),
                **common,
            )
        if isinstance(error, client.PasswordExpiredError) and error.user_id:
            return PendingSignin(step=Step.PASSWORD, user_id=error.user_id, until=latest, **common)
        return None


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def signin(request: HttpRequest) -> HttpResponse:
    """Show the form; on success redirect to the page that was requested."""
    if request.method != "POST":
        if request.user.is_authenticated:
            return redirect(own_path(request, _target(request)))
        return _render(request, FIRST, SignInForm())
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _render(request, FIRST, form)
    attempt = _Attempt(
        request=request,
        page=FIRST,
        form=form,
        name=form.cleaned_data["name"],
        domain=form.cleaned_data["domain"],
        next=_target(request),
        at=timezone.now(),
    )
    return _answer(attempt, partial(_authenticate, request, **form.cleaned_data))


@login_not_required
@never_cache
@sensitive_post_parameters("passcode")
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """Ask for a one-time code, if Keystone wants one after the right password."""
    return _continue(request, CODE, _second_factor)


@login_not_required
@never_cache
@sensitive_post_parameters("current", "new", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Ask for a new password, if Keystone wants the right one to be changed first."""
    return _continue(request, PASSWORD, _change)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def signout(request: HttpRequest) -> HttpResponse:
    """End the session, and revoke its tokens at Keystone. A GET ends nothing."""
    if request.method != "POST":
        return redirect("overview")
    if isinstance(request.user, Operator):
        sessions.revoke(request.session)
        audit.note(request, request.user, timezone.now(), action=Event.Action.SIGN_OUT)
    logout(request)
    return redirect("signin")


@require_http_methods(["GET", "HEAD", "POST"])
def change_scope(request: HttpRequest) -> HttpResponse:
    """Act in another scope from now on; Keystone confirms it at the first act."""
    if request.method == "POST" and not sessions.change_scope(
        request, request.POST.get("scope") or None
    ):
        messages.warning(request, "You are not an operator there. Nothing was changed.")
    return redirect("overview")


def _continue(
    request: HttpRequest, page: SigninPage, sign_in: Callable[..., Operator]
) -> HttpResponse:
    """Show or answer the page of the pending step, or start over if there is none."""
    pending = signin_steps.find(request, page.step) if page.step else None
    if pending is None or pending.ended(timezone.now()):
        return _start_over(request, pending)
    form = page.form(request.POST) if request.method == "POST" else page.form()
    if not form.is_valid():
        return _render(request, page, form, pending)
    attempt = _Attempt(
        request=request,
        page=page,
        form=form,
        name=pending.name,
        domain=pending.domain,
        next=pending.next,
        at=timezone.now(),
        pending=pending,
    )
    return _answer(attempt, partial(sign_in, request, pending, form.cleaned_data))


@sensitive_variables()
def _answer(attempt: _Attempt, sign_in: Callable[[], Operator]) -> HttpResponse:
    """Make an attempt, in one of the threads that sign-ins may take."""
    try:
        with throttle.slot():
            return _attempted(attempt, sign_in)
    except throttle.BusyError:
        page = attempt.refuse("", sentences.BUSY, status=503)
        page["Retry-After"] = BUSY_SECONDS
        return page


@sensitive_variables()
def _attempted(attempt: _Attempt, sign_in: Callable[[], Operator]) -> HttpResponse:
    """Count an attempt, make it, and answer by how it ended."""
    request, now, started = attempt.request, attempt.at, time.monotonic()
    source, buckets = audit.source_address(request), attempt.buckets
    try:
        throttle.count(source, now, *buckets)
        operator = sign_in()
    except throttle.ThrottledError as error:
        whose = "for this account" if error.account else "from your address"
        wait = math.ceil((error.until - now).total_seconds())
        sentence = f"Too many failed sign-ins {whose}. Wait {wait} s."
        remark = f"too many failures {whose.replace('your', 'this')}" if error.first else ""
        page = attempt.refuse(remark, sentence, status=429)
        page["Retry-After"] = str(wait)
        return page
    except throttle.ExhaustedError:
        return _end_receipt(attempt, source)
    except client.UnreachableError as error:
        throttle.take_back(source, now, *buckets)
        log.warning("sign-in impossible, Keystone at %s: %s", settings.OS_AUTH_URL, error)
        sentence = sentences.unreachable(error, changing=attempt.page is PASSWORD)
        return attempt.refuse("Keystone does not answer", sentence, status=503)
    except client.RefusedError as error:
        used = isinstance(error, second_factor.UsedError)
        remark = "refused: the code was used before" if used else attempt.page.remark
        page = attempt.refuse(remark, sentences.USED_CODE if used else attempt.page.refusal)
        if attempt.pending and buckets and second_factor.ended(attempt.pending.receipt):
            page = _end_receipt(attempt, source)
        throttle.hold(started, settings.SIGNIN_REFUSAL_SECONDS)
        return page
    except (client.KeystoneError, NoRoleError, _ChangedError) as error:
        throttle.take_back(source, now, *buckets)
        return _after_right_password(attempt, error)
    throttle.take_back(source, now, *buckets)
    _begin(request, operator)
    audit.note(request, operator, now)
    return redirect(own_path(request, attempt.next))


def _end_receipt(attempt: _Attempt, source: str) -> HttpResponse:
    """End a sign-in after too many wrong codes, and email the owner."""
    if attempt.pending is not None:
        second_factor.tell_owner(attempt.pending.user_id, source, attempt.at)
    attempt.note(f"ended after {second_factor.MOST} wrong codes")
    signin_steps.drop(attempt.request)
    messages.error(attempt.request, sentences.ENDED_CODES)
    return redirect(_signin_url(attempt.next))


def _after_right_password(attempt: _Attempt, error: Exception) -> HttpResponse:
    """Answer an attempt whose password was right, and that is not a sign-in yet."""
    request = attempt.request
    if step := attempt.next_step(error):
        signin_steps.keep(request, step)
        return redirect(f"signin_{step.step}")
    if isinstance(error, _ChangedError):
        attempt.note("not signed in after a change of password")
        messages.success(request, f"{error} Sign in with the new one.")
        return redirect(_signin_url(attempt.next))
    sentence = sentences.missing(error, attempt.name, attempt.domain)
    return attempt.refuse(sentences.remark(error), sentence)


@sensitive_variables()
def _authenticate(request: HttpRequest, **credentials: str) -> Operator:
    operator = authenticate(request, **credentials)
    if not isinstance(operator, Operator):
        raise client.RefusedError
    return operator


@sensitive_variables()
def _second_factor(
    request: HttpRequest, pending: PendingSignin, inputs: dict[str, str]
) -> Operator:
    """Sign in with the receipt of the right password, and a code."""
    with second_factor.used_once(pending.user_id, inputs["passcode"], timezone.now()):
        return _authenticate(request, receipt=pending.receipt, user_id=pending.user_id, **inputs)


@sensitive_variables()
def _change(request: HttpRequest, pending: PendingSignin, inputs: dict[str, str]) -> Operator:
    """Change the password, and sign in with the new one."""
    new = inputs["new"]
    client.change_password(pending.user_id, inputs["current"], new)
    signin_steps.drop(request)
    owner = audit.find_person(pending.name, pending.domain)
    # Keystone has just confirmed these.
    owner.id, owner.name, owner.domain_name = pending.user_id, pending.name, pending.domain
    audit.note(request, owner, timezone.now(), action=PASSWORD.action)
    try:
        return _authenticate(request, name=pending.name, password=new, domain=pending.domain)
    except client.SecondFactorError:
        raise
    except (client.KeystoneError, NoRoleError) as error:
        changed = f"The password of {pending.name} ({pending.domain}) is changed."
        raise _ChangedError(changed) from error


def _begin(request: HttpRequest, operator: Operator) -> None:
    """Begin a new session, with nothing of the one before."""
    if operator.token is None or operator.rights is None:
        raise RuntimeError("the backend gave no token")
    request.session.flush()
    login(request, operator)
    sessions.keep(request, operator.token, operator.rights, operator.choices, now=timezone.now())


def _start_over(request: HttpRequest, pending: PendingSignin | None) -> HttpResponse:
    """Redirect to the first page, with a message if a step has ended."""
    signin_steps.drop(request)
    if pending is None:
        return redirect("signin")
    messages.warning(request, "The sign-in took too long. Start over.")
    return redirect(_signin_url(pending.next))


def _target(request: HttpRequest) -> str:
    """Return the page that was requested before the sign-in."""
    return request.POST.get("next") or request.GET.get("next") or ""


def own_path(request: HttpRequest, target: str) -> str:
    """Return the target, or the overview if it is not a path of this site."""
    ours = target.startswith("/") and url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if ours else resolve_url(settings.LOGIN_REDIRECT_URL)


def _signin_url(target: str) -> str:
    """Return the URL of the first page, which keeps the target."""
    return f"{resolve_url('signin')}?{urlencode({'next': target} if target else {})}".rstrip("?")


def _render(
    request: HttpRequest,
    page: SigninPage,
    form: forms.Form,
    pending: PendingSignin | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "pending": pending,
        "next": _target(request),
        "idle_minutes": settings.SESSION_COOKIE_AGE // 60,
    }
    if page is PASSWORD:
        context["rule"] = _password_rule()
    return render(request, page.template, context, status=status)


def _password_rule() -> str | None:
    """Return the policy's description of new passwords, if it has one."""
    try:
        return policy.current().password_regex_description
    except SettingError as error:
        log.error("cannot read the policy: %s", error)
        return None
