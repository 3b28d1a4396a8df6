"""Refused calls of the API in the audit log."""

from __future__ import annotations

import pytest

from pciops.audit.models import Event
from tests.api.call import get, post
from tests.factories import make_locked_user
from tests.fake_keystone import FakeKeystone, error

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def path() -> str:
    """The URL that unlocks an account."""
    return f"/api/v1/accounts/{make_locked_user().id}/unlock"


def token_of(keystone: FakeKeystone, role: str) -> str:
    """Return a token of Rita, who has this role on the system."""
    return keystone.issue(keystone.person("rita", roles={"system": {role}}), "system")


def refusal() -> Event:
    """Return the only refusal."""
    return Event.objects.get(action="deny")


@pytest.mark.parametrize(
    ("role", "act", "remark"),
    [
        ("reader", "unlock", "An auditor"),
        ("helpdesk", "disable", "The help desk"),
        ("member", "unlock", "The token carries no role"),
    ],
)
def test_act_that_the_role_does_not_allow(
    fake_keystone: FakeKeystone, path: str, role: str, act: str, remark: str
) -> None:
    path = path.replace("unlock", act)
    response = post(token_of(fake_keystone, role), path)

    assert response.status_code == 403
    assert (refusal().initiator_name, refusal().resource) == ("rita", f"POST {path}")
    assert (refusal().outcome, refusal().via) == ("failure", "api")
    assert refusal().remark.startswith(remark)


def test_read_without_a_role(fake_keystone: FakeKeystone) -> None:
    get(token_of(fake_keystone, "member"))

    assert refusal().resource == "GET /api/v1/accounts"


@pytest.mark.parametrize("token", ["gAAAAAended", "", "no token at all"])
def test_act_with_an_invalid_token(fake_keystone: FakeKeystone, path: str, token: str) -> None:
    response = post(token, path, headers={"User-Agent": "script/1.0"})

    assert response.status_code == 401
    assert (refusal().initiator_id, refusal().initiator_name) == ("", "unknown token")
    assert (refusal().initiator_address, refusal().initiator_agent) == ("127.0.0.1", "script/1.0")
    assert refusal().resource == f"POST {path}"
    assert "ended" not in refusal().remark


def test_read_with_an_ended_token_is_not_written(fake_keystone: FakeKeystone) -> None:
    get("gAAAAAended")

    assert not Event.objects.exists()


def test_refusal_of_keystone_is_only_in_the_row_of_the_act(
    fake_keystone: FakeKeystone,
) -> None:
    user = make_locked_user()
    person = fake_keystone.person()
    fake_keystone.on_patch = lambda user_id, changes: error(403, "No.")
    token = fake_keystone.issue(person, "system")
    post(token, f"/api/v1/accounts/{user.id}/disable", {"reason": "x"})

    assert [event.action for event in Event.objects.all()] == ["disable"]
