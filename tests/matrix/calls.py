"""Every URL and API call, and what it takes. A route that is not here fails the test.

`{id}` in a path, query or body is the account that the call is about; `{seen}` its failures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from pciops.signin.rights import Permission
from tests.signin.visit import Response

WEEK: Final = "2026-W46"  # of which there are reports: see conftest
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One method at one route."""

    method: str
    route: str
    needs: Permission | None = "see"  # None: of nobody; a form to sign in, say
    queries: tuple[str, ...] = ("",)  # that show accounts; the first is the usual one
    body: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200  # for whom it is meant
    signed_in: int | None = None  # for who is signed in, where nothing is needed
    system_only: bool = False  # for nobody whose scope is a domain
    foreign: int | None = None  # about an account of another domain; None: as ever
    name: str = ""  # of the act
    unlocks: bool = False  # the locked account that it is about

    def __str__(self) -> str:
        return f"{self.method} /{self.route}".replace("<str:name>", self.name)

    @property
    def is_api(self) -> bool:
        return self.route.startswith("api/")

    def send(
        self,
        browser: Client,
        token: str,
        *,
        user_id: str,
        seen: str,
        query: str | None = None,
        method: str = "",
    ) -> Response:
        """Make the call: with a token where it is one of the API, else as the browser would."""
        facts = {"{id}": user_id, "{seen}": seen, "<str:user_id>": user_id, "<path:rest>": "x"}
        facts["<str:name>"] = self.name
        facts["<str:kind>"] = "locked"
        facts["<str:week>"] = WEEK
        facts["<str:batch_id>"] = "of-nobody"
        facts["<uuid:notice_id>"] = str(UUID(int=0))
        path = _filled(f"/{self.route}{self.queries[0] if query is None else query}", facts)
        body = _filled(json.dumps(self.body), facts)
        method = method or self.method
        if self.is_api:
            headers = {"X-Auth-Token": token} if token else {}
            return Client().generic(method, path, body, "application/json", headers=headers)
        if method == "POST":
            return browser.post(path, json.loads(body))
        return browser.generic(method, path)


def _filled(text: str, facts: Mapping[str, str]) -> str:
    for name, value in facts.items():
        text = text.replace(name, value)
    return text


_LIST: Final = (
    "?state=locked",
    "",
    "?kind=administrator",
    "?state=disabled",
    "?q={id}",
    "?q=zelda",
    "?q=ann",
)
_EXPORT: Final = (
    "?format=json",
    "?format=csv",
    "?format=csv&state=locked",
    "?format=json&q=zelda",
    "?format=json&q={id}",
)
_API_LIST: Final = (*_LIST, "?domain_id=payments", "?limit=1")
_WHAT_IF: Final = "?lockout_failure_attempts=1&disable_user_account_days_inactive=1"
_ACT: Final = "accounts/<str:user_id>/<str:name>/"
_API_ACT: Final = "api/v1/accounts/<str:user_id>/<str:name>"
_REPORT: Final = "reports/<str:week>/"
_FORMATS: Final = ("?format=json", "?format=csv", "?format=html", "?format=pdf")
_WHY: Final = {"reason": "INC-4711", "identity": "ticket"}

CALLS: Final = (
    Call(method="GET", route="signin/", needs=None, signed_in=302),
    Call(
        method="POST",
        route="signin/",
        needs=None,
        body={"name": "zelda", "password": "wrong horse", "domain": "Default"},
    ),
    # Pages that follow a password: without one they lead back to the form.
    *(
        Call(method=method, route=route, needs=None, status=302)
        for method in ("GET", "POST")
        for route in ("signin/code/", "signin/password/")
    ),
    Call(method="POST", route="signout/", needs=None, status=302),
    Call(method="POST", route="scope/", body={"scope": "of nobody here"}, status=302),
    Call(method="GET", route=""),
    Call(method="GET", route="accounts/", queries=_LIST),
    Call(method="GET", route="accounts/export", queries=_EXPORT),
    Call(method="GET", route="accounts/unlock/", needs="unlock", status=302),
    Call(
        method="POST",
        route="accounts/unlock/",
        needs="unlock",
        body={**_WHY, "account": ["{id} {seen}"]},
        status=302,
    ),
    Call(method="GET", route="accounts/unlocks/<str:batch_id>/", needs="unlock", status=404),
    Call(method="POST", route="accounts/unlocks/<str:batch_id>/stop/", needs="unlock", status=404),
    Call(method="GET", route="accounts/<str:user_id>/", foreign=404),
    Call(method="GET", route=_ACT, name="unlock", needs="unlock", foreign=404),
    Call(method="GET", route=_ACT, name="disable", needs="administer", foreign=404),
    Call(method="GET", route=_ACT, name="exempt", needs="administer", foreign=404),
    # What does not fit a locked account leads back to it.
    *(
        Call(method="GET", route=_ACT, name=name, needs="administer", status=302, foreign=404)
        for name in ("enable", "lift", "record")
    ),
    Call(
        method="POST",
        route=_ACT,
        name="unlock",
        needs="unlock",
        unlocks=True,
        body={**_WHY, "seen": "{seen}"},
        status=302,
        foreign=404,
    ),
    *(  # without a word of why: nothing is done
        Call(method="POST", route=_ACT, name=name, needs="administer", status=400, foreign=404)
        for name in ("enable", "disable", "exempt", "lift", "record")
    ),
    Call(
        method="GET",
        route="activity/",
        queries=("", "?account=zelda", "?kind=sign_in", "?doer=ann", "?address=203.0.113.66"),
    ),
    Call(
        method="GET",
        route="activity/export",
        queries=("?format=json", "?format=csv&account=zelda"),
    ),
    Call(method="GET", route="activity/set-aside/", needs="administer", system_only=True),
    Call(method="GET", route="audit/", queries=("", "?account=zelda", "?operator=ann")),
    Call(  # of all acts each file would name the one before it
        method="GET",
        route="audit/export",
        queries=("?format=json&action=unlock", "?format=csv&action=unlock"),
    ),
    Call(method="GET", route="exemptions/"),
    Call(method="GET", route="exemptions/export", queries=("?format=json", "?format=csv")),
    Call(method="GET", route="notices/"),
    Call(method="GET", route="notices/preview/<str:kind>/", queries=("", "?account=zelda")),
    Call(method="POST", route="notices/sample/<str:kind>/", needs="administer", status=302),
    Call(
        method="POST",
        route="notices/<uuid:notice_id>/again/",
        needs="administer",
        status=404,  # there is no such notice
    ),
    Call(method="GET", route="notices/digest/"),
    Call(method="POST", route="notices/digest/sample/", needs="administer", status=302),
    Call(method="GET", route="policy/", queries=("", _WHAT_IF)),
    Call(method="GET", route="reports/"),
    Call(method="GET", route=_REPORT, queries=("", "?revision=1")),
    Call(method="GET", route=f"{_REPORT}export", queries=_FORMATS),
    Call(method="GET", route=f"{_REPORT}changes/"),
    Call(method="GET", route=f"{_REPORT}sign-off/", needs="sign_off"),
    Call(  # without a word of what was seen: nothing is signed
        method="POST", route=f"{_REPORT}sign-off/", needs="sign_off", status=400
    ),
    Call(method="POST", route=f"{_REPORT}again/", needs="administer", status=302),
    Call(method="GET", route="status/", needs="administer", system_only=True),
    # --- The API ---
    Call(method="GET", route="api/v1/accounts", queries=_API_LIST),
    Call(
        method="POST",
        route="api/v1/accounts/unlock",
        needs="unlock",
        unlocks=True,
        body={**_WHY, "accounts": [{"id": "{id}"}]},
        foreign=404,
    ),
    Call(method="GET", route="api/v1/accounts/<str:user_id>", foreign=404),
    Call(
        method="POST",
        route=_API_ACT,
        name="unlock",
        needs="unlock",
        unlocks=True,
        body=_WHY,
        foreign=404,
    ),
    *(
        Call(method="POST", route=_API_ACT, name=name, needs="administer", status=400, foreign=404)
        for name in ("enable", "disable", "exempt", "lift", "record")
    ),
    Call(method="GET", route="api/v1/exemptions"),
    Call(method="GET", route="api/v1/overview"),
    Call(method="GET", route="api/v1/policy"),
    Call(method="GET", route="api/v1/policy/what-if", queries=(_WHAT_IF,)),
    Call(method="GET", route="api/v1/reports"),
    Call(method="GET", route="api/v1/reports/<str:week>", queries=("", *_FORMATS)),
    Call(
        method="GET",
        route="api/v1/activity",
        queries=("", "?account=zelda", "?kind=sign_in", "?doer=ann", "?limit=1"),
    ),
    Call(method="GET", route="api/v1/accounts/<str:user_id>/activity", foreign=404),
    Call(method="GET", route="api/v1/audit", queries=("", "?account=zelda", "?limit=1")),
    *(
        Call(method=method, route=route, needs=None, status=404)
        for method in METHODS
        for route in ("api/v1/<path:rest>", "api/v1/")
    ),
)


def routes(patterns: Any = None, before: str = "") -> Iterator[str]:
    """Every route that the site has, as the URL resolver knows it."""
    for item in get_resolver().url_patterns if patterns is None else patterns:
        route = f"{before}{item.pattern}"
        if isinstance(item, URLResolver):
            yield from routes(item.url_patterns, route)
        elif isinstance(item, URLPattern):
            yield route
