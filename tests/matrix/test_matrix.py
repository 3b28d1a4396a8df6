"""Every URL and API call × every role × every scope: who gets which answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from pytest_django import Settings

from pciops.accounts.census import census
from pciops.accounts.models import Census
from pciops.accounts.policy import policy
from pciops.signin.rights import PERMISSIONS, SIGN_OFF, Role
from tests.events.factories import REASON, activity, attempts, save_name
from tests.factories import NOW, grant, make_locked_user, make_user, new_id
from tests.fake_keystone import FakeKeystone
from tests.matrix.calls import CALLS, METHODS, Call, Caller, rolled_back, routes
from tests.signin.visit import Response
from tests.web.unlocking import failures

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

# Role in Keystone → role in pciops; None is a stranger without any role.
ROLES: Final[dict[str | None, Role | None]] = {
    None: None,
    "member": None,
    "reader": Role.AUDITOR,
    "helpdesk": Role.HELPDESK,
    "admin": Role.ADMINISTRATOR,
}
OPERATORS: Final = [role for role, ours in ROLES.items() if ours]
# The account that a call is about is of domain shops.
SCOPES: Final = {"system": "system", "own": "shops", "foreign": "payments"}
CALLERS: Final = [(role, scope) for role in ROLES for scope in SCOPES if role or scope == "system"]
CSRF: Final = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')


def expected_status(call: Call, role: str | None, scope: str) -> int:
    """Return the status that the call has to be answered with."""
    ours = ROLES[role]
    if call.needs is None:
        return call.signed_in if ours and call.signed_in else call.status
    if ours is None:
        return 302 if not call.is_api else 401 if role is None else 403
    allowed = PERMISSIONS[ours]
    if ours is Role.ADMINISTRATOR:
        allowed |= {SIGN_OFF}  # PCIOPS_MANAGEMENT_ROLES are those of administrators
    if call.needs not in allowed or (call.system_only and scope != "system"):
        return 403
    return call.foreign if scope == "foreign" and call.foreign else call.status


def masked(response: Response, user_id: str) -> bytes:
    """Return an answer without the tokens of its forms and the id that was asked for."""
    content = b"".join(response) if response.streaming else response.content
    return CSRF.sub(b"", content).replace(user_id.encode(), b"the id")


# --- The table is complete ----------------------------------------------------------------------
def test_every_route_is_in_the_matrix() -> None:
    assert set(routes()) == {call.route for call in CALLS}


def test_no_route_takes_another_method(
    fake_keystone: FakeKeystone, subtests: pytest.Subtests
) -> None:
    admin = Caller.of(fake_keystone, "admin", "system")
    for route in sorted({call.route for call in CALLS}):
        calls = [call for call in CALLS if call.route == route]
        for method in set(METHODS) - {call.method for call in calls}:
            with subtests.test(route=route, method=method), rolled_back():
                assert admin.send(calls[0], new_id(), method=method).status_code == 405


def assert_strict_headers(response: Response) -> None:
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"


# --- Roles and scopes ---------------------------------------------------------------------------
@pytest.mark.parametrize(("role", "scope"), CALLERS)
def test_each_call_is_answered_as_role_and_scope_allow(
    fake_keystone: FakeKeystone, subtests: pytest.Subtests, role: str | None, scope: str
) -> None:
    user = make_locked_user(domain_id="shops", domain_name="Shops")
    caller = Caller.of(fake_keystone, role, SCOPES[scope])
    for call in CALLS:
        with subtests.test(call=str(call)), rolled_back():
            response = caller.send(call, user.id)
            status = expected_status(call, role, scope)
            unlocked = call.unlocks and status in {200, 302} and ROLES[role] is not None

            assert response.status_code == status
            if call.needs and not call.is_api:
                to_sign_in = response.get("Location", "").startswith("/signin/")
                assert to_sign_in is (ROLES[role] is None)
            assert failures(user) == ((0, None) if unlocked else (3, NOW))
            assert_strict_headers(response)
            if call.needs and status == call.status and status not in {302, 404}:
                assert "no-store" in response["Cache-Control"]


# --- Another domain does not exist --------------------------------------------------------------
ABOUT_ACCOUNT: Final = [
    call for call in CALLS if "{id}" in str(call.body) or "user_id" in call.route
]
READS: Final = {
    f"{call}{query}": (call, query)
    for call in CALLS
    if call.method == "GET"
    for query in call.queries
}
OF_THE_WHOLE_CLOUD: Final = (
    *("GET /", "GET /accounts/?state=locked", "GET /accounts/export?format=csv"),
    *("GET /activity/", "GET /audit/", "GET /notices/digest/"),
    *("GET /api/v1/accounts", "GET /api/v1/activity", "GET /api/v1/audit", "GET /api/v1/overview"),
)


@pytest.mark.parametrize("role", OPERATORS)
def test_a_foreign_account_is_answered_as_an_unknown_one(
    fake_keystone: FakeKeystone, subtests: pytest.Subtests, role: str
) -> None:
    user_id = make_locked_user(domain_id="payments", domain_name="Payments").id
    unknown_id = new_id()
    caller = Caller.of(fake_keystone, role, "shops")
    for call in ABOUT_ACCOUNT:
        with subtests.test(call=str(call)):
            with rolled_back():
                foreign = caller.send(call, user_id)
            with rolled_back():
                unknown = caller.send(call, unknown_id)

            assert foreign.status_code == unknown.status_code
            assert foreign.get("Location", "") == unknown.get("Location", "")
            assert masked(foreign, user_id) == masked(unknown, unknown_id)


def answers(
    caller: Caller, own_id: str, foreign_id: str, cells: Iterable[str] = READS
) -> dict[str, bytes]:
    """Return the answers to these reads."""
    found = {}
    for cell in cells:
        call, query = READS[cell]
        user_id = own_id if "user_id" in call.route else foreign_id
        with rolled_back():
            found[cell] = masked(caller.send(call, user_id, query=query), user_id)
    return found


@pytest.mark.parametrize("role", ["reader", "admin"])  # the weakest and the strongest
def test_the_content_of_another_domain_changes_no_answer(
    fake_keystone: FakeKeystone,
    subtests: pytest.Subtests,
    settings: Settings,
    tmp_path: Path,
    role: str,
) -> None:
    """Compare all lists, counts, searches, and exports before and after it is filled.

    None of them names that domain or the host, with a file of domains' rules and keystone.conf.
    """
    rules, conf = tmp_path / "domains.toml", tmp_path / "keystone.conf"
    rules.write_text(
        '[Payments]\npassword_expiring = [30]\ncontacts = ["tills@payments.example"]\n'
    )
    conf.write_text("[security_compliance]\nlockout_failure_attempts = 3\n")
    settings.NOTICE_DOMAINS, settings.KEYSTONE_CONF = str(rules), [str(conf)]
    secrets = [name.encode() for name in (str(tmp_path), "Payments", "tills@")]
    ann, foreign_id = make_locked_user("ann", domain_id="shops", domain_name="Shops"), new_id()
    own: dict[str, Any] = {"user_id": ann.id, "name": "ann", "domain_id": "shops"}
    attempts(**own).save()  # that notifications come in is no secret
    attempts(reason=REASON.NONE, at=NOW - timedelta(hours=1), **own).save()
    caller = Caller.of(fake_keystone, role, "shops")
    take_census()
    before = answers(caller, ann.id, foreign_id)
    fill_payments(fake_keystone, foreign_id)
    take_census()
    after = answers(caller, ann.id, foreign_id)

    for cell, answer in before.items():
        with subtests.test(cell=cell):
            assert after[cell] == answer
            assert not [secret for secret in secrets if secret in answer]


def test_the_content_of_a_domain_changes_answers_about_the_whole_cloud(
    fake_keystone: FakeKeystone,
) -> None:
    """Show that the comparison above would notice a difference."""
    caller, user_id = Caller.of(fake_keystone, "admin", "system"), new_id()
    take_census()
    before = answers(caller, user_id, user_id, OF_THE_WHOLE_CLOUD)
    fill_payments(fake_keystone, user_id)
    take_census()
    after = answers(caller, user_id, user_id, OF_THE_WHOLE_CLOUD)

    assert [cell for cell in OF_THE_WHOLE_CLOUD if after[cell] == before[cell]] == []


def take_census() -> None:
    """Replace the census by a new one, with the same time each time."""
    Census.objects.all().delete()
    census.keep(census.count(policy=policy.current(), now=NOW - timedelta(minutes=4)))


def fill_payments(keystone: FakeKeystone, user_id: str) -> None:
    """Give another domain accounts in trouble, notifications, and an unlock in the audit log."""
    home: dict[str, Any] = {"domain_id": "payments", "domain_name": "Payments"}
    zelda = make_locked_user("zelda", user_id=user_id, **home)
    other = make_locked_user("zelda-2", **home)
    make_user("ann", enabled=False, **home)
    grant(zelda, "admin")
    facts: dict[str, Any] = {"name": "zelda", "address": "203.0.113.66", "agent": "zelda/1.0"}
    for domain in (home, {"domain_id": "", "domain_name": ""}):
        attempts(user_id=zelda.id, **facts, **domain).save()
        activity(user_id=zelda.id, **facts, **domain).save()
    attempts(user_id="", reason=REASON.UNKNOWN_NAME, **facts, **home).save()
    activity(user_id=zelda.id, doer_id=zelda.id, doer_name="ann", **facts, **home).save()
    save_name(zelda.id, "zelda")
    [unlock] = [it for it in CALLS if str(it) == "POST /api/v1/accounts/<str:user_id>/unlock"]
    assert Caller.of(keystone, "admin", "payments").send(unlock, other.id).status_code == 200


# --- A scope is no more than what Keystone gives ------------------------------------------------
@pytest.mark.parametrize("scope", ["system", "shops"])
@pytest.mark.parametrize("role", OPERATORS)
def test_the_domain_filter_offers_the_domains_of_the_scope(
    fake_keystone: FakeKeystone, role: str, scope: str
) -> None:
    make_user(domain_id="payments", domain_name="Payments")
    [call] = [it for it in CALLS if str(it) == "GET /accounts/"]
    caller = Caller.of(fake_keystone, role, scope)

    assert (b"Payments" in caller.send(call, "", query="").content) is (scope == "system")
    if scope != "system":
        foreign = caller.send(call, "", query="?domain=payments")
        unknown = caller.send(call, "", query="?domain=no-such")

        assert foreign.status_code == unknown.status_code == 400
        assert masked(foreign, "payments") == masked(unknown, "no-such")
