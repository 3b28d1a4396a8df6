"""The exemption register over the API."""

from __future__ import annotations

import pytest

from tests.api.call import ACCOUNTS, get, post
from tests.factories import make_user
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

EXEMPTIONS = "/api/v1/exemptions"
EXPIRY = "ignore_password_expiry"


def record(token: str, user_id: str) -> None:
    """Record the exemption of an account."""
    body = {"reason": "INC-1", "option": EXPIRY, "owner": "ops", "ends_on": "2026-12-22"}
    assert post(token, f"{ACCOUNTS}/{user_id}/record", body).status_code == 200


def test_each_exemption_is_there_with_what_was_recorded(token: str) -> None:
    known, new = (make_user(name, options={"1001": True}).id for name in ("known", "new"))
    record(token, known)
    found = get(token, EXEMPTIONS).json()["exemptions"]

    assert [(it["user_id"], it["status"], it["owner"], it["ends_on"]) for it in found] == [
        (known, "recorded", "ops", "2026-12-22"),
        (new, "unrecorded", None, None),
    ]


def test_a_status_narrows_it(token: str) -> None:
    known, new = (make_user(name, options={"1001": True}).id for name in ("known", "new"))
    record(token, known)
    found = get(token, EXEMPTIONS, status="unrecorded").json()["exemptions"]

    assert [it["user_id"] for it in found] == [new]


def test_it_is_walked_by_its_links(token: str) -> None:
    made = [make_user(f"svc-{number}", options={"1001": True}).id for number in range(5)]
    path, found = f"{EXEMPTIONS}?limit=2", list[str]()
    while path:
        answer = get(token, path).json()
        found += [it["user_id"] for it in answer["exemptions"]]
        path = answer["links"]["next"]

    assert found == made


@pytest.mark.parametrize(
    "query", [{"status": "fine"}, {"limit": "0"}, {"limit": "x"}, {"marker": "x" * 65}]
)
def test_a_parameter_that_makes_no_sense_is_refused(token: str, query: dict[str, str]) -> None:
    response = get(token, EXEMPTIONS, **query)

    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith(f"{next(iter(query))}:")


def test_a_token_of_a_domain_sees_that_domain_alone(fake_keystone: FakeKeystone) -> None:
    make_user("theirs", domain_id="payments", options={"1001": True})
    make_user("ours", domain_id="shops", options={"1001": True})
    person = fake_keystone.person(domain_id="shops", roles={"shops": {"admin"}})
    found = get(fake_keystone.issue(person, "shops"), EXEMPTIONS).json()["exemptions"]

    assert [it["user_name"] for it in found] == ["ours"]


def test_without_a_token_there_is_nothing(token: str) -> None:
    assert get("", EXEMPTIONS).status_code == 401
