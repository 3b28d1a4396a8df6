"""What a token does not let its holder do through the API is a row of the trail."""

from __future__ import annotations

import pytest

from pciops.audit.models import Event
from tests.api.call import get, post
from tests.factories import make_locked_user
from tests.fake_keystone import FakeKeystone, error

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def path() -> str:
    """The address that unlocks somebody."""
    return f"/api/v1/accounts/{make_locked_user().id}/unlock"


def token_of(keystone: FakeKeystone, role: str) -> str:
    """A token of Rita, who has this role on the system."""
    return keystone.issue(keystone.person("rita", roles={"system": {role}}), "system")


def refusal() -> Event:
    """The only refusal."""
    return Event.objects.get(action="deny")


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ("reader", "An auditor sees everything, signs reports off, and changes nothing else."),
        ("member", "The token carries no role that pciops accepts"),
    ],
)
def test_an_act_that_the_role_does_not_allow(
    fake_keystone: FakeKeystone, path: str, role: str, why: str
) -> None:
    response = post(token_of(fake_keystone, role), path)

    assert response.status_code == 403
    assert (refusal().initiator_name, refusal().resource) == ("rita", f"POST {path}")
    assert (refusal().outcome, refusal().via) == ("failure", "api")
    assert refusal().remark.startswith(why)


def test_a_call_that_the_help_desk_may_not_make(fake_keystone: FakeKeystone, path: str) -> None:
    response = post(token_of(fake_keystone, "helpdesk"), path.replace("unlock", "disable"))

    assert response.status_code == 403
    assert refusal().remark.startswith("The help desk unlocks accounts")


def test_a_list_that_somebody_without_a_role_asks_for(fake_keystone: FakeKeystone) -> None:
    get(token_of(fake_keystone, "member"))

    assert refusal().resource == "GET /api/v1/accounts"


@pytest.mark.parametrize("token", ["gAAAAAended", "", "no token at all"])
def test_an_act_with_a_token_that_is_none(
    fake_keystone: FakeKeystone, path: str, token: str
) -> None:
    response = post(token, path, headers={"User-Agent": "script/1.0"})

    assert response.status_code == 401
    assert (refusal().initiator_id, refusal().initiator_name) == ("", "unknown token")
    assert (refusal().initiator_address, refusal().initiator_agent) == ("127.0.0.1", "script/1.0")
    assert refusal().resource == f"POST {path}"
    assert "ended" not in refusal().remark


def test_reading_with_a_token_that_has_ended_is_none(fake_keystone: FakeKeystone) -> None:
    get("gAAAAAended")

    assert not Event.objects.exists()


def test_what_keystone_refuses_at_an_act_is_in_the_row_of_the_act(
    fake_keystone: FakeKeystone,
) -> None:
    user = make_locked_user()
    person = fake_keystone.person()
    fake_keystone.on_patch = lambda user_id, changes: error(403, "No.")
    post(fake_keystone.issue(person, "system"), f"/api/v1/accounts/{user.id}/disable")

    assert [event.action for event in Event.objects.all()] == ["disable"]
