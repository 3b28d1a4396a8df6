"""What a call of the API takes and answers: declared beside its view, checked, and documented."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest

from pciops.api.errors import ApiError
from pciops.api.schemas import Schema


@dataclass(frozen=True)
class Parameter:
    """A parameter of a URL."""

    name: str
    schema: Schema
    description: str
    may_be_empty: bool = False


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method of a resource."""

    summary: str
    description: str = ""
    needs: str = "see"  # a permission; see `pciops.signin.rights`
    whole_cloud: bool = False  # it takes a token of the system
    query: tuple[Parameter, ...] = ()
    body: Schema | None = None  # of an object
    answer: Schema  # of status 200, in JSON
    files: tuple[str, ...] = ()  # content types that status 200 may have instead
    others: Mapping[int, tuple[str, Schema]] = field(default_factory=dict)  # statuses besides 200
    errors: tuple[int, ...] = ()  # besides those of every operation


# Each view with its operations by method, filled by `pciops.api.auth.endpoint`.
OPERATIONS: Final[dict[Callable[..., Any], Mapping[str, Operation]]] = {}


def check_query(request: HttpRequest, operation: Operation) -> None:
    """Refuse parameters that the operation does not take, that come twice, or that are empty.

    An empty one is often a variable of a script that is not set.

    Raises:
        ApiError: names the parameter.
    """
    known = {parameter.name: parameter for parameter in operation.query}
    for name, values in request.GET.lists():
        if name not in known:
            raise _unknown(name, "parameter", list(known))
        if len(values) > 1:
            raise ApiError(400, f"{name}: send it once, not {len(values)} times.")
        if not values[0].strip() and not known[name].may_be_empty:
            raise ApiError(400, f"{name}: it has no value. Leave it out instead.")


def check_fields(body: dict[str, Any], operation: Operation) -> None:
    """Refuse fields of a body that the operation does not take, with an ApiError."""
    known = list(operation.body["properties"]) if operation.body else []
    for name in body:
        if name not in known:
            raise _unknown(name, "field", known)


def _unknown(name: str, what: str, known: list[str]) -> ApiError:
    allowed = f"choose from {', '.join(known)}" if known else "there are none here"
    return ApiError(400, f"{name[:40]}: unknown {what}; {allowed}.")
