"""A fake Keystone on loopback with users in memory and the v3 calls that pciops makes.

It is an HTTP server, so the tests run the client on keystoneauth1. Tests with a real Keystone are
in tests/live.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

Json = dict[str, Any]
DOMAINS = {"default": "Default", "payments": "Payments", "shops": "Shops"}
UNAUTHORIZED = "The request you have made requires authentication."


@dataclass(kw_only=True)
class Person:
    """A user of this Keystone with roles."""

    id: str
    name: str
    password: str
    domain_id: str
    roles: dict[str, set[str]]  # "system", a domain's id or "project:<name>" → roles
    expired: bool = False
    second_factor: bool = False
    factors: list[list[str]] = field(default_factory=lambda: [["password", "totp"]])
    code: str = "123456"  # the current TOTP code
    refuses: tuple[int, str] | None = None  # the answer to a new password, if it is refused


@dataclass(kw_only=True)
class Issued:
    """A token that Keystone has issued."""

    person: Person
    scope: str  # "" (unscoped) or a key of Person.roles
    expires_at: datetime
    application_credential: bool = False
    second_factor: bool = False  # whether it was issued for one


@dataclass(kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


class FakeKeystone:
    """The users and tokens, and counters of the requests."""

    def __init__(self) -> None:
        self.people: list[Person] = []
        self.tokens: dict[str, Issued] = {}
        self.password_tries: Counter[str] = Counter()  # by name
        self.asked: Counter[str] = Counter()  # by method and path
        self.code_tries: Counter[str] = Counter()  # by the user's id
        self.receipts: dict[str, Person] = {}
        self.bodies: list[str] = []  # of all requests
        self.lifetime = timedelta(hours=1)
        self.broken: Answer | None = None  # the answer to every request, if set
        self.patches: list[tuple[str, str, Json]] = []  # token, user and changes
        self.on_patch: Callable[[str, Json], Answer | None] | None = None
        self.rescopes = True  # allow_rescope_scoped_token
        self.release = 30
        self.ended: list[str] = []  # users whose sessions were ended
        self.on_end_sessions: Answer | None = None  # instead of 204
        self.request_id = "req-6f1d2c3b-0000-4000-8000-000000000001"  # of every answer
        self.global_request_ids: list[str] = []  # that came with requests; "": none
        self.url = ""
        self.ahead = 0.0  # seconds by which its clock is ahead

    def person(
        self,
        name: str = "ada",
        *,
        password: str = "right horse",
        domain_id: str = "default",
        roles: dict[str, set[str]] | None = None,
        expired: bool = False,
        second_factor: bool = False,
        **more: Any,
    ) -> Person:
        """Create a user, a system administrator by default."""
        person = Person(
            id=uuid.uuid4().hex,
            name=name,
            password=password,
            domain_id=domain_id,
            roles={"system": {"admin"}} if roles is None else roles,
            expired=expired,
            second_factor=second_factor,
            **more,
        )
        self.people.append(person)
        return person

    def issue(
        self, person: Person, scope: str = "", *, application_credential: bool = False
    ) -> str:
        """Issue a token, as `openstack token issue` does."""
        token_id = f"gAAAAA{uuid.uuid4().hex}{uuid.uuid4().hex}"
        expires_at = datetime.now(UTC) + self.lifetime
        self.tokens[token_id] = Issued(
            person=person,
            scope=scope,
            expires_at=expires_at,
            application_credential=application_credential,
        )
        return token_id

    def revoke(self, person: Person) -> None:
        """Revoke every token of a user."""
        self.tokens = {
            key: token for key, token in self.tokens.items() if token.person is not person
        }

    def fail(self, status: int = 500, message: str = "oops") -> None:
        """Answer every request with this error from now on."""
        self.broken = error(status, message)

    def answer(self, method: str, path: str, headers: Json, body: Json) -> Answer:
        """Return the answer to a request."""
        self.asked[f"{method} {path}"] += 1
        self.bodies.append(json.dumps(body))
        if self.broken:
            return self.broken
        match method, path:
            case "GET", "/v3":
                return Answer(status=200, body={"version": {"id": "v3.14", "status": "stable"}})
            case "POST", "/v3/auth/tokens":
                return self._authenticate(body["auth"], headers)
            case "GET", "/v3/auth/tokens":
                return self._validate(headers["X-Auth-Token"], headers["X-Subject-Token"])
            case "DELETE", "/v3/auth/tokens":
                return self._revoke_one(headers["X-Auth-Token"], headers["X-Subject-Token"])
            case "POST", _ if path.startswith("/v3/users/") and path.endswith("/password"):
                return self._change_password(path.split("/")[3], body["user"])
            case "DELETE", _ if path.startswith("/v3/users/") and path.endswith("/tokens"):
                return self._end_sessions(headers["X-Auth-Token"], path.split("/")[3])
            case "PATCH", _ if path.startswith("/v3/users/"):
                return self._patch(headers["X-Auth-Token"], path.split("/")[3], body["user"])
        return error(404, "The resource could not be found.")

    def _patch(self, token_id: str, user_id: str, changes: Json) -> Answer:
        if not self._valid(token_id):
            return error(401, UNAUTHORIZED)
        self.patches.append((token_id, user_id, changes))
        answer = self.on_patch(user_id, changes) if self.on_patch else None
        return answer or Answer(status=200, body={"user": {"id": user_id}})

    def _end_sessions(self, token_id: str, user_id: str) -> Answer:
        if not self._valid(token_id):
            return error(401, UNAUTHORIZED)
        if self.release < 30:
            return error(404, "The resource could not be found.")
        if self.on_end_sessions:
            return self.on_end_sessions
        self.ended.append(user_id)
        self.tokens = {key: it for key, it in self.tokens.items() if it.person.id != user_id}
        return Answer(status=204, body={})

    def _authenticate(self, auth: Json, headers: Json) -> Answer:
        method = auth["identity"]["methods"][0]
        if method == "password":
            person = self._by_password(auth["identity"]["password"]["user"])
        elif method == "totp":
            receipt = headers.get("Openstack-Auth-Receipt", "")
            person = self._by_code(auth["identity"]["totp"]["user"], receipt)
        else:
            person = self._by_token(auth["identity"]["token"]["id"])
        if isinstance(person, Answer):
            return person
        scope = _scope(auth.get("scope", "unscoped"))
        if scope and not person.roles.get(scope):
            return error(401, UNAUTHORIZED)
        token_id = self.issue(person, scope)
        self.tokens[token_id].second_factor = person.second_factor
        return Answer(
            status=201, body=_body(self.tokens[token_id]), headers={"X-Subject-Token": token_id}
        )

    def _by_password(self, user: Json) -> Person | Answer:
        self.password_tries[user["name"]] += 1
        for person in self.people:
            names = (person.name, DOMAINS[person.domain_id], person.password)
            if names != (user["name"], user["domain"]["name"], user["password"]):
                continue
            if person.expired:
                sentence = "The password is expired and needs to be changed for user:"
                return error(401, f"{sentence} {person.id}.")
            return self._receipt(person) if person.second_factor else person
        return error(401, UNAUTHORIZED)

    def _receipt(self, person: Person) -> Answer:
        """Return the answer to a right password that is not enough."""
        receipt_id = f"gAAAAA{uuid.uuid4().hex}"
        self.receipts[receipt_id] = person
        now = datetime.now(UTC)
        receipt = {
            "methods": ["password"],
            "user": {"id": person.id, "name": person.name, "domain": _domain(person.domain_id)},
            "issued_at": _iso(now),
            "expires_at": _iso(now + timedelta(minutes=5)),
        }
        body = {"receipt": receipt, "required_auth_methods": person.factors}
        return Answer(status=401, body=body, headers={"Openstack-Auth-Receipt": receipt_id})

    def _by_code(self, user: Json, receipt: str) -> Person | Answer:
        self.code_tries[user["id"]] += 1
        person = self.receipts.get(receipt)
        if person is None or (person.id, person.code) != (user["id"], user["passcode"]):
            return error(401, UNAUTHORIZED)
        return person

    def _change_password(self, user_id: str, passwords: Json) -> Answer:
        for person in self.people:
            if person.id == user_id and person.password == passwords["original_password"]:
                if person.refuses:
                    return error(*person.refuses)
                person.password, person.expired = passwords["password"], False
                return Answer(status=204, body={})
        return error(401, UNAUTHORIZED)

    def _by_token(self, token_id: str) -> Person | Answer:
        issued = self._valid(token_id)
        if issued and issued.application_credential:
            return error(403, "Using a delegated token to create another token is not allowed.")
        if issued and issued.scope and not self.rescopes:
            return error(403, "You are not authorized to perform the requested action.")
        if issued and issued.person.second_factor and not issued.second_factor:
            return self._receipt(issued.person)
        return issued.person if issued else error(401, UNAUTHORIZED)

    def _validate(self, asking: str, asked: str) -> Answer:
        if not self._valid(asking):
            return error(401, UNAUTHORIZED)
        issued = self._valid(asked)
        if issued is None or (issued.scope and not issued.person.roles.get(issued.scope)):
            return error(404, "Failed to validate token")
        return Answer(status=200, body=_body(issued), headers={"X-Subject-Token": asked})

    def _revoke_one(self, asking: str, asked: str) -> Answer:
        if not self._valid(asking):
            return error(401, UNAUTHORIZED)
        if self.tokens.pop(asked, None) is None:
            return error(404, "Failed to validate token")
        return Answer(status=204, body={})

    def _valid(self, token_id: str) -> Issued | None:
        issued = self.tokens.get(token_id)
        return issued if issued and issued.expires_at > datetime.now(UTC) else None


def _scope(asked: Any) -> str:
    if asked == "unscoped":
        return ""
    if "system" in asked:
        return "system"
    if "domain" in asked:
        return str(asked["domain"]["id"])
    return f"project:{asked['project']['name']}"


def _body(issued: Issued) -> Json:
    """Return the token as the v3 API describes it."""
    person = issued.person
    token: Json = {
        "methods": ["password"],
        "user": {"id": person.id, "name": person.name, "domain": _domain(person.domain_id)},
        "issued_at": _iso(datetime.now(UTC)),
        "expires_at": _iso(issued.expires_at),
        "audit_ids": ["ZzZwkUflQfygX7pdYDBCQQ"],
    }
    if issued.application_credential:
        token["application_credential"] = {"id": "its id", "name": "script", "restricted": True}
    if issued.scope:
        roles = sorted(person.roles[issued.scope])
        token["roles"] = [{"id": f"id of {role}", "name": role} for role in roles]
    if issued.scope == "system":
        token["system"] = {"all": True}
    elif issued.scope.startswith("project:"):
        name = issued.scope.removeprefix("project:")
        token["project"] = {"id": f"id of {name}", "name": name, "domain": _domain("default")}
    elif issued.scope:
        token["domain"] = _domain(issued.scope)
    return {"token": token}


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def _domain(domain_id: str) -> Json:
    return {"id": domain_id, "name": DOMAINS[domain_id]}


def error(status: int, message: str) -> Answer:
    body = {"error": {"code": status, "message": message, "title": "Unauthorized"}}
    return Answer(status=status, body=body)


class _Handler(BaseHTTPRequestHandler):
    """Handles HTTP/1.0, so that connections end with their request."""

    keystone: FakeKeystone  # set in a subclass by `serving`

    def do_GET(self) -> None:  # noqa: N802 (http.server's own name)
        self._serve()

    def do_POST(self) -> None:  # noqa: N802 (http.server's own name)
        self._serve()

    def do_PATCH(self) -> None:  # noqa: N802 (http.server's own name)
        self._serve()

    def do_DELETE(self) -> None:  # noqa: N802 (http.server's own name)
        self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        path = urlsplit(self.path).path
        answer = self.keystone.answer(self.command, path, dict(self.headers), body)
        content = json.dumps(answer.body).encode() if answer.body else b""
        self.send_response(answer.status)
        self.keystone.global_request_ids.append(self.headers.get("X-OpenStack-Request-ID", ""))
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            "x-openstack-request-id": self.keystone.request_id,
        }
        for name, value in {**headers, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() + self.keystone.ahead)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's own name)
        pass


@contextmanager
def serving(keystone: FakeKeystone) -> Iterator[None]:
    """Run the server on a free port, with its URL in `keystone.url`."""
    handler = type("Handler", (_Handler,), {"keystone": keystone})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        keystone.url = f"http://127.0.0.1:{server.server_port}/v3"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def fake_keystone(settings: Settings) -> Iterator[FakeKeystone]:
    """A fake Keystone without users, at OS_AUTH_URL."""
    keystone = FakeKeystone()
    with serving(keystone):
        settings.OS_AUTH_URL = keystone.url
        yield keystone
