"""The tokens in a session: sealed, with the rights that they carry, and when they end."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.http import HttpRequest

from pciops.keystone import client
from pciops.keystone.client import Token
from pciops.signin.rights import Rights, Role

_KEY = "keystone"  # a list: the scope in which the operator acts, then the others


class EndedError(Exception):
    """The session's token has ended, was revoked, or no longer carries the rights it had."""


def seal(text: str) -> str:
    """Encrypt a text with our SECRET_KEY, so that a copy of the database reveals no secret."""
    return _fernet().encrypt(text.encode()).decode("ascii")


def unseal(sealed: str) -> str | None:
    """Decrypt a sealed text; None if it was sealed with another key or altered."""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def keep(
    request: HttpRequest,
    token: Token,
    rights: Rights,
    others: Sequence[tuple[Token, Rights]] = (),
) -> None:
    """Put the token, sealed, and the rights that it carries into the session.

    Args:
        others: scopes that the operator can change to, with `change_scope`.
    """
    request.session[_KEY] = [
        {
            "token": seal(token.id),
            "expires_at": token.expires_at.isoformat(),
            "role": rights.role,
            "domain_id": rights.domain_id,
            "domain_name": rights.domain_name,
            "management": rights.management,
        }
        for token, rights in ((token, rights), *others)
    ]


def attach(request: HttpRequest, now: datetime) -> None:
    """Put the rights, as of sign-in, on the operator of this request, if there is one.

    Raises:
        EndedError: the token has expired.
    """
    user = getattr(request, "user", None)  # a request that was refused early has none
    if user is None or not user.is_authenticated:
        return
    scopes = _scopes(request)
    if not scopes or datetime.fromisoformat(scopes[0]["expires_at"]) <= now:
        raise EndedError
    user.rights, *user.others = map(_rights, scopes)


def change_scope(request: HttpRequest, domain_id: str | None) -> bool:
    """Act in another scope from now on; return False if the session does not have it.

    The session begins anew, without anything that was shown in the other scope.
    """
    scopes = _scopes(request)
    chosen = [scope for scope in scopes if scope["domain_id"] == domain_id]
    if not chosen:
        return False
    for key in set(request.session.keys()) - {SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY}:
        del request.session[key]
    request.session[_KEY] = chosen + [scope for scope in scopes if scope not in chosen]
    request.session.cycle_key()
    return True


def confirm(request: HttpRequest) -> str:
    """Ask Keystone for the operator's rights at this moment, before every act.

    Puts them on the operator of the request, and returns the token that carries them, which must
    not be shown or logged.

    Raises:
        EndedError: they are fewer than at sign-in.
        client.UnreachableError
    """
    scopes = _scopes(request)
    token_id = unseal(scopes[0]["token"]) if scopes else None
    if token_id is None:
        raise EndedError
    try:
        rights = Rights.of(client.validate(token_id))
    except client.RefusedError:
        raise EndedError from None
    before = _rights(scopes[0])
    if rights is None or rights.domain_id != before.domain_id or not rights.covers(before):
        raise EndedError
    request.user.rights = rights  # type: ignore[union-attr]  # only operators have a session
    return token_id


def _scopes(request: HttpRequest) -> list[dict[str, Any]]:
    scopes = request.session.get(_KEY)
    return scopes if isinstance(scopes, list) else []  # a session of an older version ends


def _rights(scope: dict[str, Any]) -> Rights:
    return Rights(
        role=Role(scope["role"]),
        domain_id=scope["domain_id"],
        domain_name=scope["domain_name"],
        management=scope.get("management", False),  # sessions from before the setting
    )


def _fernet() -> Fernet:
    digest = hashlib.sha256(b"pciops.signin.seal" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
