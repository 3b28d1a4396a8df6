"""Sign in and out."""

from __future__ import annotations

import logging
import math
from datetime import datetime
from shlex import quote
from typing import Final

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from pciops.accounts import policy, selectors
from pciops.accounts.verdict import judge
from pciops.keystone import client, database
from pciops.signin import address, sessions, throttle, trail
from pciops.signin.forms import SignInForm
from pciops.signin.models import Operator
from pciops.signin.rights import NoRoleError

log = logging.getLogger(__name__)

# For the trail: what was missing although the password was right.
_WHY: Final[dict[type[Exception], str]] = {
    client.PasswordExpiredError: "the password has expired",
    client.SecondFactorError: "a second factor is needed",
    NoRoleError: "no role of an operator",
}


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def signin(request: HttpRequest) -> HttpResponse:
    """The form; on success on to the page that was asked for."""
    if request.method != "POST":
        if request.user.is_authenticated:
            return redirect(_next(request))
        return _page(request, SignInForm())
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    now = timezone.now()
    source = address.source(request)
    try:
        throttle.count(source, now)
        operator = _authenticate(request, form)
    except throttle.ThrottledError as error:
        wait = math.ceil((error.until - now).total_seconds())
        if error.first:
            trail.refused(request, *_who(form), "too many failures from this address", now)
        form.add_error(None, f"Too many failed sign-ins from your address. Wait {wait} s.")
        return _page(request, form, status=429, headers={"Retry-After": str(wait)})
    except client.UnreachableError as error:
        throttle.take_back(source, now)
        log.warning("sign-in impossible, Keystone at %s: %s", settings.OS_AUTH_URL, error)
        trail.refused(request, *_who(form), "Keystone does not answer", now)
        form.add_error(
            None,
            f"Keystone does not answer: {error}. Nothing was checked, and nothing was counted. "
            "Try again when it is back; manage.py unlock works without it.",
        )
        return _page(request, form, status=503)
    except client.RefusedError:
        trail.refused(request, *_who(form), "refused by Keystone", now)
        form.add_error(None, _refusal(*_who(form), now))
        return _page(request, form)
    except (client.KeystoneError, NoRoleError) as error:
        throttle.take_back(source, now)
        trail.refused(request, *_who(form), _WHY.get(type(error), "refused by Keystone"), now)
        form.add_error(None, _not_enough(error, *_who(form)))
        return _page(request, form)
    throttle.take_back(source, now)
    _begin(request, operator)
    trail.signed_in(request, operator, now)
    return redirect(_next(request))


@login_not_required
@require_POST
def signout(request: HttpRequest) -> HttpResponse:
    """End the session. The token in it ends by itself."""
    trail.signed_out(request, timezone.now())
    logout(request)
    return redirect("signin")


@sensitive_variables()
def _authenticate(request: HttpRequest, form: SignInForm) -> Operator:
    operator = authenticate(request, **form.cleaned_data)
    if not isinstance(operator, Operator):
        raise client.RefusedError
    return operator


def _begin(request: HttpRequest, operator: Operator) -> None:
    """A new session, with nothing of one that was there before."""
    if operator.token is None or operator.rights is None:
        raise RuntimeError("the backend gave no token")
    login(request, operator)
    sessions.keep(request, operator.token, operator.rights)


def _who(form: SignInForm) -> tuple[str, str]:
    return form.cleaned_data["name"], form.cleaned_data["domain"]


def _refusal(name: str, domain: str, now: datetime) -> str:
    """Why Keystone refused: it says nothing, but the lock can be seen in its database."""
    try:
        for account in selectors.named(name, domain=domain):
            verdict = judge(account, policy.current(), now)
            if verdict.locked:
                return (
                    f"This account is {verdict.says(verdict.states[0])}. Keystone does not look "
                    "at its password before. Another administrator can unlock it here; where "
                    "there is none: manage.py unlock on the pciops host."
                )
    except database.KeystoneDatabaseDownError as error:
        log.warning("cannot tell whether %s (%s) is locked: %s", name, domain, error)
    return (
        "Keystone refused this name and password. A disabled or inactive account is refused in "
        "the same words. The failure counts towards Keystone's lock of the account."
    )


def _not_enough(error: Exception, name: str, domain: str) -> str:
    """What is missing although the password was right."""
    if isinstance(error, client.PasswordExpiredError):
        return (
            f"The password of {name} ({domain}) has expired. Change it first, in the OpenStack "
            "dashboard or with POST /v3/users/<id>/password, then sign in here."
        )
    if isinstance(error, client.SecondFactorError):
        return (
            f"{name} ({domain}) needs a second factor, which pciops cannot ask for yet. Use an "
            "administrator with a password alone, or the API with a token."
        )
    roles = " or ".join(settings.ADMIN_ROLES)
    return (
        f"The password is right, but {name} ({domain}) is no operator: it has the role {roles} "
        f"neither on the system nor on its domain. An administrator can give it: "
        f"openstack role add --user {quote(name)} --user-domain {quote(domain)} --system all "
        f"{quote(settings.ADMIN_ROLES[0])}"
    )


def _next(request: HttpRequest) -> str:
    """Where to go: the page that was asked for, if it is one of ours."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if ours else resolve_url(settings.LOGIN_REDIRECT_URL)


def _page(
    request: HttpRequest,
    form: SignInForm,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    target = request.POST.get("next") or request.GET.get("next") or ""
    idle_minutes = settings.SESSION_COOKIE_AGE // 60
    context = {"form": form, "next": target, "idle_minutes": idle_minutes}
    response = render(request, "signin/signin.html", context, status=status)
    for name, value in (headers or {}).items():
        response[name] = value
    return response
