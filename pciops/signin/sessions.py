"""What a session keeps of the operator's token, and when it ends with it."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest

from pciops.keystone import client
from pciops.keystone.client import Token
from pciops.signin.rights import Rights
from pciops.signin.seal import seal, unseal

_KEY = "keystone"


class EndedError(Exception):
    """The session's token has ended, was revoked, or no longer carries the rights it had."""


def keep(request: HttpRequest, token: Token, rights: Rights) -> None:
    """Put the token, sealed, and the rights that it carries into the session."""
    request.session[_KEY] = {
        "token": seal(token.id),
        "expires_at": token.expires_at.isoformat(),
        "domain_id": rights.domain_id,
        "domain_name": rights.domain_name,
    }


def attach(request: HttpRequest, now: datetime) -> None:
    """Put the rights, as of sign-in, on the operator of this request, if there is one.

    Raises:
        EndedError: where the token has run out.
    """
    user = getattr(request, "user", None)  # a request that was refused early has none
    if user is None or not user.is_authenticated:
        return
    kept = request.session.get(_KEY)
    if not kept or datetime.fromisoformat(kept["expires_at"]) <= now:
        raise EndedError
    user.rights = Rights(domain_id=kept["domain_id"], domain_name=kept["domain_name"])


def confirmed_rights(request: HttpRequest) -> Rights:
    """The rights as Keystone says them at this moment: asked before every act.

    Raises:
        EndedError: where they are not what they were at sign-in.
        client.UnreachableError
    """
    kept = request.session.get(_KEY) or {}
    token_id = unseal(kept.get("token", ""))
    if token_id is None:
        raise EndedError
    try:
        found = Rights.of(client.validate(token_id))
    except client.RefusedError:
        raise EndedError from None
    if found is None or found.domain_id != kept["domain_id"]:
        raise EndedError
    return found


def token_id(request: HttpRequest) -> str:
    """The operator's own token, for what they do at Keystone's API; never shown or logged.

    Raises:
        EndedError
    """
    kept = request.session.get(_KEY) or {}
    found = unseal(kept.get("token", ""))
    if found is None:
        raise EndedError
    return found
