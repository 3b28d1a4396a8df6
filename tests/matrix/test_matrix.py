"""Every URL and API call × every role × every scope: nothing is reachable that should not be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

import pytest
from django.test import Client

from pciops.accounts.account import Failures
from pciops.accounts.census import census
from pciops.accounts.models import Census
from pciops.accounts.policy import policy
from pciops.keystone.models import User
from pciops.lib import outages
from pciops.signin.rights import ACTS, Role
from tests.events.factories import REASON, activity, attempts, save_name
from tests.factories import NOW, grant, make_locked_user, make_user, new_id
from tests.fake_keystone import FakeKeystone
from tests.matrix.calls import CALLS, METHODS, Call, routes
from tests.signin.visit import Response, sign_in
from tests.web.unlocking import failures

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

SEEN: Final = str(Failures(failed_auth_count=3, failed_auth_at=NOW))
# What a caller holds in Keystone: None is nobody at all, `member` no role of an operator.
ROLES: Final[dict[str | None, Role | None]] = {
    None: None,
    "member": None,
    "reader": Role.AUDITOR,
    "helpdesk": Role.HELPDESK,
    "admin": Role.ADMINISTRATOR,
}
SCOPES: Final = ("system", "own", "foreign")  # seen from the account that a call is about
WHO: Final = [
    (role, scope) for role in ROLES for scope in SCOPES if role or scope == "system"
]  # nobody has no scope
CSRF: Final = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')
OPERATORS: Final = [role for role, ours in ROLES.items() if ours]


@dataclass
class Caller:
    """Somebody with a browser and a token; who is nobody has an empty token."""

    token: str = ""
    sign_in: Callable[[Client], object] | None = None

    @cached_property
    def browser(self) -> Client:
        """Signed in when it is needed first, since calls of the API do without."""
        browser = Client()
        if self.sign_in:
            self.sign_in(browser)
        return browser

    def send(
        self, call: Call, user_id: str, *, query: str | None = None, method: str = ""
    ) -> Response:
        """Make the call about this account, as it was when it had been locked."""
        browser = Client() if call.is_api else self.browser
        return call.send(
            browser, self.token, user_id=user_id, seen=SEEN, query=query, method=method
        )


def caller(keystone: FakeKeystone, role: str | None, scope: str) -> Caller:
    """Somebody with this role of Keystone, in the scope: the system or a domain."""
    if role is None:
        return Caller()
    home = "shops" if scope == "system" else scope
    person = keystone.person("bob", domain_id=home, roles={scope: {role}})
    return Caller(
        keystone.issue(person), lambda browser: sign_in(browser, "bob", domain=home.title())
    )


def allowed(call: Call, role: str | None) -> bool:
    """Whether the role makes the call possible, wherever the account is."""
    ours = ROLES[role]
    return call.needs is None or (ours is not None and call.needs in ACTS[ours])


def status(call: Call, role: str | None, scope: str) -> int:
    """What has to be answered."""
    if call.needs is None:
        return call.signed_in if ROLES[role] and call.signed_in else call.status
    if ROLES[role] is None:
        return 302 if not call.is_api else 401 if role is None else 403
    if not allowed(call, role) or (call.system_only and scope != "system"):
        return 403
    return call.foreign if scope == "foreign" and call.foreign else call.status


def masked(response: Response, user_id: str = "") -> bytes:
    """An answer without what differs each time: tokens of forms, and the id that was asked for."""
    content = b"".join(response) if response.streaming else response.content
    return CSRF.sub(b"", content).replace((user_id or "no id").encode(), b"the id")


# --- The table is whole -------------------------------------------------------------------------
def test_every_route_is_in_the_matrix() -> None:
    assert set(routes()) == {call.route for call in CALLS}


@pytest.mark.parametrize("route", sorted({call.route for call in CALLS}))
def test_no_other_method_is_possible(fake_keystone: FakeKeystone, route: str) -> None:
    calls = [call for call in CALLS if call.route == route]
    admin = caller(fake_keystone, "admin", "system")
    others = [method for method in METHODS if method not in {call.method for call in calls}]
    statuses = {
        method: admin.send(calls[0], new_id(), method=method).status_code for method in others
    }

    assert statuses == dict.fromkeys(others, 405)


# --- Who reaches what ---------------------------------------------------------------------------
@pytest.mark.parametrize(("role", "scope"), WHO)
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_the_call_is_answered_as_the_role_and_the_scope_allow(
    fake_keystone: FakeKeystone, call: Call, role: str | None, scope: str
) -> None:
    user = make_locked_user(domain_id="shops", domain_name="Shops")
    who = caller(fake_keystone, role, {"own": "shops", "foreign": "payments"}.get(scope, scope))
    response = who.send(call, user.id)
    to_sign_in = response.get("Location", "").startswith("/signin/")
    may_change = call.unlocks and allowed(call, role)

    assert response.status_code == status(call, role, scope)
    if call.needs and not call.is_api:
        assert to_sign_in is (ROLES[role] is None)
    if not may_change or scope == "foreign":
        assert failures(user) == (3, NOW)
    else:
        assert failures(user) == (0, None)


# --- Another domain does not exist --------------------------------------------------------------
ABOUT = [call for call in CALLS if "{id}" in str(call.body) or "user_id" in call.route]


@pytest.mark.parametrize("role", OPERATORS)
@pytest.mark.parametrize("call", ABOUT, ids=str)
def test_a_foreign_account_is_answered_as_one_that_does_not_exist(
    fake_keystone: FakeKeystone, call: Call, role: str
) -> None:
    user, nobody = make_locked_user(domain_id="payments", domain_name="Payments"), new_id()
    who = caller(fake_keystone, role, "shops")
    foreign, missing = who.send(call, user.id), who.send(call, nobody)

    assert foreign.status_code == missing.status_code
    assert foreign.get("Location", "") == missing.get("Location", "")
    assert masked(foreign, user.id) == masked(missing, nobody)


READS = [(call, query) for call in CALLS if call.method == "GET" for query in call.queries]


@pytest.mark.parametrize("role", ["reader", "admin"])  # the weakest and the strongest
@pytest.mark.parametrize(("call", "query"), READS, ids=[f"{call}{query}" for call, query in READS])
def test_what_is_in_another_domain_changes_no_answer(
    fake_keystone: FakeKeystone, call: Call, query: str, role: str
) -> None:
    """In lists, counts, search, exports and whatever else there is: told by comparing the two."""
    ann = make_locked_user("ann", domain_id="shops", domain_name="Shops")
    own: dict[str, Any] = {"user_id": ann.id, "name": "ann", "domain_id": "shops"}
    attempts(**own).save()  # that notifications come at all is no secret
    attempts(reason=REASON.NONE, at=NOW - timedelta(hours=1), **own).save()
    who = caller(fake_keystone, role, "shops")
    take_census()
    about = ann.id if "user_id" in call.route else new_id()
    before = masked(who.send(call, about, query=query))
    foreign = fill_another_domain(fake_keystone, about if "{id}" in query else "")
    take_census()
    outages._noted.clear()
    after = masked(who.send(call, about, query=query))

    assert foreign
    assert after == before


def take_census() -> None:
    """What the worker does, at the same instant each time."""
    Census.objects.all().delete()
    census.keep(census.count(policy=policy.current(), now=NOW - timedelta(minutes=4)))


def fill_another_domain(keystone: FakeKeystone, user_id: str) -> list[User]:
    """Accounts in trouble, an administrator among them, and an unlock in the trail."""
    facts: dict[str, Any] = {"domain_id": "payments", "domain_name": "Payments"}
    users = [
        make_locked_user("zelda", user_id=user_id, **facts),
        make_locked_user("zelda-2", **facts),
        make_user("ann", enabled=False, **facts),
    ]
    grant(users[0], "admin")
    notified(users[0])
    other = caller(keystone, "admin", "payments")
    [unlock] = [it for it in CALLS if str(it) == "POST /api/v1/accounts/<str:user_id>/unlock"]
    if other.send(unlock, users[1].id).status_code != 200:
        raise AssertionError("the unlock in the other domain failed")
    return users


def notified(user: User) -> None:
    """What the consumer keeps of it: known to be of its domain, not known, and a name of nobody."""
    facts: dict[str, Any] = {"name": "zelda", "address": "203.0.113.66", "agent": "zelda/1.0"}
    home: dict[str, Any] = {"domain_id": "payments", "domain_name": "Payments"}
    nowhere: dict[str, Any] = {"domain_id": "", "domain_name": ""}
    for where in (home, nowhere):
        attempts(user_id=user.id, **facts, **where).save()
        activity(user_id=user.id, **facts, **where).save()
    attempts(user_id="", reason=REASON.UNKNOWN_NAME, **facts, **home).save()
    activity(user_id=user.id, doer_id=user.id, doer_name="ann", **facts, **home).save()
    save_name(user.id, "zelda")


# --- A scope is no more than what Keystone gives -------------------------------------------------
@pytest.mark.parametrize("scope", ["system", "shops"])
@pytest.mark.parametrize("role", OPERATORS)
def test_the_domains_to_choose_from_are_those_of_the_scope(
    fake_keystone: FakeKeystone, role: str, scope: str
) -> None:
    make_user(domain_id="payments", domain_name="Payments")
    who = caller(fake_keystone, role, scope)
    page = who.browser.get("/accounts/").content.decode()

    assert ("Payments" in page) is (scope == "system")


@pytest.mark.parametrize("role", OPERATORS)
def test_a_foreign_domain_is_answered_as_one_that_does_not_exist(
    fake_keystone: FakeKeystone, role: str
) -> None:
    make_user(domain_id="payments", domain_name="Payments")
    browser = caller(fake_keystone, role, "shops").browser
    foreign = browser.get("/accounts/?domain=payments")
    missing = browser.get("/accounts/?domain=no-such")

    assert foreign.status_code == missing.status_code == 400
    assert masked(foreign, "payments") == masked(missing, "no-such")
