"""The page of open sessions: who sees and ends which."""

from __future__ import annotations

import pytest
from django.test import Client

from pciops.audit.models import Event
from pciops.signin.models import StoredSession
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

PAGE = "/sessions/"


def end(browser: Client, of: Person, number: int = 0) -> int:
    """End a session of a person by its form, and return the status."""
    rows = StoredSession.objects.filter(operator_id=of.id).order_by("address")
    return browser.post(f"{PAGE}{rows[number].pk}/end/").status_code


@pytest.fixture
def bob(fake_keystone: FakeKeystone, clock: object) -> Person:
    """A reader of the domain Shops."""
    return fake_keystone.person("bob", domain_id="shops", roles={"shops": {"reader"}})


def test_operator_sees_and_ends_their_own_sessions(bob: Person) -> None:
    first = signed_in(bob, REMOTE_ADDR="192.0.2.1", headers={"User-Agent": "Firefox <b>"})
    second = signed_in(bob, REMOTE_ADDR="192.0.2.2")
    page = shown(second.get(PAGE))
    assert "192.0.2.1" in page
    assert "192.0.2.2 this session" in page
    assert "Sessions of other operators" not in page

    assert end(second, bob) == 302
    assert first.get(PAGE)["Location"].startswith("/signin/")
    assert second.get(PAGE).status_code == 200


def test_end_of_a_session_revokes_its_tokens_and_is_recorded(
    site: Client, operator: Person, bob: Person, fake_keystone: FakeKeystone
) -> None:
    signed_in(bob, REMOTE_ADDR="192.0.2.1")
    assert end(site, bob) == 302
    row = Event.objects.order_by("-position")[0]

    assert not [it for it in fake_keystone.tokens.values() if it.person is bob and it.scope]
    assert (row.action, row.initiator_name, row.target_id) == ("authenticate/logout", "ada", bob.id)
    assert "192.0.2.1" in row.remark


def test_end_of_this_session_signs_out(bob: Person) -> None:
    browser = signed_in(bob)

    assert end(browser, bob) == 302
    assert browser.get(PAGE)["Location"].startswith("/signin/")


@pytest.mark.parametrize(
    ("role", "scope", "sees"),
    [
        ("admin", "system", True),
        ("helpdesk", "system", False),
        ("reader", "system", False),
        ("admin", "shops", True),
        ("admin", "payments", False),
        ("helpdesk", "shops", False),
    ],
)
def test_administrators_end_sessions_of_others_in_their_scope(
    fake_keystone: FakeKeystone, bob: Person, role: str, scope: str, sees: bool
) -> None:
    signed_in(bob, REMOTE_ADDR="192.0.2.1")
    viewer = fake_keystone.person("eve", roles={scope: {role}}, domain_id=_home(scope))
    browser = signed_in(viewer)

    assert ("192.0.2.1" in shown(browser.get(PAGE))) is sees
    assert end(browser, bob) == (302 if sees else 404)
    assert StoredSession.objects.filter(operator_id=bob.id).exists() is not sees


def test_administrator_of_a_domain_ends_no_session_of_the_whole_cloud(
    site: Client, operator: Person, fake_keystone: FakeKeystone
) -> None:
    eve = fake_keystone.person("eve", domain_id="shops", roles={"shops": {"admin"}})

    assert end(signed_in(eve), operator) == 404
    assert site.get(PAGE).status_code == 200


def _home(scope: str) -> str:
    return "default" if scope == "system" else scope
