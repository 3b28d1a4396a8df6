"""Checks of the operator's rights on the pages."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from pciops.audit import services
from pciops.audit.models import Event
from pciops.keystone.client import UnreachableError
from pciops.signin import typed
from pciops.signin.rights import Permission, keystone_roles
from pciops.web.errors import NotAllowedError
from pciops.web.requests import OperatorRequest, initiator

P = ParamSpec("P")
View = Callable[Concatenate[OperatorRequest, P], HttpResponse]


def needs(permission: Permission) -> Callable[[View[P]], View[P]]:
    """Let only operators who may do this reach the view; others get a 403 page that says why.

    It checks the rights that the session has. `sessions.confirm` ends a session that has lost
    rights since, so an act that calls it does not have to check again.
    """

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def guarded(request: OperatorRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            require(request, permission)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def require(request: OperatorRequest, permission: str) -> None:
    """Check that the operator may do this.

    Raises:
        NotAllowedError: names the roles that may.
    """
    held = request.user.rights
    if held is None or not held.may(permission):
        raise NotAllowedError(
            held.refusal(permission) if held else "You don't have permission to do this."
        )


def require_whole_cloud(request: OperatorRequest) -> None:
    """Check that the operator's scope is the whole cloud.

    Raises:
        NotAllowedError: names the roles that may.
    """
    if request.user.scope is not None:
        names = " or ".join(keystone_roles("administer"))
        raise NotAllowedError(
            f"This page is about the entire installation. It needs the role {names} on the system."
        )


def signed_out(
    request: OperatorRequest, *, then: str, action: Event.Action = Event.Action.UNLOCK
) -> HttpResponse:
    """Redirect to the sign-in form: the token has ended, was revoked or has lost its role.

    The audit log gets the act that was refused, as an act on the URL that it was sent to.
    """
    services.record_or_log(
        action,
        Event.Outcome.FAILURE,
        initiator=initiator(request),
        resource=then,
        remark="refused: Keystone no longer accepts the token, or it has lost its role",
        now=timezone.now(),
    )
    logout(request)
    messages.error(
        request,
        "Keystone no longer accepts your token, or it has lost its role. Nothing was changed.",
    )
    target = typed.url_with(then, request.POST.dict())
    return redirect(f"{reverse('signin')}?{urlencode({'next': target})}")


def unconfirmed(error: UnreachableError, *, unlock: bool = True) -> str:
    """Return the sentence for the form; an unlock also works on the host."""
    sentence = (
        f"Keystone does not answer, so pciops can't confirm your rights: {error}. Nothing was "
        "changed."
    )
    on_host = " On the pciops host, pciops unlock works without Keystone." if unlock else ""
    return sentence + on_host
