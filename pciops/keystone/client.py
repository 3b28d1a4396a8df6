"""The one module that speaks to Keystone's API (v3)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from django.conf import settings
from keystoneauth1 import access, exceptions, session
from keystoneauth1.identity import v3
from urllib3.exceptions import NewConnectionError

from pciops import __version__
from pciops.lib.logs import escape

MESSAGE_MAX: Final = 300  # characters of Keystone's own words

# 400 as well: a name that is too long, or an account at the threshold without `failed_auth_at`.
_REFUSALS = (exceptions.Unauthorized, exceptions.Forbidden, exceptions.BadRequest)
_NONSENSE: Final = "what answered there is no Keystone v3"
# keystone.exception.PasswordExpired is the one refusal of a sign-in that Keystone explains.
_EXPIRED: Final = re.compile(r"password is expired(?:.* for user: (\S+?)\.(?:\s|$))?")


class KeystoneError(Exception):
    """What Keystone said, told apart where it matters to a person."""


class RefusedError(KeystoneError):
    """401: name, password or token is wrong, or the account is locked, disabled or inactive."""


class PasswordExpiredError(KeystoneError):
    """401: the password was right, and has to be changed first."""

    def __init__(self, user_id: str) -> None:
        super().__init__(user_id)
        self.user_id = user_id  # "" where Keystone did not say whose it was


class PasswordRefusedError(KeystoneError):
    """400, 403 or 409: the new password breaks a rule, which Keystone names in a sentence."""


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
        self.receipt = receipt  # a secret, in place of the password that it stands for
        self.user_id = user_id
        self.lifetime = lifetime  # of the receipt, whatever Keystone's clock says
        self.missing = missing  # any one of these sets of methods lets them in

    @property
    def takes_totp(self) -> bool:
        """Whether a code, and nothing else, is missing."""
        return bool(self.receipt) and frozenset({"totp"}) in self.missing


class OtherCloudError(KeystoneError):
    """Credentials that are right, for another Keystone than ours."""


class UnreachableError(KeystoneError):
    """No answer, or none that makes sense: nothing is known of name and password."""


class RejectedError(KeystoneError):
    """A change that Keystone understood and did not make; the text is its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class LostError(KeystoneError):
    """A change that was sent, without an answer that says what became of it."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token of Keystone and what it stands for. Its id is a secret: never shown or logged."""

    id: str = field(repr=False)
    expires_at: datetime  # aware, UTC
    user_id: str
    user_name: str
    user_domain_id: str
    user_domain_name: str
    roles: frozenset[str]
    system: bool
    domain_id: str | None  # the domain that it is scoped to
    domain_name: str | None
    project_name: str | None
    project_domain_name: str | None
    application_credential: bool = False  # it is bound to its project and cannot be rescoped


def authenticate(name: str, password: str, domain_name: str) -> Token:
    """An unscoped token for name and password: exactly one try at the password.

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
            include_catalog=False,
            reauthenticate=False,
        )
    )


def sign_in(it: session.Session) -> Token:
    """The token of whoever a command's own session signs in (keystone.clouds): one try.

    It is validated at our Keystone, for clouds.yaml may be about another one.

    Raises:
        PasswordExpiredError, SecondFactorError, RefusedError, UnreachableError
        OtherCloudError: Keystone gave a token, and ours does not accept it.
    """
    with _failures(_REFUSALS):
        token_id = str(it.get_token())
    try:
        return validate(token_id)
    except RefusedError as error:
        raise OtherCloudError from error


def second_factor(receipt: str, user_id: str, passcode: str) -> Token:
    """An unscoped token for the receipt of a right password and a TOTP code.

    A wrong code is no failure in Keystone: nothing there slows who guesses.

    Raises:
        SecondFactorError: where the rules want still more.
        RefusedError: the code is wrong, or the receipt has ended; Keystone does not say which.
        UnreachableError
    """
    methods = [
        v3.ReceiptMethod(receipt=receipt),
        v3.TOTPMethod(user_id=user_id, passcode=passcode),
    ]
    return _issue(
        v3.Auth(
            settings.OS_AUTH_URL,
            methods,
            unscoped=True,
            include_catalog=False,
            reauthenticate=False,
        )
    )


def change_password(user_id: str, current: str, new: str) -> None:
    """Change a password as its owner: Keystone asks for no token, so it may have expired.

    Raises:
        RefusedError: the current one is wrong, which is a failure in Keystone as at sign-in.
        PasswordRefusedError: the new one breaks a rule, in Keystone's words.
        UnreachableError
    """
    body = {"user": {"original_password": current, "password": new}}
    url = f"{_v3_url()}/users/{quote(user_id, safe='')}/password"
    with _failures((exceptions.Unauthorized, exceptions.NotFound)):
        try:
            _session().post(url, json=body, authenticated=False, log=False)
        except (exceptions.BadRequest, exceptions.Forbidden, exceptions.Conflict) as error:
            raise PasswordRefusedError(_words(error, current, new)) from error
    # The change revokes every token of the user up to its own second, those that are issued later
    # within that second among them.
    time.sleep(settings.KEYSTONE_REVOCATION_SECONDS)


def rescope(token: Token, scope: Mapping[str, Any]) -> Token:
    """Another token of the same person, with a scope as keystoneauth1's v3.Token names it.

    Counts as no failure in Keystone when it is refused.

    Raises:
        RefusedError, UnreachableError.
    """
    return _issue(
        v3.Token(
            settings.OS_AUTH_URL, token.id, include_catalog=False, reauthenticate=False, **scope
        )
    )


def validate(token_id: str) -> Token:
    """What Keystone says of a token now: it is asked of the token itself (`token_subject`).

    Raises:
        RefusedError: where it has ended, was revoked, or its roles were.
        UnreachableError
    """
    headers = {"X-Auth-Token": token_id, "X-Subject-Token": token_id}
    with _failures((*_REFUSALS, exceptions.NotFound)):
        response = _session().get(
            f"{_v3_url()}/auth/tokens?nocatalog",
            headers=headers,
            authenticated=False,
            log=False,
        )
        return _token(access.AccessInfoV3(response.json(), token_id))


def update_user(token_id: str, user_id: str, changes: Mapping[str, Any]) -> None:
    """PATCH a user with the token of whoever wants it: Keystone's policy decides whether they may.

    Raises:
        RefusedError: the token is not accepted (any more). Nothing was changed.
        RejectedError: 403 where the policy forbids it, 404, 400… Nothing was changed.
        UnreachableError: there was no connection. Nothing was changed.
        LostError: it may have been changed, now or in a moment.
    """
    url = f"{_v3_url()}/users/{quote(user_id, safe='')}"
    try:
        response = _session().patch(
            url,
            json={"user": dict(changes)},
            headers={"X-Auth-Token": token_id},
            authenticated=False,
            log=False,
            redirect=False,  # the token is for this address
        )
    except exceptions.Unauthorized as error:
        raise RefusedError from error
    except exceptions.HttpError as error:
        if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise LostError(f"it answered HTTP {error.http_status}") from error
        raise RejectedError(error.http_status, _said(error)) from error
    except exceptions.SSLError as error:
        raise UnreachableError("its TLS certificate cannot be verified") from error
    except exceptions.ConnectTimeout as error:  # whichever part of it took too long
        raise LostError(f"no answer in {settings.KEYSTONE_TIMEOUT} s") from error
    except exceptions.ClientException as error:
        if _never_sent(error):
            raise UnreachableError("no connection") from error
        raise LostError("the connection broke") from error
    if response.status_code != HTTPStatus.OK:
        raise RejectedError(response.status_code, "its answer is none of Keystone's")


def _said(error: Any) -> str:
    """Keystone's own sentence in its error object, fit for a page and a log."""
    try:
        message = error.response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no reason was given"
    return escape(str(message))[:MESSAGE_MAX]


def _never_sent(error: Exception) -> bool:
    """Whether there was no connection at all; keystoneauth1 tells it by the cause alone."""
    cause = error.__context__
    return any(
        isinstance(getattr(part, "reason", None), NewConnectionError)
        for part in (cause.args if cause else ())
    )


def ping(timeout: int | None = None) -> datetime | None:
    """Ask Keystone for its version document; what its clock says, if it says it.

    Raises:
        UnreachableError
    """
    with _failures(()):
        response = _session(timeout).get(_v3_url(), authenticated=False, log=False)
    try:
        return parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None


def _issue(plugin: v3.Auth) -> Token:
    with _failures(_REFUSALS):
        return _token(plugin.get_access(_session()))


def _session(timeout: int | None = None) -> session.Session:
    return session.Session(
        verify=settings.OS_CACERT or True,
        timeout=timeout or settings.KEYSTONE_TIMEOUT,
        app_name="pciops",
        app_version=__version__,
    )


def _v3_url() -> str:
    url: str = settings.OS_AUTH_URL
    return url if url.endswith("/v3") else f"{url}/v3"


def _token(info: Any) -> Token:
    return Token(
        id=info.auth_token,
        expires_at=info.expires,
        user_id=info.user_id,
        user_name=info.username,
        user_domain_id=info.user_domain_id,
        user_domain_name=info.user_domain_name,
        roles=frozenset(info.role_names),
        system=bool(info.system_scoped),
        domain_id=info.domain_id,
        domain_name=info.domain_name,
        project_name=info.project_name,
        project_domain_name=info.project_domain_name,
        application_credential=info.application_credential_id is not None,
    )


def _words(error: exceptions.HttpError, *secrets: str) -> str:
    """Keystone's sentence, without the secrets that it was sent: it repeats a value at times."""
    said, *_ = str(error).rpartition(" (HTTP ")  # which keystoneauth1 appends
    words = " ".join(said.split())[:500].rstrip(". ") or "it gives no reason"
    for secret in secrets:
        if len(secret) > 3:  # a shorter one would be found in any word
            words = words.replace(secret, "•••")
    return words


def _incomplete(error: exceptions.MissingAuthMethods) -> KeystoneError:
    """What is missing, from Keystone's answer; UnreachableError where that makes no sense."""
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
        return UnreachableError(_NONSENSE)


@contextmanager
def _failures(refusals: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn what keystoneauth1 raises into what this module promises."""
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
        raise UnreachableError(_NONSENSE) from error
