"""The client of Keystone's API (v3); no other module calls it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from django.conf import settings
from keystoneauth1 import access, exceptions, session
from keystoneauth1.identity import v3
from urllib3.exceptions import NewConnectionError

from pciops.keystone.session import KeystoneSession
from pciops.keystone.token import Token
from pciops.lib.logs import escape

MESSAGE_MAX: Final = 300  # characters of Keystone's own message

# Also 400: a name that is too long, or an account at the threshold without `failed_auth_at`.
_REFUSALS = (exceptions.Unauthorized, exceptions.Forbidden, exceptions.BadRequest)
_NOT_KEYSTONE: Final = "the server at that address is not Keystone v3"
_TOKEN_ONLY: Final[dict[str, Any]] = {"include_catalog": False, "reauthenticate": False}
# keystone.exception.PasswordExpired is the only refusal of a sign-in that Keystone explains.
_EXPIRED: Final = re.compile(r"password is expired(?:.* for user: (\S+?)\.(?:\s|$))?")


class KeystoneError(Exception):
    """The base of all errors here."""


class RefusedError(KeystoneError):
    """401: name, password or token is wrong, or the account is locked, disabled or inactive."""


class NotExchangedError(RefusedError):
    """403: Keystone does not exchange this token for one of another scope."""


class PasswordExpiredError(KeystoneError):
    """401: the password was right, and has to be changed first."""

    def __init__(self, user_id: str) -> None:
        super().__init__(user_id)
        self.user_id = user_id  # "" if Keystone did not say


class PasswordRefusedError(KeystoneError):
    """400, 403 or 409: the new password breaks a rule, which the text names."""


class SecondFactorError(KeystoneError):
    """401 with an auth receipt: the password was right, and is not enough (MFA rules)."""

    def __init__(
        self,
        *,
        receipt: str,
        user_id: str,
        lifetime: timedelta,
        missing: tuple[frozenset[str], ...],
    ) -> None:
        super().__init__()
        self.receipt = receipt  # as secret as the password
        self.user_id = user_id
        self.lifetime = lifetime  # of the receipt, independent of Keystone's clock
        self.missing = missing  # any one of these sets of methods is enough

    @property
    def takes_totp(self) -> bool:
        """Whether only a TOTP code is missing."""
        return bool(self.receipt) and frozenset({"totp"}) in self.missing


class OtherCloudError(KeystoneError):
    """The credentials are valid, but for another Keystone."""


class UnreachableError(KeystoneError):
    """No answer, or an invalid one: the credentials were not checked."""


class RejectedError(KeystoneError):
    """Keystone refused a change; the text is its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class TooOldError(KeystoneError):
    """Keystone has no such call."""


class LostError(KeystoneError):
    """A change was sent, and it is not known whether Keystone made it."""


def authenticate(name: str, password: str, domain_name: str) -> Token:
    """Return an unscoped token for name and password, in exactly one attempt.

    Raises:
        PasswordExpiredError, SecondFactorError, RefusedError, UnreachableError.
    """
    return _issue(
        v3.Password(
            settings.OS_AUTH_URL,
            username=name,
            password=password,
            user_domain_name=domain_name,
            unscoped=True,
            **_TOKEN_ONLY,
        )
    )


def sign_in(command_session: session.Session) -> Token:
    """Return the token of a command's session (see `clouds`), in one attempt.

    The token is validated at the site's Keystone, because clouds.yaml may name another one.

    Raises:
        PasswordExpiredError, SecondFactorError, RefusedError, UnreachableError
        OtherCloudError: the site's Keystone does not accept the token.
    """
    with _errors(_REFUSALS):
        token_id = str(command_session.get_token())
    try:
        return validate(token_id)
    except RefusedError as error:
        raise OtherCloudError from error


def issue(command_session: session.Session) -> str:
    """Return the id of a new token of a command's session; the errors are those of `sign_in`."""
    plugin: Any = command_session.auth
    with _errors(_REFUSALS):
        return str(plugin.get_auth_ref(command_session).auth_token)


def check(command_session: session.Session, asking: str, token_id: str) -> None:
    """Validate a token with another one, at the Keystone of a command's session.

    Raises:
        RefusedError, UnreachableError
    """
    plugin: Any = command_session.auth
    url = f"{_v3_url(plugin.auth_url)}/auth/tokens"
    headers = {"X-Auth-Token": asking, "X-Subject-Token": token_id}
    with _errors((*_REFUSALS, exceptions.NotFound)):
        answer = command_session.get(url, headers=headers, authenticated=False, log=False)
        answer.json()["token"]


def second_factor(receipt: str, user_id: str, passcode: str) -> Token:
    """Return an unscoped token for the receipt of a right password and a TOTP code.

    Keystone does not count wrong codes as failures, so it does not slow down guessing.

    Raises:
        SecondFactorError: if the rules require still more.
        RefusedError: the code is wrong, or the receipt has expired; Keystone does not say which.
        UnreachableError
    """
    methods = [
        v3.ReceiptMethod(receipt=receipt),
        v3.TOTPMethod(user_id=user_id, passcode=passcode),
    ]
    return _issue(v3.Auth(settings.OS_AUTH_URL, methods, unscoped=True, **_TOKEN_ONLY))


def change_password(user_id: str, current: str, new: str) -> None:
    """Change a password as its owner; Keystone requires no token, so it may have expired.

    Raises:
        RefusedError: the current one is wrong, which Keystone counts as a failure.
        PasswordRefusedError: the new one breaks a rule, which the text names.
        UnreachableError
    """
    body = {"user": {"original_password": current, "password": new}}
    url = f"{_v3_url()}/users/{quote(user_id, safe='')}/password"
    with _errors((exceptions.Unauthorized, exceptions.NotFound)):
        try:
            _session().post(url, json=body, authenticated=False, log=False)
        except (exceptions.BadRequest, exceptions.Forbidden, exceptions.Conflict) as error:
            raise PasswordRefusedError(_reason(error, current, new)) from error
    # The change also revokes the tokens that are issued later in the same second.
    time.sleep(settings.KEYSTONE_REVOCATION_SECONDS)


def rescope(token: Token, scope: Mapping[str, Any]) -> Token:
    """Return another token of the same user, with a scope as keystoneauth1's v3.Token names it.

    Keystone does not count a refusal as a failure.

    Raises:
        NotExchangedError: as for every scope, because the token has one already
            (`allow_rescope_scoped_token`), or was delegated.
        RefusedError, UnreachableError.
    """
    try:
        return _issue(v3.Token(settings.OS_AUTH_URL, token.id, **_TOKEN_ONLY, **scope))
    except RefusedError as error:
        if isinstance(error.__cause__, exceptions.Forbidden):
            raise NotExchangedError from error
        raise


def validate(token_id: str) -> Token:
    """Return the token as Keystone knows it now; the token itself is enough to ask.

    Raises:
        RefusedError: it has expired, or it or its roles were revoked.
        UnreachableError
    """
    headers = {"X-Auth-Token": token_id, "X-Subject-Token": token_id}
    with _errors((*_REFUSALS, exceptions.NotFound)):
        response = _session().get(
            f"{_v3_url()}/auth/tokens?nocatalog",
            headers=headers,
            authenticated=False,
            log=False,
        )
        return Token.of(access.AccessInfoV3(response.json(), token_id))


def revoke(token_id: str, *, timeout: int | None = None) -> None:
    """Revoke a token with itself. Keystone keeps one or two revocation events for it.

    Raises:
        RefusedError: it has ended already.
        UnreachableError
    """
    headers = {"X-Auth-Token": token_id, "X-Subject-Token": token_id}
    with _errors((*_REFUSALS, exceptions.NotFound)):
        _session(timeout).delete(
            f"{_v3_url()}/auth/tokens", headers=headers, authenticated=False, log=False
        )


def update_user(token_id: str, user_id: str, changes: Mapping[str, Any]) -> None:
    """PATCH a user with an operator's token, so that Keystone's own policy applies.

    Raises:
        RefusedError: the token is not valid (any more). Nothing was changed.
        RejectedError: 403 by the policy, 404, 400… Nothing was changed.
        UnreachableError: there was no connection. Nothing was changed.
        LostError: the user may have been changed, or may still be.
    """
    changed = {"user": dict(changes)}
    _change("PATCH", f"users/{quote(user_id, safe='')}", token_id, HTTPStatus.OK, json=changed)


def end_sessions(token_id: str, user_id: str) -> None:
    """End all tokens of a user with an operator's token, so that Keystone's own policy applies.

    Raises:
        TooOldError: Keystone has no such call before release 30. Nothing was changed.
        RefusedError, RejectedError, UnreachableError, LostError: as `update_user`.
    """
    path = f"users/{quote(user_id, safe='')}/tokens"
    try:
        _change("DELETE", path, token_id, HTTPStatus.NO_CONTENT)
    except RejectedError as error:
        no_call = error.status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
        if no_call and "find user" not in str(error):
            raise TooOldError from error
        raise


def _change(method: str, path: str, token_id: str, expected: HTTPStatus, **body: Any) -> None:
    """Send a change with an operator's token; the errors are those of `update_user`."""
    try:
        response = _session().request(
            f"{_v3_url()}/{path}",
            method,
            **body,
            headers={"X-Auth-Token": token_id},
            authenticated=False,
            log=False,
            redirect=False,  # the token is for this URL only
        )
    except exceptions.Unauthorized as error:
        raise RefusedError from error
    except exceptions.HttpError as error:
        if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise LostError(f"it answered HTTP {error.http_status}") from error
        raise RejectedError(error.http_status, _message(error)) from error
    except exceptions.SSLError as error:
        raise UnreachableError("its TLS certificate cannot be verified") from error
    except exceptions.ConnectTimeout as error:  # of the connection or of the answer
        raise LostError(f"no answer in {settings.KEYSTONE_TIMEOUT} s") from error
    except exceptions.ClientException as error:
        if _never_sent(error):
            raise UnreachableError("no connection") from error
        raise LostError("the connection broke") from error
    if response.status_code != expected:
        raise RejectedError(response.status_code, "its answer is not one of Keystone's")


def _message(error: Any) -> str:
    """Return the message of Keystone's error object, escaped for pages and logs."""
    try:
        message = error.response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no reason was given"
    return escape(str(message))[:MESSAGE_MAX]


def _never_sent(error: Exception) -> bool:
    """Return whether there was no connection at all, which only the cause tells."""
    cause = error.__context__
    return any(
        isinstance(getattr(part, "reason", None), NewConnectionError)
        for part in (cause.args if cause else ())
    )


def ping(timeout: int | None = None) -> datetime | None:
    """Return Keystone's time if its version document has it, or raise UnreachableError."""
    with _errors(()):
        response = _session(timeout).get(_v3_url(), authenticated=False, log=False)
    try:
        return parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None


def _issue(plugin: v3.Auth) -> Token:
    with _errors(_REFUSALS):
        return Token.of(plugin.get_access(_session()))


def _session(timeout: int | None = None) -> KeystoneSession:
    return KeystoneSession(
        verify=settings.OS_CACERT or True, timeout=timeout or settings.KEYSTONE_TIMEOUT
    )


def _v3_url(auth_url: str = "") -> str:
    url: str = (auth_url or settings.OS_AUTH_URL).rstrip("/")
    return url if url.endswith("/v3") else f"{url}/v3"


def _reason(error: exceptions.HttpError, *secrets: str) -> str:
    """Return Keystone's message without the secrets in the request, which it may repeat."""
    message, *_ = str(error).rpartition(" (HTTP ")  # which keystoneauth1 appends
    reason = " ".join(message.split())[:500].rstrip(". ") or "it gives no reason"
    for secret in secrets:
        if len(secret) > 3:  # a shorter one may be part of any word
            reason = reason.replace(secret, "•••")
    return reason


def _incomplete(error: exceptions.MissingAuthMethods) -> KeystoneError:
    """Return the missing methods in Keystone's answer; UnreachableError if it is invalid."""
    done = frozenset(error.methods)
    try:
        receipt = error.response.json()["receipt"]
        return SecondFactorError(
            receipt=str(error.receipt or ""),
            user_id=receipt["user"]["id"],
            lifetime=error.expires_at - datetime.fromisoformat(receipt["issued_at"]),
            missing=tuple(frozenset(rule) - done for rule in error.required_auth_methods),
        )
    except (ValueError, KeyError, TypeError):
        return UnreachableError(_NOT_KEYSTONE)


@contextmanager
def _errors(refusals: tuple[type[Exception], ...]) -> Iterator[None]:
    """Translate the exceptions of keystoneauth1."""
    try:
        yield
    except exceptions.MissingAuthMethods as error:
        raise _incomplete(error) from error
    except refusals as error:
        if expired := _EXPIRED.search(str(error)):
            raise PasswordExpiredError(expired[1] or "") from error
        raise RefusedError from error
    except exceptions.HttpError as error:
        raise UnreachableError(f"it answered HTTP {error.http_status}") from error
    except exceptions.SSLError as error:
        raise UnreachableError("its TLS certificate cannot be verified") from error
    except exceptions.ConnectTimeout as error:
        raise UnreachableError(f"no answer in {settings.KEYSTONE_TIMEOUT} s") from error
    except exceptions.ConnectionError as error:
        raise UnreachableError("no connection") from error
    except (exceptions.ClientException, ValueError, KeyError, TypeError) as error:
        raise UnreachableError(_NOT_KEYSTONE) from error
