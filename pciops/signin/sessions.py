"""What a session keeps of the operator's tokens, and when it ends with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.http import HttpRequest

from pciops.keystone import client
from pciops.keystone.client import Token
from pciops.signin.rights import Rights, Role
from pciops.signin.seal import seal, unseal

_KEY = "keystone"  # a list: the scope in which the operator acts, then the others


class EndedError(Exception):
    """The session's token has ended, was revoked, or no longer carries the rights it had."""


def keep(
    request: HttpRequest,
    token: Token,
    rights: Rights,
    others: Sequence[tuple[Token, Rights]] = (),
) -> None:
    """Put the token, sealed, and the rights that it carries into the session.

    Args:
        others: what the operator can change to, with `change_scope`.
    """
    request.session[_KEY] = [
        {
            "token": seal(token.id),
            "expires_at": token.expires_at.isoformat(),
            "role": rights.role,
            "domain_id": rights.domain_id,
            "domain_name": rights.domain_name,
        }
        for token, rights in ((token, rights), *others)
    ]


def attach(request: HttpRequest, now: datetime) -> None:
    """Put the rights, as of sign-in, on the operator of this request, if there is one.

    Raises:
        EndedError: where the token has run out.
    """
    user = getattr(request, "user", None)  # a request that was refused early has none
    if user is None or not user.is_authenticated:
        return
    kept = _kept(request)
    if not kept or datetime.fromisoformat(kept[0]["expires_at"]) <= now:
        raise EndedError
    user.rights, *user.others = map(_rights, kept)


def change_scope(request: HttpRequest, domain_id: str | None) -> bool:
    """Act in another scope from now on; False where the session has no such one.

    The session begins anew: nothing that was shown in the other scope stays in it.
    """
    kept = _kept(request)
    chosen = [it for it in kept if it["domain_id"] == domain_id]
    if not chosen:
        return False
    for key in set(request.session.keys()) - {SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY}:
        del request.session[key]
    request.session[_KEY] = chosen + [it for it in kept if it not in chosen]
    request.session.cycle_key()
    return True


def confirmed_rights(request: HttpRequest) -> Rights:
    """The rights as Keystone says them at this moment: asked before every act.

    Raises:
        EndedError: where they are not all that they were at sign-in.
        client.UnreachableError
    """
    kept = _kept(request)
    token_id = unseal(kept[0]["token"]) if kept else None
    if token_id is None:
        raise EndedError
    try:
        found = Rights.of(client.validate(token_id))
    except client.RefusedError:
        raise EndedError from None
    before = _rights(kept[0])
    if found is None or found.domain_id != before.domain_id or not found.covers(before):
        raise EndedError
    return found


def _kept(request: HttpRequest) -> list[dict[str, Any]]:
    kept = request.session.get(_KEY)
    return kept if isinstance(kept, list) else []  # a session of an older version ends


def _rights(kept: dict[str, Any]) -> Rights:
    return Rights(
        role=Role(kept["role"]), domain_id=kept["domain_id"], domain_name=kept["domain_name"]
    )


def token_id(request: HttpRequest) -> str:
    """The operator's own token, for what they do at Keystone's API; never shown or logged.

    Raises:
        EndedError
    """
    kept = _kept(request)
    found = unseal(kept[0]["token"]) if kept else None
    if found is None:
        raise EndedError
    return found
