"""Sign in and out."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from shlex import quote
from typing import Final
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
from django.views.decorators.http import require_http_methods, require_POST

from pciops.accounts.policy import policy
from pciops.audit.models import Event
from pciops.keystone import client
from pciops.lib.env import SettingError
from pciops.signin import address, sessions, signin_steps, throttle, trail
from pciops.signin.forms import CodeForm, NewPasswordForm, SignInForm
from pciops.signin.models import Operator
from pciops.signin.rights import NoRoleError, keystone_roles
from pciops.signin.signin_steps import Pending, Step

log = logging.getLogger(__name__)

# For the trail: what was missing although the password was right.
_WHY: Final[dict[type[Exception], str]] = {
    client.PasswordExpiredError: "the password has expired",
    client.PasswordRefusedError: "Keystone refused the new password",
    client.SecondFactorError: "a second factor is needed",
    NoRoleError: "no role of an operator",
}

SIGN_IN: Final = "signin/signin.html"
CODE: Final = "signin/code.html"
PASSWORD: Final = "signin/password.html"  # noqa: S105 (a template)

# One sentence for all that Keystone refuses at the first page: whether a name exists, or is
# locked, is not for who does not know its password, and Keystone checks none on a locked account.
_REFUSED: Final = (
    "Keystone refused this name and password. One of them is wrong, or the account is locked, "
    "disabled or inactive: nobody is told here which. Another administrator sees it in pciops, and "
    "unlocks it; where there is none: manage.py unlock on the pciops host. A wrong password "
    "counts towards Keystone's lock of the account."
)
_REFUSED_CODE: Final = (
    "Keystone refused this code. Take the next one that your device shows; where that is refused "
    "too, look at its clock. The code does not count towards Keystone's lock."
)
_REFUSED_CURRENT: Final = (
    "The password is not changed. Keystone refused the current one: it is wrong, or the account "
    "has been locked or disabled since. A wrong one counts towards Keystone's lock of the account."
)


class _ChangedError(Exception):
    """The password was changed, and the sign-in with the new one has not come to its end."""


@dataclass(frozen=True, kw_only=True)
class _Try:
    """What somebody sent on one of the three pages, and whose sign-in it is."""

    template: str
    form: forms.Form
    name: str
    domain: str
    next: str
    refusal: str  # what is said when Keystone refuses
    why: str  # the same for the trail
    action: Event.Action = Event.Action.SIGN_IN

    @property
    def who(self) -> tuple[str, str]:
        return self.name, self.domain


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def signin(request: HttpRequest) -> HttpResponse:
    """The form; on success on to the page that was asked for."""
    if request.method != "POST":
        if request.user.is_authenticated:
            return redirect(_next(request))
        return _page(request, SIGN_IN, SignInForm())
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _page(request, SIGN_IN, form)
    sent = _Try(
        template=SIGN_IN,
        form=form,
        name=form.cleaned_data["name"],
        domain=form.cleaned_data["domain"],
        next=_target(request),
        refusal=_REFUSED,
        why="refused by Keystone",
    )
    return _attempt(request, sent, partial(_authenticate, request, **form.cleaned_data))


@login_not_required
@never_cache
@sensitive_post_parameters("passcode")
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The second page, for whom Keystone wants a code from after the right password."""
    waiting = signin_steps.find(request, Step.CODE)
    if waiting is None or waiting.ended(timezone.now()):
        return _begin_anew(request, waiting)
    form = CodeForm(request.POST) if request.method == "POST" else CodeForm()
    if not form.is_valid():
        return _page(request, CODE, form, waiting)
    sent = _Try(
        template=CODE,
        form=form,
        name=waiting.name,
        domain=waiting.domain,
        next=waiting.next,
        refusal=_REFUSED_CODE,
        why="refused by Keystone: the code",
    )
    typed = form.cleaned_data["passcode"]
    factors = {"receipt": waiting.receipt, "user_id": waiting.user_id, "passcode": typed}
    return _attempt(request, sent, partial(_authenticate, request, **factors), waiting)


@login_not_required
@never_cache
@sensitive_post_parameters("current", "new", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """The page for whose right password Keystone wants to have changed first."""
    waiting = signin_steps.find(request, Step.PASSWORD)
    if waiting is None or waiting.ended(timezone.now()):
        return _begin_anew(request, waiting)
    form = NewPasswordForm(request.POST) if request.method == "POST" else NewPasswordForm()
    if not form.is_valid():
        return _page(request, PASSWORD, form, waiting)
    sent = _Try(
        template=PASSWORD,
        form=form,
        name=waiting.name,
        domain=waiting.domain,
        next=waiting.next,
        refusal=_REFUSED_CURRENT,
        why="refused by Keystone: the current password",
        action=Event.Action.PASSWORD,
    )
    typed = form.cleaned_data["current"], form.cleaned_data["new"]
    return _attempt(request, sent, partial(_change, request, waiting, *typed), waiting)


@sensitive_variables()
def _attempt(
    request: HttpRequest,
    sent: _Try,
    act: Callable[[], Operator],
    waiting: Pending | None = None,
) -> HttpResponse:
    """One try at Keystone: counted, made, and answered by how it ended."""
    now, started = timezone.now(), time.monotonic()
    source = address.source(request)
    refuse = partial(_refuse, request, sent, now, waiting=waiting)
    try:
        throttle.count(source, now)
        operator = act()
    except throttle.ThrottledError as error:
        wait = math.ceil((error.until - now).total_seconds())
        said = f"Too many failed sign-ins from your address. Wait {wait} s."
        why = "too many failures from this address" if error.first else ""
        return refuse(why, said, status=429, headers={"Retry-After": str(wait)})
    except client.UnreachableError as error:
        throttle.take_back(source, now)
        log.warning("sign-in impossible, Keystone at %s: %s", settings.OS_AUTH_URL, error)
        return refuse("Keystone does not answer", _away(error, sent.template), status=503)
    except client.RefusedError:
        page = refuse(sent.why, sent.refusal)
        throttle.hold(started, settings.SIGNIN_REFUSAL_SECONDS)
        return page
    except (client.KeystoneError, NoRoleError, _ChangedError) as error:
        throttle.take_back(source, now)
        if following := _following(error, sent, now):
            signin_steps.keep(request, following)
            return redirect(f"signin_{following.step}")
        if isinstance(error, _ChangedError):
            trail.refused(request, *sent.who, "not signed in after a change of password", now)
            messages.success(request, f"{error} Sign in with the new one.")
            return redirect(_form_for(sent.next))
        why = _WHY.get(type(error), "refused by Keystone")
        return refuse(why, _not_enough(error, *sent.who))
    throttle.take_back(source, now)
    _begin(request, operator)
    trail.signed_in(request, operator, now)
    return redirect(_ours(request, sent.next))


def _refuse(
    request: HttpRequest,
    sent: _Try,
    now: datetime,
    why: str,
    sentence: str,
    *,
    waiting: Pending | None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """The page again with a sentence, and a row in the trail where there is a `why` for it."""
    if why:
        # Of a change of password without an answer nobody knows whether it was made.
        lost = status == HTTPStatus.SERVICE_UNAVAILABLE and sent.action is Event.Action.PASSWORD
        outcome = Event.Outcome.UNKNOWN if lost else Event.Outcome.FAILURE
        trail.refused(request, *sent.who, why, now, action=sent.action, outcome=outcome)
    sent.form.add_error(None, sentence)
    return _page(request, sent.template, sent.form, waiting, status=status, headers=headers)


@login_not_required
@require_POST
def signout(request: HttpRequest) -> HttpResponse:
    """End the session. The token in it ends by itself."""
    trail.signed_out(request, timezone.now())
    logout(request)
    return redirect("signin")


@sensitive_variables()
def _authenticate(request: HttpRequest, **credentials: str) -> Operator:
    operator = authenticate(request, **credentials)
    if not isinstance(operator, Operator):
        raise client.RefusedError
    return operator


@sensitive_variables()
def _change(request: HttpRequest, waiting: Pending, current: str, new: str) -> Operator:
    """Change the password, and sign in with the new one."""
    client.change_password(waiting.user_id, current, new)
    signin_steps.drop(request)
    trail.password_changed(request, waiting, timezone.now())
    try:
        return _authenticate(request, name=waiting.name, password=new, domain=waiting.domain)
    except client.SecondFactorError:
        raise
    except (client.KeystoneError, NoRoleError) as error:
        changed = f"The password of {waiting.name} ({waiting.domain}) is changed."
        raise _ChangedError(changed) from error


def _begin(request: HttpRequest, operator: Operator) -> None:
    """A new session, with nothing of one that was there before."""
    if operator.token is None or operator.rights is None:
        raise RuntimeError("the backend gave no token")
    request.session.flush()
    login(request, operator)
    sessions.keep(request, operator.token, operator.rights, operator.choices)


def _following(error: Exception, sent: _Try, now: datetime) -> Pending | None:
    """What the person can do next to get in; None where pciops has no page for it."""
    then = {"name": sent.name, "domain": sent.domain, "next": sent.next}
    if isinstance(error, client.SecondFactorError) and error.takes_totp:
        return Pending(
            step=Step.CODE,
            user_id=error.user_id,
            receipt=error.receipt,
            until=now + min(error.lifetime, signin_steps.LONGEST),
            **then,
        )
    if isinstance(error, client.PasswordExpiredError) and error.user_id:
        return Pending(
            step=Step.PASSWORD, user_id=error.user_id, until=now + signin_steps.LONGEST, **then
        )
    return None


def _begin_anew(request: HttpRequest, waiting: Pending | None) -> HttpResponse:
    """Back to the first page, with a word where something had waited too long."""
    signin_steps.drop(request)
    if waiting is None:
        return redirect("signin")
    messages.warning(request, "That took too long, and the sign-in has ended. Begin anew.")
    return redirect(_form_for(waiting.next))


def _away(error: client.UnreachableError, template: str) -> str:
    """What is known of the try when Keystone does not answer."""
    if template == PASSWORD:
        return (
            f"Keystone does not answer: {error}. Whether the password is changed is not known. "
            "When it is back, try to sign in with the new one first."
        )
    return (
        f"Keystone does not answer: {error}. Nothing was checked, and nothing was counted. "
        "Try again when it is back; manage.py unlock works without it."
    )


def _not_enough(error: Exception, name: str, domain: str) -> str:
    """What is missing although the password was right."""
    if isinstance(error, client.PasswordRefusedError):
        return f"The password is not changed. Keystone refused the new one: {error}."
    if isinstance(error, client.PasswordExpiredError):
        return (
            f"The password of {name} ({domain}) has expired, and Keystone does not say whose id "
            "it is. Change it in the OpenStack dashboard, then sign in here."
        )
    if isinstance(error, client.SecondFactorError):
        ways = [" and ".join(sorted(methods)) for methods in error.missing if methods]
        wanted = ", or ".join(ways) or "another method than a password"
        return (
            f"The password is right, but Keystone wants more of {name} ({domain}): "
            f"{wanted}. pciops can ask for a TOTP code alone. Use the API with a "
            "token, or have the rules of the account changed (multi_factor_auth_rules)."
        )
    *roles, last = keystone_roles()
    names = f"any of the roles {', '.join(roles)} and {last}" if roles else f"the role {last}"
    return (
        f"The password is right, but {name} ({domain}) is no operator: it has not {names} "
        f"on the system or on its domain. An administrator can give it one: "
        f"openstack role add --user {quote(name)} --user-domain {quote(domain)} --system all "
        f"{quote(settings.ADMIN_ROLES[0])}"
    )


def _next(request: HttpRequest) -> str:
    """Where to go: the page that was asked for, if it is one of ours."""
    return _ours(request, _target(request))


def _target(request: HttpRequest) -> str:
    return request.POST.get("next") or request.GET.get("next") or ""


def _ours(request: HttpRequest, target: str) -> str:
    """The target; the overview in place of another site's."""
    ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if ours else resolve_url(settings.LOGIN_REDIRECT_URL)


def _form_for(target: str) -> str:
    """The address of the first page, which keeps the target."""
    query = urlencode({"next": target}) if target else ""
    return f"{resolve_url('signin')}?{query}".rstrip("?")


def _page(
    request: HttpRequest,
    template: str,
    form: forms.Form,
    waiting: Pending | None = None,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    context = {
        "form": form,
        "waiting": waiting,
        "next": _target(request),
        "idle_minutes": settings.SESSION_COOKIE_AGE // 60,
    }
    if template == PASSWORD:
        context["rule"] = _rule()
    response = render(request, template, context, status=status)
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def _rule() -> str | None:
    """What the policy says of new passwords, where it says so to people."""
    try:
        return policy.current().password_regex_description
    except SettingError as error:
        log.error("the policy cannot be read: %s", error)
        return None
