"""The trail over the API."""

from __future__ import annotations

import pytest

from pciops.audit.models import Event
from tests.api.call import get
from tests.audit.helpers import open_event, record
from tests.factories import make_account, make_initiator
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

AUDIT = "/api/v1/audit"


def test_rows_are_given_with_their_place_in_the_chain(token: str) -> None:
    event = record()
    found = get(token, AUDIT).json()["events"]

    assert [(row["id"], row["position"], row["hash"]) for row in found] == [
        (event.pk, 1, event.hash)
    ]


def test_filters_are_those_of_the_page(token: str) -> None:
    record()
    event = record(action=Event.Action.EXPORT, outcome=Event.Outcome.FAILURE)
    found = get(token, AUDIT, action="read/export", outcome="failure").json()["events"]

    assert [row["id"] for row in found] == [event.pk]


def test_pages_are_linked(token: str) -> None:
    ids = {record().pk for _ in range(3)}
    first = get(token, AUDIT, limit=2).json()
    second = get(token, first["links"]["next"].removeprefix("http://testserver")).json()

    assert {row["id"] for row in first["events"] + second["events"]} == ids
    assert second["links"]["next"] is None


@pytest.mark.parametrize("query", [{"via": "x"}, {"from": "x"}, {"marker": "x"}, {"limit": "0"}])
def test_what_makes_no_sense_is_named(token: str, query: dict[str, str]) -> None:
    response = get(token, AUDIT, **query)

    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith(f"{next(iter(query))}:")


def test_a_token_of_a_domain_gives_the_rows_of_that_domain(fake_keystone: FakeKeystone) -> None:
    person = fake_keystone.person(domain_id="shops", roles={"shops": {"admin"}})
    own = open_event(account=make_account(domain_id="shops"))
    open_event(initiator=make_initiator(domain_id="shops"))
    found = get(fake_keystone.issue(person, "shops"), AUDIT).json()["events"]

    assert [row["id"] for row in found] == [own.pk]
