"""The tokens in a session: sealed, with the rights that they carry, and when they end."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils import timezone

from pciops.keystone import client
from pciops.keystone.token import Token
from pciops.lib import keys
from pciops.lib.addresses import storable
from pciops.signin import audit
from pciops.signin.rights import Rights, Role
from pciops.signin.session_store import ORIGIN, SessionStore

# How long Keystone's confirmation of the rights counts for a page. While Keystone does not answer,
# the last one counts longer, so that an outage does not take the pages away: only for reading.
CONFIRMED_FOR: Final = timedelta(seconds=60)
OUTAGE: Final = timedelta(minutes=15)
PAUSE: Final = timedelta(seconds=10)  # between two questions that Keystone does not answer
REVOKE_TIMEOUT: Final = 3  # seconds for each token

_KEY = "keystone"  # a list: the scope in which the operator acts, then the others
_UNANSWERED = "unanswered_at"
_NEVER: Final = datetime.min.replace(tzinfo=UTC)

log = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., Any])


class EndedError(Exception):
    """The session's token has ended, was revoked, or no longer carries the rights it had."""


class RevokedError(EndedError):
    """Keystone says so: the token was valid by its time."""


@dataclass(frozen=True, kw_only=True)
class SessionEnd:
    """The time at which a session ends if it is not used until then."""

    at: datetime
    movable: bool  # False: the token of Keystone ends at that time

    def seconds(self, now: datetime) -> int:
        """Return how many are left."""
        return max(0, int((self.at - now).total_seconds()))


def seal(text: str) -> str:
    """Encrypt a text with a key of its own, so that a copy of the database reveals no secret."""
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
    *,
    now: datetime,
) -> None:
    """Put the token, sealed, and the rights that it carries into the session.

    Args:
        others: scopes that the operator can change to, with `change_scope`.
    """
    request.session[_KEY] = [
        {
            "token": seal(token.id),
            "expires_at": token.expires_at.isoformat(),
            "confirmed_at": now.isoformat(),
            "role": rights.role,
            "domain_id": rights.domain_id,
            "domain_name": rights.domain_name,
            "management": rights.management,
        }
        for token, rights in ((token, rights), *others)
    ]
    request.session[ORIGIN] = {
        "domain_id": rights.domain_id or "",
        "address": audit.source_address(request),
        "agent": storable(request.headers.get("User-Agent", ""))[:255],
        "began_at": now.isoformat(),
    }


def confirms_itself(view: F) -> F:
    """Mark a view that calls `confirm` before its act, and answers its errors in its own form."""
    view.confirms_itself = True  # type: ignore[attr-defined]  # decorators around it copy this
    return view


def attach(request: HttpRequest, now: datetime, *, always: bool = False) -> None:
    """Put the rights on the operator of this request, if there is one.

    Args:
        always: Keystone must confirm them at this moment, not within the last minute.

    Raises:
        EndedError: the token has expired, or Keystone no longer confirms the rights.
        client.UnreachableError: Keystone has not confirmed them for too long.
    """
    user = getattr(request, "user", None)  # a request that was refused early has none
    if user is None or not user.is_authenticated:
        return
    scopes = _scopes(request)
    if not scopes or datetime.fromisoformat(scopes[0]["expires_at"]) <= now:
        raise EndedError
    user.rights, *user.others = map(_rights, scopes)
    confirmed_at = _time(scopes[0].get("confirmed_at"))
    if not always and now - confirmed_at < CONFIRMED_FOR:
        return
    paused = now - _time(request.session.get(_UNANSWERED)) < PAUSE
    try:
        if paused and not always:
            raise client.UnreachableError("no answer a moment ago")
        confirm(request)
    except client.UnreachableError:
        if not paused:
            request.session[_UNANSWERED] = now.isoformat()
        if always or now - confirmed_at >= OUTAGE:
            raise
        user.unconfirmed_since = confirmed_at
        return
    request.session[_KEY] = [{**scopes[0], "confirmed_at": now.isoformat()}, *scopes[1:]]
    request.session.pop(_UNANSWERED, None)


def end_of(request: HttpRequest, now: datetime, *, used: bool) -> SessionEnd:
    """Return when the session of a signed-in operator ends.

    Args:
        used: the request is a use of the session, which moves its end.
    """
    session = cast("SessionStore", request.session)
    begins = session.seen_at or now
    if used and session.must_be_renewed(now):
        begins = now
    idle = begins + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    token = datetime.fromisoformat(_scopes(request)[0]["expires_at"])
    return SessionEnd(at=min(idle, token), movable=idle < token)


def revoke(contents: Mapping[str, Any]) -> None:
    """Revoke the tokens of a session at Keystone; a failure is logged.

    Each is one or two revocation events, which Keystone checks at every validation until they are
    old.
    """
    for scope in _scopes_of(contents):
        token_id = unseal(scope["token"])
        if token_id is None or datetime.fromisoformat(scope["expires_at"]) <= timezone.now():
            continue
        try:
            client.revoke(token_id, timeout=REVOKE_TIMEOUT)
        except client.RefusedError:
            continue  # it has ended already
        except client.UnreachableError as error:
            log.warning("cannot revoke a token of an ended session: %s", error)
            return


def change_scope(request: HttpRequest, domain_id: str | None) -> bool:
    """Act in another scope from now on; return False if the session does not have it.

    The session begins anew, without anything that was shown in the other scope.
    """
    scopes = _scopes(request)
    chosen = [scope for scope in scopes if scope["domain_id"] == domain_id]
    if not chosen:
        return False
    kept = {SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY, ORIGIN}
    for key in set(request.session.keys()) - kept:
        del request.session[key]
    request.session[ORIGIN] = {**request.session.get(ORIGIN, {}), "domain_id": domain_id or ""}
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
        raise RevokedError from None
    before = _rights(scopes[0])
    if rights is None or rights.domain_id != before.domain_id or not rights.covers(before):
        raise RevokedError
    request.user.rights = rights  # type: ignore[union-attr]  # only operators have a session
    return token_id


def _scopes(request: HttpRequest) -> list[dict[str, Any]]:
    return _scopes_of(request.session)


def _scopes_of(contents: Mapping[str, Any] | SessionBase) -> list[dict[str, Any]]:
    scopes = contents.get(_KEY)
    return scopes if isinstance(scopes, list) else []  # a session of an older version ends


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else _NEVER


def _rights(scope: dict[str, Any]) -> Rights:
    return Rights(
        role=Role(scope["role"]),
        domain_id=scope["domain_id"],
        domain_name=scope["domain_name"],
        management=scope.get("management", False),  # sessions from before the setting
    )


def _fernet() -> MultiFernet:
    """Return the current key for sealing, and all accepted ones for unsealing."""
    accepted = [base64.urlsafe_b64encode(key.secret) for key in keys.of("pciops.signin.seal")]
    return MultiFernet([Fernet(key) for key in accepted])
