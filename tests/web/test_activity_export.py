"""The files of the activity page."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from pciops.audit.models import Event
from tests.events.factories import activity, attempts
from tests.factories import NOW
from tests.web.pages import csv_rows, text_of

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MINUTE = timedelta(minutes=1)


def exported(site: Client, query: str = "?format=json") -> list[dict[str, Any]]:
    """Return the rows of the JSON file."""
    rows: list[dict[str, Any]] = json.loads(text_of(site, f"/activity/export{query}"))["activity"]
    return rows


def test_the_json_file_has_every_row_as_the_api_gives_it(site: Client) -> None:
    attempts(3, until=NOW + timedelta(seconds=9), partial_hash="2Nwmv").save()
    activity("role_granted", at=NOW - MINUTE, detail="role=r1").save()
    sign_in, grant = exported(site)
    sentence = sign_in.pop("sentence")

    assert sign_in == {
        "kind": "sign_in",
        "first_at": "2026-11-22T14:02:11Z",
        "last_at": "2026-11-22T14:02:20Z",
        "count": 3,
        "outcome": "failure",
        "reason": "wrong_password",
        "account_id": "d0e",
        "account_name": "j.doe",
        "domain_id": "corp",
        "domain_name": "corp",
        "doer_id": None,
        "doer_name": None,
        "doer_domain_id": None,
        "doer_domain_name": None,
        "address": "10.2.3.4",
        "agent": "keystoneauth1/5.18.0 python-requests/2.34",
        "detail": None,
    }
    assert "the same each time" in sentence
    assert (grant["kind"], grant["doer_name"], grant["detail"]) == (
        *("role_granted", "admin", "role=r1"),
    )


def test_a_formula_in_the_csv_file_is_defused(site: Client) -> None:
    activity(name="=SUM(A1)", doer_name="@evil", agent="-x").save()
    [row] = csv_rows(site, "/activity/export?format=csv")

    assert (row["account_name"], row["doer_name"], row["agent"]) == ("'=SUM(A1)", "'@evil", "'-x")


def test_an_export_is_in_the_audit_log_with_its_filters(site: Client) -> None:
    text_of(site, "/activity/export?format=csv&account=ann")
    event = Event.objects.get(action=Event.Action.EXPORT)

    assert (event.resource, event.remark) == ("activity.csv", "account=ann")


@pytest.mark.parametrize("query", ["", "?format=xml", "?format=csv&kind=x"])
def test_an_invalid_export_is_refused_and_not_recorded(site: Client, query: str) -> None:
    assert site.get(f"/activity/export{query}").status_code == 400
    assert not Event.objects.filter(action=Event.Action.EXPORT).exists()
