"""The audit log over the API."""

from __future__ import annotations

import pytest

from pciops.audit.models import Event
from tests.api.call import get, pages, token_of_domain
from tests.audit.helpers import open_event, record
from tests.factories import make_account, make_initiator
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

AUDIT = "/api/v1/audit"


def test_rows_have_their_place_in_the_chain(token: str) -> None:
    event = record()
    [row] = get(token, AUDIT).json()["events"]

    assert (row["id"], row["position"], row["hash"]) == (event.pk, 1, event.hash)


def test_rows_can_be_filtered(token: str) -> None:
    record()
    event = record(action=Event.Action.EXPORT, outcome=Event.Outcome.FAILURE)
    rows = get(token, AUDIT, action="read/export", outcome="failure").json()["events"]

    assert [row["id"] for row in rows] == [event.pk]


def test_links_lead_to_every_row(token: str) -> None:
    ids = {record().pk for _ in range(3)}
    first, second = pages(token, AUDIT, limit=2)

    rows = first["events"] + second["events"]
    assert {row["id"] for row in rows if row["action"] != "read/audit"} == ids


def test_reading_is_recorded_once_for_a_search_in_five_minutes(token: str) -> None:
    for _ in range(3):
        get(token, AUDIT)
    get(token, AUDIT, action="unlock")

    readings = Event.objects.filter(action="read/audit").order_by("position")
    assert [(row.via, row.remark) for row in readings] == [("api", ""), ("api", "action=unlock")]


def test_domain_token_gets_only_rows_of_the_domain(fake_keystone: FakeKeystone) -> None:
    own = open_event(account=make_account(domain_id="shops"))
    open_event(initiator=make_initiator(domain_id="shops"))
    rows = get(token_of_domain(fake_keystone), AUDIT).json()["events"]

    assert [row["id"] for row in rows] == [own.pk]
