"""The table of all URLs and API calls with what each takes, and the callers of the matrix.

`{id}` in a query or body is the account that the call is about; `{seen}` its failures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from pciops.accounts.account import Failures
from pciops.lib import outages
from pciops.signin.rights import Permission
from tests.factories import NOW
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response, sign_in

WEEK: Final = "2026-W46"  # has reports: see conftest
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
PRECONDITION: Final = str(Failures(failed_auth_count=3, failed_auth_at=NOW))


@dataclass(frozen=True, kw_only=True)
class Call:
    """One method of one route."""

    method: str
    route: str
    needs: Permission | None = "see"  # None: no rights, such as the sign-in form
    queries: tuple[str, ...] = ("",)  # that show accounts; the first is the default
    body: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200  # for callers who may make the call
    signed_in: int | None = None  # for signed-in callers of a call that needs no rights
    system_only: bool = False  # not for callers whose scope is a domain
    foreign: int | None = None  # about an account of another domain; None: the same status
    name: str = ""  # of the act
    unlocks: bool = False

    def __str__(self) -> str:
        return f"{self.method} /{self.route}".replace("<str:name>", self.name)

    @property
    def is_api(self) -> bool:
        return self.route.startswith("api/v1/")

    def filled(self, text: str, user_id: str) -> str:
        """Return a path, query or body with values for all its parameters."""
        values = {
            "{id}": user_id,
            "{seen}": PRECONDITION,
            "<str:user_id>": user_id,
            "<path:rest>": "x",
            "<str:name>": self.name,
            "<str:kind>": "locked",
            "<str:week>": WEEK,
            "<str:batch_id>": "unknown",
            "<str:request_id>": "unknown",
            "<str:session_id>": "unknown",
            "<uuid:notice_id>": str(UUID(int=0)),
        }
        for name, value in values.items():
            text = text.replace(name, value)
        return text


@dataclass(frozen=True)
class Caller:
    """A signed-in browser and an API token of one person; both empty for a stranger."""

    token: str = ""
    cookies: SimpleCookie = field(default_factory=SimpleCookie)
    keystone: FakeKeystone = field(default_factory=FakeKeystone)

    @classmethod
    def of(cls, keystone: FakeKeystone, role: str | None, scope: str) -> Caller:
        """Return a caller with this Keystone role in a scope: "system" or a domain's id."""
        if role is None:
            return cls()
        home = "shops" if scope == "system" else scope
        person = keystone.person("bob", domain_id=home, roles={scope: {role}})
        browser = Client()
        sign_in(browser, "bob", domain=home.title())
        return cls(keystone.issue(person, scope), browser.cookies, keystone)

    def send(
        self,
        call: Call,
        user_id: str,
        *,
        query: str | None = None,
        method: str = "",
        check_csrf: bool = False,
        **more: Any,
    ) -> Response:
        """Make the call about this account: with the token if it is of the API, or the browser.

        Tokens that a sign-out revokes stay valid, so that calls do not see each other.

        Args:
            more: WSGI variables, which win.
        """
        tokens = dict(self.keystone.tokens)
        try:
            return self._send(call, user_id, query, method, check_csrf=check_csrf, **more)
        finally:
            self.keystone.tokens = tokens

    def _send(
        self,
        call: Call,
        user_id: str,
        query: str | None,
        method: str,
        *,
        check_csrf: bool,
        **more: Any,
    ) -> Response:
        browser = Client(enforce_csrf_checks=check_csrf)
        path = call.filled(f"/{call.route}{call.queries[0] if query is None else query}", user_id)
        body = call.filled(json.dumps(call.body), user_id)
        method = method or call.method
        if call.is_api:
            headers = {"X-Auth-Token": self.token} if self.token else {}
            return browser.generic(method, path, body, "application/json", headers=headers, **more)
        browser.cookies.update(self.cookies)
        if method == "POST":
            return browser.post(path, json.loads(body), **more)
        return browser.generic(method, path)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Undo all that is written inside, so that calls do not see each other."""
    outages._noted.clear()  # an outage that was noted inside is undone, too
    with transaction.atomic("default"), transaction.atomic("keystone"):
        yield
        transaction.set_rollback(True, "default")
        transaction.set_rollback(True, "keystone")


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
_API_ACT: Final = "api/v1/accounts/<str:user_id>/"
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
    # Steps after the password: without one they redirect to the form.
    *(
        Call(method=method, route=route, needs=None, status=302)
        for method in ("GET", "POST")
        for route in ("signin/code/", "signin/password/")
    ),
    *(Call(method=method, route="signout/", needs=None, status=302) for method in ("GET", "POST")),
    Call(method="POST", route="scope/", body={"scope": "unknown"}, status=302),
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
    Call(method="GET", route="accounts/unlocks/<str:batch_id>/export", needs="unlock", status=404),
    Call(method="POST", route="accounts/unlocks/<str:batch_id>/stop/", needs="unlock", status=404),
    Call(method="GET", route="accounts/<str:user_id>/", foreign=404),
    Call(method="GET", route=_ACT, name="unlock", needs="unlock", foreign=404),
    Call(method="GET", route=_ACT, name="disable", needs="administer", foreign=404),
    Call(method="GET", route=_ACT, name="exempt", needs="administer", foreign=404),
    Call(method="GET", route=_ACT, name="end-sessions", needs="administer", foreign=404),
    Call(method="GET", route=_ACT, name="machine", needs="administer", foreign=404),
    # Acts that do not fit a locked account redirect to its page.
    *(
        Call(method="GET", route=_ACT, name=name, needs="administer", status=302, foreign=404)
        for name in ("enable", "lift", "record", "person")
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
    *(  # without a reason nothing is done
        Call(method="POST", route=_ACT, name=name, needs="administer", status=400, foreign=404)
        for name in (
            "enable",
            "disable",
            "exempt",
            "lift",
            "record",
            "machine",
            "person",
            "end-sessions",
        )
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
    *(  # there is no failed check
        Call(
            method=method,
            route="audit/integrity/",
            needs="administer",
            system_only=True,
            status=302,
        )
        for method in ("GET", "POST")
    ),
    Call(  # without the filter each file would contain the record of the one before
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
    Call(  # without the hash of the report nothing is signed
        method="POST", route=f"{_REPORT}sign-off/", needs="sign_off", status=400
    ),
    Call(method="POST", route=f"{_REPORT}again/", needs="administer", status=302),
    Call(method="GET", route="unlock-requests/", needs="unlock"),
    *(
        Call(method=method, route="unlock-requests/<str:request_id>/", needs="unlock", status=404)
        for method in ("GET", "POST")
    ),
    Call(method="GET", route="help/"),
    Call(method="GET", route="search/"),
    Call(method="GET", route="sessions/"),
    Call(method="GET", route="sessions/current/"),
    Call(method="POST", route="sessions/<str:session_id>/end/", status=404),  # no such session
    Call(method="POST", route="theme/", needs=None, status=302),
    Call(method="GET", route="status/", needs="administer", system_only=True),
    *(  # a GET of an act leads to its page
        Call(method="GET", route=route, status=302)
        for route in (
            "accounts/unlocks/<str:batch_id>/stop/",
            "notices/sample/<str:kind>/",
            "notices/<uuid:notice_id>/again/",
            "notices/digest/sample/",
            f"{_REPORT}again/",
            "scope/",
        )
    ),
    Call(method="GET", route="api/"),
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
        route=f"{_API_ACT}unlock",
        needs="unlock",
        unlocks=True,
        body=_WHY,
        foreign=404,
    ),
    *(
        Call(
            method="POST",
            route=f"{_API_ACT}{name}",
            needs="administer",
            status=400,
            foreign=404,
        )
        for name in (
            "enable",
            "disable",
            "exempt",
            "lift",
            "record",
            "machine",
            "person",
            "end-sessions",
        )
    ),
    Call(method="GET", route="api/v1/exemptions"),
    Call(method="GET", route="api/v1/openapi.json"),
    Call(method="GET", route="api/v1/notices"),
    Call(method="GET", route="api/v1/doctor", needs="administer", system_only=True),
    Call(method="GET", route="api/v1/reports/<str:week>/sign-off"),
    Call(  # of another report nothing is signed
        method="POST",
        route="api/v1/reports/<str:week>/sign-off",
        needs="sign_off",
        body={"sha256": "0" * 64},
        status=409,
    ),
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
    Call(method="GET", route="api/v1/audit/integrity", system_only=True),
    Call(
        method="POST",
        route="api/v1/audit/integrity/acknowledge",
        needs="administer",
        system_only=True,
        status=400,
    ),
    Call(method="GET", route="api/v1/audit", queries=("", "?account=zelda", "?limit=1")),
    *(
        Call(method=method, route=route, needs=None, status=404)
        for method in METHODS
        for route in ("api/v1/<path:rest>", "api/v1/")
    ),
)


def routes(patterns: Any = None, before: str = "") -> Iterator[str]:
    """Yield every route of the URL resolver."""
    for item in get_resolver().url_patterns if patterns is None else patterns:
        route = f"{before}{item.pattern}"
        if isinstance(item, URLResolver):
            yield from routes(item.url_patterns, route)
        elif isinstance(item, URLPattern):
            yield route
