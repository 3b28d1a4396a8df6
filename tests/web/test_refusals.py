"""Refused requests of pages in the audit log."""

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
    """A browser of Rita, an auditor."""
    return signed_in(fake_keystone.person("rita", roles={"system": {"reader"}}))


def refusals() -> list[tuple[str, str, str, str]]:
    """Return initiator, resource, outcome and remark of each, the oldest first."""
    events = Event.objects.filter(action="deny").order_by("position")
    return list(events.values_list("initiator_name", "resource", "outcome", "remark"))


@pytest.mark.parametrize("act", ["unlock", "disable"])
def test_act_that_the_role_does_not_allow(auditor: Client, act: str) -> None:
    user = make_locked_user()
    path = f"/accounts/{user.id}/{act}/"
    response = auditor.post(path, {"reason": "just so"})
    [(name, resource, outcome, remark)] = refusals()

    assert response.status_code == 403
    assert (name, resource, outcome) == ("rita", f"POST {path}", "failure")
    assert remark.startswith("An auditor")


def test_page_that_the_role_does_not_allow_is_written_without_its_query(auditor: Client) -> None:
    auditor.get("/status/?token=secret")

    assert [resource for _, resource, _, _ in refusals()] == ["GET /status/"]


def test_page_that_the_role_allows_is_not_written(site: Client) -> None:
    site.get("/status/")

    assert refusals() == []


def test_account_of_another_domain_is_not_written(
    clock: object, fake_keystone: FakeKeystone
) -> None:
    """A row would reveal that the account exists."""
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    signed_in(keeper).post(f"/accounts/{make_locked_user().id}/unlock/")

    assert refusals() == []


def test_number_of_rows_is_limited(auditor: Client) -> None:
    for _ in range(MAX_EACH + 5):
        response = auditor.post("/accounts/unlock/")

    assert response.status_code == 403
    assert len(refusals()) == MAX_EACH


def test_audit_page_shows_refusals(auditor: Client, fake_keystone: FakeKeystone) -> None:
    auditor.post("/accounts/unlock/")
    page = shown(signed_in(fake_keystone.person()).get("/audit/?action=deny"))

    assert "Refused POST /accounts/unlock/ by rita Default" in page
