"""Who may do what on the pages, and rights that Keystone does not confirm when somebody acts."""

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
from pciops.signin.rights import Act, keystone_roles
from pciops.web.errors import NotAllowedError
from pciops.web.requests import OperatorRequest, initiator

P = ParamSpec("P")
View = Callable[Concatenate[OperatorRequest, P], HttpResponse]


def needs(act: Act) -> Callable[[View[P]], View[P]]:
    """A page for those who may do this; everybody else is told what it takes (403).

    It looks at the rights of sign-in. `sessions.confirmed_rights` ends a session whose rights
    have become fewer since, so an act that asks it does not have to look again.
    """

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def guarded(request: OperatorRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            require(request, act)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def require(request: OperatorRequest, act: str) -> None:
    """Nothing, where the operator may do this.

    Raises:
        NotAllowedError: says what it takes.
    """
    held = request.user.rights
    if held is None or not held.may(act):
        raise NotAllowedError(held.refusal(act) if held else "You may not do this.")


def require_whole_cloud(request: OperatorRequest) -> None:
    """Nothing, for an administrator whose scope is no domain.

    Raises:
        NotAllowedError: says what it takes.
    """
    if request.user.scope is not None:
        names = " or ".join(keystone_roles("administer"))
        raise NotAllowedError(
            f"This page is about the whole installation: it takes the role {names} on the system."
        )


def signed_out(
    request: OperatorRequest, *, then: str, action: Event.Action = Event.Action.UNLOCK
) -> HttpResponse:
    """To the sign-in form: the token has ended, was revoked or has lost its role.

    The act that was refused is in the trail, as an act on the address that it was sent to.
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
    return redirect(f"{reverse('signin')}?{urlencode({'next': then})}")


def unconfirmed(error: UnreachableError, *, unlock: bool = True) -> str:
    """The sentence for the form, with the way around it that an unlock has."""
    sentence = (
        f"Keystone does not answer, so your rights cannot be confirmed: {error}. Nothing was "
        "changed."
    )
    besides = " On the pciops host manage.py unlock works without Keystone." if unlock else ""
    return sentence + besides
