"""Acts over the API on oneself, and on accounts with more rights: all are refused."""

from __future__ import annotations

import pytest

from pciops.audit.models import Event
from tests.api.call import ACCOUNTS, BODY, assert_refused, post, token_of
from tests.factories import NOW, grant, make_domain, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.web.unlocking import failures

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

EXEMPTION = {
    "option": "ignore_lockout_failure_attempts",
    "owner": "me",
    "ends_on": "2026-12-01",
    "reason": "because",
}


def test_help_desk_does_not_unlock_an_administrator(fake_keystone: FakeKeystone) -> None:
    target = make_locked_user("root")
    grant(target)
    token = token_of(fake_keystone, make_user("hal"), "helpdesk")

    for _ in range(10):
        response = post(token, f"{ACCOUNTS}/{target.id}/unlock")
        assert_refused(response, 403, "The account holds an administrator role")
    assert failures(target) == (3, NOW)
    assert Event.objects.filter(action="unlock", outcome="failure").count() == 10


def test_domain_administrator_does_not_disable_a_cloud_administrator(
    fake_keystone: FakeKeystone,
) -> None:
    target = make_user("root", domain_id="shops")
    grant(target)
    operator = make_user("sam", domain_id="shops")
    grant(operator, on=make_domain("shops"))
    token = token_of(fake_keystone, operator, scope="shops")

    response = post(token, f"{ACCOUNTS}/{target.id}/disable", {"reason": "because"})
    assert_refused(response, 403, "The account holds an operator role outside your domain")
    assert fake_keystone.patches == []


def test_locked_operators_do_not_unlock_themselves(fake_keystone: FakeKeystone) -> None:
    hal, root = make_locked_user("hal"), make_locked_user("root")
    for user, role in ((hal, "helpdesk"), (root, "admin")):
        token = token_of(fake_keystone, user, role)
        response = post(token, f"{ACCOUNTS}/{user.id}/unlock")

        assert_refused(response, 403, "You can't unlock your own account")
        assert failures(user) == (3, NOW)


def test_administrators_do_not_exempt_themselves(fake_keystone: FakeKeystone) -> None:
    user = make_user("root")
    token = token_of(fake_keystone, user)

    response = post(token, f"{ACCOUNTS}/{user.id}/exempt", EXEMPTION)
    assert_refused(response, 403, "You can't exempt your own account")
    assert fake_keystone.patches == []


def test_bulk_unlock_leaves_out_oneself_and_administrators(fake_keystone: FakeKeystone) -> None:
    hal, root, ann = (make_locked_user(name) for name in ("hal", "root", "ann"))
    grant(root)
    token = token_of(fake_keystone, hal, "helpdesk")
    accounts = [{"id": user.id} for user in (hal, root, ann)]
    results = post(token, f"{ACCOUNTS}/unlock", {**BODY, "accounts": accounts}).json()["results"]

    assert {result["id"]: result["outcome"] for result in results} == {
        hal.id: "refused",
        root.id: "refused",
        ann.id: "unlocked",
    }
