"""The callers of the API: Keystone checks the token in X-Auth-Token at every call."""

from __future__ import annotations

import functools
import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Concatenate, Final, ParamSpec, cast

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from pciops.api.bodies import body_of
from pciops.api.errors import ApiError, DeniedError
from pciops.api.operations import OPERATIONS, Operation, check_fields, check_query
from pciops.audit import refusals
from pciops.audit.models import Event
from pciops.audit.services import AuditLogError, Initiator
from pciops.keystone import client
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.token import Token
from pciops.lib.env import SettingError
from pciops.lib.filters import FilterError
from pciops.lib.keyset import MarkerError
from pciops.signin import audit
from pciops.signin.models import Operator
from pciops.signin.rights import Rights, keystone_roles

log = logging.getLogger(__name__)
P = ParamSpec("P")
UNKNOWN: Final = "unknown token"
# Tokens that Keystone refused a moment ago, by their SHA-256: a flood of one costs Keystone little.
REFUSED_FOR: Final = 5  # seconds for which a refused token is not looked up again
NO_ROLE: Final = (
    "The token carries no role that pciops accepts, on the system or on a domain. A token acts "
    "in its own scope. Issue it with OS_SYSTEM_SCOPE=all or OS_DOMAIN_ID."
)
TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")


class ApiRequest(HttpRequest):
    """A request whose token Keystone has just confirmed, and whose names were checked."""

    operator: Operator
    fields: dict[str, Any]  # of the body; empty if the operation takes none


def endpoint(
    **operations: Operation,
) -> Callable[
    [Callable[Concatenate[ApiRequest, P], HttpResponseBase]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """Make a view of the API: check calls by its operations, answer errors in Keystone's format.

    Args:
        operations: by method, such as `GET=Operation(…)`.
    """

    def decorate(
        view: Callable[Concatenate[ApiRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @csrf_exempt  # cookies are ignored, so no other site can act through one
        @login_not_required
        @never_cache
        @functools.wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            try:
                return view(_checked(request, operations), *args, **kwargs)
            except DeniedError as error:
                _note(request, error)
                return error.response()
            except ApiError as error:
                return error.response()
            except FilterError as error:
                return ApiError(400, str(error)).response()
            except MarkerError:
                problem = "marker: not from this list. Take it from links.next."
                return ApiError(400, problem).response()
            except AuditLogError as error:
                return ApiError(503, str(error)).response()
            except KeystoneDatabaseDownError as error:
                log.warning("Keystone's database does not answer: %s", error)
                return ApiError(503, "Keystone's database does not answer.").response()
            except (DatabaseError, InterfaceError) as error:
                log.error("pciops' own database does not answer: %s", error)
                return ApiError(503, "pciops' own database does not answer.").response()
            except SettingError as error:
                log.error("the policy cannot be read: %s", error)
                return ApiError(503, "Keystone's policy cannot be read.").response()

        OPERATIONS[guarded] = operations
        return guarded

    return decorate


def _checked(request: HttpRequest, operations: Mapping[str, Operation]) -> ApiRequest:
    """Return the request with its operator and the fields of its body, or raise ApiError."""
    method = "GET" if request.method == "HEAD" else request.method
    operation = operations.get(method or "")
    if operation is None:
        allowed = ", ".join(operations)
        problem = f"{request.method} is not allowed here. Use {allowed}."
        raise ApiError(405, problem, {"Allow": allowed})
    call = cast("ApiRequest", request)
    call.operator = _operator(call, operation)
    check_query(call, operation)
    call.fields = body_of(call) if operation.body else {}
    check_fields(call.fields, operation)
    return call


def initiator(request: ApiRequest) -> Initiator:
    """Return the operator of a call, for the audit log."""
    return audit.initiator(request, request.operator, Event.Via.API)


def _operator(request: ApiRequest, operation: Operation) -> Operator:
    """Return the holder of the token, with the rights that the token itself carries."""
    token_id = request.headers.get("X-Auth-Token", "")
    if not TOKEN.fullmatch(token_id):
        raise DeniedError(401, "X-Auth-Token: send a Keystone token (openstack token issue).")
    digest = hashlib.sha256(token_id.encode()).hexdigest()
    if cache.get(refused := f"refused-token:{digest}"):
        raise _not_accepted()
    try:
        token = client.validate(token_id)
    except client.RefusedError:
        cache.set(refused, value=True, timeout=REFUSED_FOR)
        raise _not_accepted() from None
    except client.UnreachableError as error:
        raise ApiError(503, f"Keystone does not answer: {error}.") from None
    operator = request.operator = _holder(token)
    rights = Rights.of(token)
    if rights is None:
        raise DeniedError(403, _bound() if token.application_credential else NO_ROLE)
    if not rights.may(operation.needs):
        raise DeniedError(403, rights.refusal(operation.needs))
    if operation.whole_cloud and rights.domain_id is not None:
        names = " or ".join(keystone_roles(operation.needs))
        raise DeniedError(403, f"This needs the role {names} on the system.")
    operator.rights, operator.token = rights, token
    return operator


def _not_accepted() -> DeniedError:
    return DeniedError(401, "X-Auth-Token: Keystone does not accept this token.")


def _holder(token: Token) -> Operator:
    return Operator(
        id=token.user_id,
        name=token.user_name,
        domain_id=token.user_domain_id,
        domain_name=token.user_domain_name,
    )


def _note(request: HttpRequest, error: DeniedError) -> None:
    """Write a refusal to the audit log, but for reads with a token that is not accepted.

    Scripts often read with a token that has ended.
    """
    if error.code == HTTPStatus.UNAUTHORIZED and request.method in {"GET", "HEAD"}:
        return
    operator = getattr(request, "operator", None) or Operator(id="", name=UNKNOWN)
    by = audit.initiator(request, operator, Event.Via.API)
    resource = f"{request.method} {request.path}"
    refusals.record_refusal(
        initiator=by, resource=resource, remark=error.message, now=timezone.now()
    )


def _bound() -> str:
    """Return what to use instead of this application credential."""
    problem = (
        "The token comes from an application credential, which is bound to its project. Keystone "
        "can't turn it into a token of the system or of a domain, even if its owner has roles "
        "there."
    )
    instead = "the token of a password with OS_SYSTEM_SCOPE=all or OS_DOMAIN_ID"
    if project := settings.ADMIN_PROJECT_NAME:
        return (
            f"{problem} Create the application credential in the project {project}, or use "
            f"{instead}."
        )
    return (
        f"{problem} Use {instead}. Or set PCIOPS_ADMIN_PROJECT_NAME to a project of "
        "administrators, and create the application credential in it."
    )
