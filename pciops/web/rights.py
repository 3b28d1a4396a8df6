"""Rights that Keystone does not confirm when somebody acts, said on a page."""

from __future__ import annotations

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
from pciops.web.requests import OperatorRequest, initiator


def signed_out(
    request: OperatorRequest, *, then: str, action: Event.Action = Event.Action.UNLOCK
) -> HttpResponse:
    """To the sign-in form: the token has ended, was revoked or has lost its role.

    The act that was refused is in the trail, as an act on the address that it was sent to.
    """
    services.note(
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
