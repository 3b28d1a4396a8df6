"""Operators in the audit log: their addresses, sign-ins, sign-outs and changed passwords.

See PCI DSS 10.2.1.4 and 10.2.2. Passwords and tokens are never written. People type passwords into
the field of the name, so a name is written only if Keystone has an account of that name.
"""

from __future__ import annotations

import ipaddress
import logging
from datetime import datetime
from typing import Final

from django.conf import settings
from django.http import HttpRequest

from pciops.accounts import selectors
from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import WHOLE_CLOUD, Initiator
from pciops.keystone import database
from pciops.keystone.models import NonLocalUser
from pciops.signin.models import Operator
from pciops.signin.rights import Rights

UNKNOWN_NAME: Final = "unknown name"

log = logging.getLogger(__name__)


def source_address(request: HttpRequest) -> str:
    """Return the client's IP address; behind PCIOPS_PROXIES proxies, as the outermost saw it.

    Each of these proxies appends the address that it saw to X-Forwarded-For. So only that many
    entries from the right are true; the client may have written the others itself.
    """
    chain = request.headers.get("X-Forwarded-For", "").split(",") if settings.PROXIES else []
    forwarded = chain[-settings.PROXIES :][0] if len(chain) >= settings.PROXIES > 0 else ""
    for candidate in (forwarded.strip(), request.META.get("REMOTE_ADDR", "")):
        try:
            return str(ipaddress.ip_address(candidate))
        except ValueError:
            continue
    return ""


def acting_scope(rights: Rights | None) -> str:
    """Return the domain that the rights are for, as the audit log has it."""
    return "" if rights is None else rights.domain_id or WHOLE_CLOUD


def initiator(
    request: HttpRequest, operator: Operator, via: Event.Via = Event.Via.PAGE
) -> Initiator:
    """Return the operator of a request, for the audit log."""
    return Initiator(
        type=Event.InitiatorType.KEYSTONE,
        via=via,
        id=operator.id,
        name=operator.name,
        domain_id=operator.domain_id,
        domain_name=operator.domain_name,
        address=source_address(request),
        agent=request.headers.get("User-Agent", ""),
        scope=acting_scope(operator.rights),
    )


def note(
    request: HttpRequest,
    operator: Operator,
    now: datetime,
    *,
    action: Event.Action = Event.Action.SIGN_IN,
    outcome: Event.Outcome = Event.Outcome.SUCCESS,
    remark: str = "",
) -> None:
    """Write a sign-in or another act of the sign-in pages; an outage is only logged."""
    by = initiator(request, operator)
    services.record_or_log(action, outcome, initiator=by, resource="pciops", remark=remark, now=now)


def find_person(name: str, domain: str) -> Operator:
    """Return the person of this name and domain, as far as Keystone knows them."""
    try:
        for account in selectors.get_by_name(name, domain=domain):
            return Operator(
                id=account.id,
                name=account.name,
                domain_id=account.domain_id,
                domain_name=account.domain_name,
            )
        for place in selectors.domains(scope=None):
            if domain in {place.id, place.name}:
                user_id = _ldap_user_id(name, place.id)
                known_name = name if user_id else UNKNOWN_NAME
                return Operator(
                    id=user_id, name=known_name, domain_id=place.id, domain_name=place.name
                )
    except database.KeystoneDatabaseDownError as error:
        log.warning("cannot identify the account that signs in: %s", error)
    return Operator(id="", name=UNKNOWN_NAME)


@database.reading()
def _ldap_user_id(name: str, domain_id: str) -> str:
    users = NonLocalUser.objects.filter(name=name, domain_id=domain_id)
    return users.values_list("user_id", flat=True).first() or ""
