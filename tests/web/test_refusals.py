"""What a role does not let one do on the pages is a row of the trail."""

from __future__ import annotations

import pytest
from django.test import Client

from pciops.audit.models import Event
from pciops.audit.refusals import MAX_EACH
from tests.factories import make_locked_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def auditor(clock: object, fake_keystone: FakeKeystone) -> Client:
    """A browser of Rita, who sees everything and changes nothing."""
    return signed_in(fake_keystone.person("rita", roles={"system": {"reader"}}))


def refusals() -> list[tuple[str, str, str, str]]:
    """Who, what, how it ended and why, the oldest first."""
    found = Event.objects.filter(action="deny").order_by("position")
    return list(found.values_list("initiator_name", "resource", "outcome", "remark"))


@pytest.mark.parametrize("act", ["unlock", "disable"])
def test_an_act_that_the_role_does_not_allow(auditor: Client, act: str) -> None:
    user = make_locked_user()
    path = f"/accounts/{user.id}/{act}/"
    response = auditor.post(path, {"reason": "just so"})
    [(name, resource, outcome, remark)] = refusals()

    assert response.status_code == 403
    assert (name, resource, outcome) == ("rita", f"POST {path}", "failure")
    assert remark.startswith(
        "An auditor sees everything, signs reports off, and changes nothing else."
    )


def test_a_page_that_the_role_does_not_allow(auditor: Client) -> None:
    auditor.get("/status/")

    assert [resource for _, resource, _, _ in refusals()] == ["GET /status/"]


def test_what_the_role_allows_is_none(site: Client) -> None:
    site.get("/status/")

    assert refusals() == []


def test_a_foreign_account_is_none(clock: object, fake_keystone: FakeKeystone) -> None:
    """It does not exist: a row would tell that it does."""
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    signed_in(keeper).post(f"/accounts/{make_locked_user().id}/unlock/")

    assert refusals() == []


def test_the_address_in_the_row_has_no_query(auditor: Client) -> None:
    auditor.get("/status/?token=secret")

    assert [resource for _, resource, _, _ in refusals()] == ["GET /status/"]


def test_a_script_cannot_fill_the_disk(auditor: Client) -> None:
    for _ in range(MAX_EACH + 5):
        response = auditor.post("/accounts/unlock/")

    assert response.status_code == 403
    assert len(refusals()) == MAX_EACH


def test_the_trail_shows_it(auditor: Client, fake_keystone: FakeKeystone) -> None:
    auditor.post("/accounts/unlock/")
    page = shown(signed_in(fake_keystone.person()).get("/audit/?action=deny"))

    assert "Refused : POST /accounts/unlock/ by rita (Default)" in page
