"""A Keystone of people in memory, on loopback: the few v3 calls that pciops makes, no more.

It is a real HTTP server, so what runs in the tests is pciops' own client on keystoneauth1. What a
real Keystone does beyond this is asked of a real one, in tests/live.
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
    """A user of this Keystone, and where they hold which roles."""

    id: str
    name: str
    password: str
    domain_id: str
    roles: dict[str, set[str]]  # "system", a domain's id or "project:<name>" → roles
    expired: bool = False
    second_factor: bool = False
    factors: list[list[str]] = field(default_factory=lambda: [["password", "totp"]])
    code: str = "123456"  # the one that the device shows now
    refuses: tuple[int, str] | None = None  # what Keystone says to a new password


@dataclass(kw_only=True)
class Issued:
    """A token as Keystone keeps it."""

    person: Person
    scope: str  # "" (unscoped) or a key of Person.roles
    expires_at: datetime
    application_credential: bool = False
    second_factor: bool = False  # was given for it


@dataclass(kw_only=True)
class Answer:
    """What goes over the wire."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


class FakeKeystone:
    """People, their tokens, and how often Keystone was asked for a password."""

    def __init__(self) -> None:
        self.people: list[Person] = []
        self.tokens: dict[str, Issued] = {}
        self.password_tries: Counter[str] = Counter()  # by name
        self.asked: Counter[str] = Counter()  # by method and path
        self.code_tries: Counter[str] = Counter()  # by the user's id
        self.receipts: dict[str, Person] = {}
        self.bodies: list[str] = []  # of all that was sent
        self.lifetime = timedelta(hours=1)
        self.broken: Answer | None = None  # what it says to everything, where it is set
        self.patches: list[tuple[str, str, Json]] = []  # token, user and what was sent
        self.on_patch: Callable[[str, Json], Answer | None] | None = None
        self.url = ""
        self.ahead = 0.0  # seconds that its clock is before ours

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
        """Make somebody; an administrator of the system unless `roles` says otherwise."""
        made = Person(
            id=uuid.uuid4().hex,
            name=name,
            password=password,
            domain_id=domain_id,
            roles={"system": {"admin"}} if roles is None else roles,
            expired=expired,
            second_factor=second_factor,
            **more,
        )
        self.people.append(made)
        return made

    def issue(
        self, person: Person, scope: str = "", *, application_credential: bool = False
    ) -> str:
        """A token of theirs, as `openstack token issue` gives it."""
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
        """End every token of theirs."""
        self.tokens = {key: it for key, it in self.tokens.items() if it.person is not person}

    def fail(self, status: int = 500, message: str = "oops") -> None:
        """Answer everything with this error from now on."""
        self.broken = error(status, message)

    def answer(self, method: str, path: str, headers: Json, body: Json) -> Answer:
        """What Keystone says to a request."""
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
            case "POST", _ if path.startswith("/v3/users/") and path.endswith("/password"):
                return self._change_password(path.split("/")[3], body["user"])
            case "PATCH", _ if path.startswith("/v3/users/"):
                return self._patch(headers["X-Auth-Token"], path.split("/")[3], body["user"])
        return error(404, "The resource could not be found.")

    def _patch(self, token_id: str, user_id: str, changes: Json) -> Answer:
        if not self._living(token_id):
            return error(401, UNAUTHORIZED)
        self.patches.append((token_id, user_id, changes))
        answer = self.on_patch(user_id, changes) if self.on_patch else None
        return answer or Answer(status=200, body={"user": {"id": user_id}})

    def _authenticate(self, auth: Json, headers: Json) -> Answer:
        method = auth["identity"]["methods"][0]
        if method == "password":
            found = self._by_password(auth["identity"]["password"]["user"])
        elif method == "totp":
            receipt = headers.get("Openstack-Auth-Receipt", "")
            found = self._by_code(auth["identity"]["totp"]["user"], receipt)
        else:
            found = self._by_token(auth["identity"]["token"]["id"])
        if isinstance(found, Answer):
            return found
        scope = _scope(auth.get("scope", "unscoped"))
        if scope and not found.roles.get(scope):
            return error(401, UNAUTHORIZED)
        token_id = self.issue(found, scope)
        self.tokens[token_id].second_factor = found.second_factor  # or it came to no token
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
        """The password was right, and the rules ask for more."""
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
        issued = self._living(token_id)
        if issued and issued.application_credential:
            return error(403, "Using a delegated token to create another token is not allowed.")
        if issued and issued.person.second_factor and not issued.second_factor:
            return self._receipt(issued.person)
        return issued.person if issued else error(401, UNAUTHORIZED)

    def _validate(self, asking: str, asked: str) -> Answer:
        if not self._living(asking):
            return error(401, UNAUTHORIZED)
        issued = self._living(asked)
        if issued is None or (issued.scope and not issued.person.roles.get(issued.scope)):
            return error(404, "Failed to validate token")
        return Answer(status=200, body=_body(issued), headers={"X-Subject-Token": asked})

    def _living(self, token_id: str) -> Issued | None:
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
    """The token in the words of the v3 API."""
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
    """HTTP/1.0, so that no connection outlives its request."""

    keystone: FakeKeystone  # set in a subclass by `serving`

    def do_GET(self) -> None:  # noqa: N802 (http.server's own name)
        self._serve()

    def do_POST(self) -> None:  # noqa: N802 (http.server's own name)
        self._serve()

    def do_PATCH(self) -> None:  # noqa: N802 (http.server's own name)
        self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        path = urlsplit(self.path).path
        answer = self.keystone.answer(self.command, path, dict(self.headers), body)
        content = json.dumps(answer.body).encode() if answer.body else b""
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        for name, value in {**headers, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() + self.keystone.ahead)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's own name)
        """Say nothing."""


@contextmanager
def serving(keystone: FakeKeystone) -> Iterator[None]:
    """Serve it on a free port; its address is in `keystone.url`."""
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
    """A Keystone without people; pciops asks it."""
    keystone = FakeKeystone()
    with serving(keystone):
        settings.OS_AUTH_URL = keystone.url
        yield keystone
