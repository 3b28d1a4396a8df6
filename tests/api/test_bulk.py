"""Several unlocks in one call of the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError

from pciops.audit.models import Event
from pciops.keystone.models import LocalUser, User
from tests.api.call import ACCOUNTS, BODY, post
from tests.factories import make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def three() -> list[User]:
    """Ann, Ben and Cat, who are locked."""
    return [make_locked_user(name) for name in ("ann", "ben", "cat")]


def unlock(token: str, user_ids: list[str], **fields: Any) -> Response:
    """Ask for the unlocks."""
    body = {**BODY, "accounts": [{"id": user_id} for user_id in user_ids], **fields}
    return post(token, f"{ACCOUNTS}/unlock", body)


def outcomes(response: Response) -> list[str]:
    """How each ended."""
    return [result["outcome"] for result in response.json()["results"]]


def locked() -> list[str]:
    """Who still has failures."""
    rows = LocalUser.objects.filter(failed_auth_count__gt=0).order_by("name")
    return list(rows.values_list("name", flat=True))


def test_the_accounts_are_unlocked(token: str, three: list[User]) -> None:
    response = unlock(token, [three[0].id, three[2].id])

    assert (response.status_code, outcomes(response)) == (200, ["unlocked", "unlocked"])
    assert locked() == ["ben"]


def test_a_result_has_the_account_and_its_act(token: str, three: list[User]) -> None:
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


def test_each_has_a_row_in_the_trail(token: str, three: list[User]) -> None:
    unlock(token, [user.id for user in three])

    assert set(Event.objects.values_list("target_id", "outcome", "via", "reason")) == {
        (user.id, "success", "api", BODY["reason"]) for user in three
    }


def test_a_conflict_does_not_stop_the_others(token: str, three: list[User]) -> None:
    response = unlock(token, [make_user("dan").id, three[0].id])

    assert (response.status_code, outcomes(response)) == (200, ["conflict", "unlocked"])
    assert response.json()["results"][0]["message"].startswith("The account is not locked.")


def test_the_same_id_twice_is_one(token: str, three: list[User]) -> None:
    assert outcomes(unlock(token, [three[0].id, three[0].id])) == ["unlocked"]


def test_a_trail_that_fails_in_the_middle_ends_the_rest(
    token: str, three: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Event.save

    def fill(event: Event, **options: Any) -> None:
        if event.target_name == "ben":
            raise OperationalError("the trail's disk is full")
        save(event, **options)

    monkeypatch.setattr(Event, "save", fill)
    response = unlock(token, [user.id for user in three])

    assert response.status_code == 503
    assert outcomes(response) == ["unlocked", "failed", "not_tried"]
    assert "Nothing was changed" in response.json()["error"]["message"]
    assert locked() == ["ben", "cat"]


def test_an_unknown_id_changes_nothing(token: str, three: list[User]) -> None:
    response = unlock(token, [three[0].id, "nobody"])

    assert response.status_code == 404
    assert response.json()["error"]["message"] == (
        "Could not find account: nobody. Nothing was changed."
    )
    assert locked() == ["ann", "ben", "cat"]


def test_an_id_of_another_domain_is_unknown(fake_keystone: FakeKeystone) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    own, foreign = make_locked_user("own", domain_id="shops"), make_locked_user("foreign")
    response = unlock(fake_keystone.issue(keeper, "shops"), [own.id, foreign.id])

    assert response.status_code == 404
    assert locked() == ["foreign", "own"]


@pytest.mark.parametrize(
    "accounts",
    [None, [], {}, "abc", ["abc"], [{"id": 1}], [{}], [{"id": "a"}, 1], [{"id": "a"}] * 51],
    ids=str,
)
def test_a_list_that_is_none_is_refused(token: str, accounts: object) -> None:
    response = unlock(token, [], accounts=accounts)

    assert response.status_code == 400
    assert response.json()["error"]["message"] == (
        'accounts: a list of 1 to 50 objects, each {"id": "…"}.'
    )


@pytest.mark.parametrize(
    ("spoiled", "name"), [({"reason": ""}, "reason"), ({"identity": "host"}, "identity")]
)
def test_the_other_fields_are_those_of_one_unlock(
    token: str, three: list[User], spoiled: dict[str, str], name: str
) -> None:
    response = unlock(token, [three[0].id], **spoiled)

    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith(f"{name}: ")
    assert not Event.objects.exists()
