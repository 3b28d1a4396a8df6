"""Sign-ins, sign-outs and changed passwords in the trail (PCI DSS 10.2.1.4, 10.2.2).

Never a password or a token.

People type passwords into the field of the name. So a name is written down only where Keystone
knows somebody of that name.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.http import HttpRequest

from pciops.accounts import selectors
from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.keystone import database
from pciops.keystone.models import NonLocalUser
from pciops.signin import address
from pciops.signin.models import Operator
from pciops.signin.signin_steps import Pending

RESOURCE: Final = "pciops"
NOBODY: Final = "unknown name"

log = logging.getLogger(__name__)


def signed_in(request: HttpRequest, operator: Operator, now: datetime) -> None:
    """An operator has a session from now on."""
    _note(Event.Action.SIGN_IN, Event.Outcome.SUCCESS, _of(request, operator), now)


def signed_out(request: HttpRequest, now: datetime) -> None:
    """The operator of this request, if there is one, ends the session."""
    if isinstance(request.user, Operator):
        _note(Event.Action.SIGN_OUT, Event.Outcome.SUCCESS, _of(request, request.user), now)


def refused(
    request: HttpRequest,
    name: str,
    domain: str,
    why: str,
    now: datetime,
    *,
    action: Event.Action = Event.Action.SIGN_IN,
    outcome: Event.Outcome = Event.Outcome.FAILURE,
) -> None:
    """A sign-in, or a change of password on the way to it, that was tried and did not succeed."""
    _note(action, outcome, _claimed(request, name, domain), now, why)


def password_changed(request: HttpRequest, waiting: Pending, now: datetime) -> None:
    """An expired password has a successor; whether its owner signs in with it is another row."""
    claimed = _claimed(request, waiting.name, waiting.domain)
    # Keystone has just confirmed who it is.
    owner = replace(claimed, id=waiting.user_id, name=waiting.name, domain_name=waiting.domain)
    _note(Event.Action.PASSWORD, Event.Outcome.SUCCESS, owner, now)


def _note(
    action: Event.Action, outcome: Event.Outcome, by: Initiator, now: datetime, why: str = ""
) -> None:
    services.record_or_log(action, outcome, initiator=by, resource=RESOURCE, remark=why, now=now)


def _of(request: HttpRequest, operator: Operator) -> Initiator:
    return operator.initiator(
        via=Event.Via.PAGE,
        address=address.source(request),
        agent=request.headers.get("User-Agent", ""),
    )


def _claimed(request: HttpRequest, name: str, domain: str) -> Initiator:
    """Whoever somebody says to be, as far as Keystone knows them."""
    user_id, known, domain_id, domain_name = _known(name, domain)
    return Initiator(
        type=Event.InitiatorType.KEYSTONE,
        via=Event.Via.PAGE,
        id=user_id,
        name=known,
        domain_id=domain_id,
        domain_name=domain_name,
        address=address.source(request),
        agent=request.headers.get("User-Agent", ""),
    )


def _known(name: str, domain: str) -> tuple[str, str, str, str]:
    """Id, name, and the domain's id and name; of what is not known nothing."""
    try:
        for account in selectors.get_by_name(name, domain=domain):
            return account.id, account.name, account.domain_id, account.domain_name
        for place in selectors.domains(scope=None):
            if domain in {place.id, place.name}:
                user_id = _of_ldap(name, place.id)
                return user_id, name if user_id else NOBODY, place.id, place.name
    except database.KeystoneDatabaseDownError as error:
        log.warning("cannot tell who tries to sign in: %s", error)
    return "", NOBODY, "", ""


@database.reading()
def _of_ldap(name: str, domain_id: str) -> str:
    found = NonLocalUser.objects.filter(name=name, domain_id=domain_id)
    return found.values_list("user_id", flat=True).first() or ""
