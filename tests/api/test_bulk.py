"""Several unlocks in one call of the API."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from pciops.audit.models import Event
from pciops.keystone.models import LocalUser, User
from tests.api.call import ACCOUNTS, BODY, assert_refused, post, token_of_domain
from tests.factories import make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def three() -> list[User]:
    """Ann, Ben and Cat, who are locked."""
    return [make_locked_user(name) for name in ("ann", "ben", "cat")]


def unlock(token: str, user_ids: list[str], **fields: Any) -> Response:
    """Request the unlocks."""
    body = {**BODY, "accounts": [{"id": user_id} for user_id in user_ids], **fields}
    return post(token, f"{ACCOUNTS}/unlock", body)


def outcomes(response: Response) -> list[str]:
    """Return the outcome of each."""
    return [result["outcome"] for result in response.json()["results"]]


def locked() -> list[str]:
    """Return the names of the accounts that still have failures."""
    rows = LocalUser.objects.filter(failed_auth_count__gt=0).order_by("name")
    return list(rows.values_list("name", flat=True))


def test_each_account_is_unlocked_once_with_its_own_row(token: str, three: list[User]) -> None:
    response = unlock(token, [three[0].id, three[2].id, three[0].id])

    assert response.status_code == 200
    assert [(result["id"], result["outcome"]) for result in response.json()["results"]] == [
        (three[0].id, "unlocked"),
        (three[2].id, "unlocked"),
    ]
    assert locked() == ["ben"]
    assert set(Event.objects.values_list("target_id", "outcome", "via", "reason")) == {
        (user.id, "success", "api", BODY["reason"]) for user in three[::2]
    }


def test_result_has_all_fields(token: str, three: list[User]) -> None:
    response = unlock(token, [three[0].id])

    assert response.json() == {
        "results": [
            {
                "id": three[0].id,
                "name": "ann",
                "domain_name": "Default",
                "outcome": "unlocked",
                "message": "",
                "event_id": Event.objects.get().id,
            }
        ]
    }


def test_conflict_does_not_stop_the_others(token: str, three: list[User]) -> None:
    response = unlock(token, [make_user("dan").id, three[0].id])

    assert (response.status_code, outcomes(response)) == (200, ["conflict", "unlocked"])
    assert response.json()["results"][0]["message"].startswith("The account is not locked.")


def test_failure_of_the_audit_log_ends_the_rest(
    token: str, three: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Event.save

    def fill(event: Event, **options: Any) -> None:
        if event.target_name == "ben":
            raise OperationalError("the disk of the audit log is full")
        save(event, **options)

    monkeypatch.setattr(Event, "save", fill)
    response = unlock(token, [user.id for user in three])

    assert response.status_code == 503
    assert outcomes(response) == ["unlocked", "failed", "not_tried"]
    assert "Nothing was changed" in response.json()["error"]["message"]
    assert locked() == ["ben", "cat"]


def test_unknown_id_changes_nothing(token: str, three: list[User]) -> None:
    response = unlock(token, [three[0].id, "nobody"])

    assert_refused(response, 404, "Could not find account: nobody.")
    assert locked() == ["ann", "ben", "cat"]


def test_id_of_another_domain_is_unknown(fake_keystone: FakeKeystone) -> None:
    own, foreign = make_locked_user("own", domain_id="shops"), make_locked_user("foreign")
    response = unlock(token_of_domain(fake_keystone), [own.id, foreign.id])

    assert response.status_code == 404
    assert locked() == ["foreign", "own"]


@pytest.mark.parametrize(
    "accounts",
    [None, [], {}, "abc", ["abc"], [{"id": 1}], [{}], [{"id": "a"}, 1], [{"id": "a"}] * 51],
    ids=str,
)
def test_invalid_list_is_refused(token: str, accounts: object) -> None:
    assert_refused(unlock(token, [], accounts=accounts), 400, "accounts: send a list of 1 to 50")


@pytest.mark.parametrize("user_id", ["\ud800", "a\0b", "x" * 65], ids=ascii)
def test_id_that_no_database_takes_is_refused(token: str, user_id: str) -> None:
    response = unlock(token, [], accounts=[{"id": user_id}])

    assert_refused(response, 400, "accounts: each ID is text")
    assert not Event.objects.exists()


def test_reason_without_a_ticket_is_refused(
    token: str, three: list[User], settings: Settings
) -> None:
    settings.TICKET_PATTERN = re.compile("CHG-[0-9]+")
    response = unlock(token, [three[0].id])

    assert_refused(response, 400, "reason: Enter the ticket")
    assert not Event.objects.exists()


@pytest.mark.parametrize("spoiled", [{"reason": ""}, {"identity": "host"}])
def test_invalid_field_is_named(token: str, three: list[User], spoiled: dict[str, str]) -> None:
    response = unlock(token, [three[0].id], **spoiled)

    assert_refused(response, 400, f"{next(iter(spoiled))}: ")
    assert not Event.objects.exists()
