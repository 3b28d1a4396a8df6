"""Notices over the API."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.call import assert_refused, get, pages, token_of_domain
from tests.factories import NOW
from tests.fake_keystone import FakeKeystone
from tests.notices.queued import build_notice

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

NOTICES = "/api/v1/notices"


def names(token: str, **query: str) -> list[str]:
    """Return the names of the accounts of a list, in its order."""
    return [notice["user_name"] for notice in get(token, NOTICES, **query).json()["notices"]]


def test_notice_has_all_fields(token: str) -> None:
    notice = build_notice(attempts=2)
    notice.save()

    assert get(token, NOTICES).json()["notices"] == [
        {
            "id": str(notice.pk),
            "kind": "password_expiring",
            "status": "planned",
            "user_id": notice.user_id,
            "user_name": "ann",
            "domain_id": "default",
            "domain_name": "Default",
            "email": "ann@example.test",
            "fact_at": "2026-11-24T14:02:11Z",
            "step": 3,
            "planned_at": "2026-11-22T14:02:11Z",
            "attempts": 2,
            "next_attempt_at": "2026-11-22T14:02:11Z",
            "settled_at": None,
            "answer": None,
            "message_id": notice.message_id,
        }
    ]


def test_each_view_has_its_notices(token: str) -> None:
    build_notice(name="waits").save()
    build_notice(name="refused", status="refused", settled_at=NOW, answer="550 no").save()
    build_notice(name="old", status="refused", settled_at=NOW - timedelta(days=31)).save()
    build_notice(name="nowhere", status="no_address", email="").save()

    assert names(token) == names(token, view="waiting") == ["waits"]
    assert names(token, view="failed") == ["refused"]
    assert names(token, view="unaddressed") == ["nowhere"]
    [failed] = get(token, NOTICES, view="failed").json()["notices"]
    assert (failed["answer"], failed["next_attempt_at"]) == ("550 no", None)


def test_notices_are_filtered_by_kind_and_account(token: str) -> None:
    ann = build_notice(name="ann")
    ann.save()
    build_notice(name="ben", kind="locked").save()

    assert names(token, kind="locked") == ["ben"]
    assert names(token, account="AN") == names(token, account=ann.user_id) == ["ann"]


@pytest.mark.parametrize("query", [{"view": "lost"}, {"kind": "x"}, {"limit": "0"}])
def test_invalid_parameter_is_named(token: str, query: dict[str, str]) -> None:
    assert_refused(get(token, NOTICES, **query), 400, f"{next(iter(query))}: ")


def test_marker_that_is_none_is_refused(token: str) -> None:
    assert_refused(get(token, NOTICES, marker="x"), 400, "marker: not from this list")


def test_links_lead_to_every_notice_once(token: str) -> None:
    for number in range(5):
        build_notice(name=f"user-{number}", planned_at=NOW - timedelta(minutes=number // 2)).save()
    found = [page["notices"] for page in pages(token, NOTICES, limit="2")]

    assert [len(page) for page in found] == [2, 2, 1]
    assert len({notice["id"] for page in found for notice in page}) == 5


def test_domain_token_sees_only_notices_of_the_domain(fake_keystone: FakeKeystone) -> None:
    build_notice(name="ours", domain_id="shops").save()
    build_notice(name="theirs", domain_id="payments").save()

    assert names(token_of_domain(fake_keystone)) == ["ours"]
