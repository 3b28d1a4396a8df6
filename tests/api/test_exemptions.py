"""The exemption register over the API."""

from __future__ import annotations

import pytest

from tests.api.call import ACCOUNTS, get, pages, post, token_of_domain
from tests.factories import make_user
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

EXEMPTIONS = "/api/v1/exemptions"
EXEMPTED = {"1001": True}


def test_exemptions_have_their_record_and_can_be_filtered(token: str) -> None:
    recorded, new = (make_user(name, options=EXEMPTED).id for name in ("recorded", "new"))
    body = {
        "reason": "INC-1",
        "option": "ignore_password_expiry",
        "owner": "ops",
        "ends_on": "2026-12-22",
    }
    assert post(token, f"{ACCOUNTS}/{recorded}/record", body).status_code == 200

    entries = get(token, EXEMPTIONS).json()["exemptions"]
    fields = ("user_id", "status", "owner", "ends_on")
    assert [tuple(entry[field] for field in fields) for entry in entries] == [
        (recorded, "recorded", "ops", "2026-12-22"),
        (new, "unrecorded", None, None),
    ]
    assert get(token, EXEMPTIONS, status="unrecorded").json()["exemptions"] == entries[1:]


def test_links_lead_to_every_exemption(token: str) -> None:
    ids = [make_user(f"svc-{number}", options=EXEMPTED).id for number in range(5)]
    found = [page["exemptions"] for page in pages(token, EXEMPTIONS, limit=2)]

    assert [entry["user_id"] for page in found for entry in page] == ids


def test_domain_token_gets_only_exemptions_of_the_domain(fake_keystone: FakeKeystone) -> None:
    make_user("theirs", domain_id="payments", options=EXEMPTED)
    make_user("ours", domain_id="shops", options=EXEMPTED)
    entries = get(token_of_domain(fake_keystone), EXEMPTIONS).json()["exemptions"]

    assert [entry["user_name"] for entry in entries] == ["ours"]
