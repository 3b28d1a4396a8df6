"""The JSON API, asked with real tokens of a real Keystone."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.support.cloud import ATTEMPTS, Cloud, Person
from tests.support.site import Site


class Api:
    """The JSON API with a token of Keystone."""

    def __init__(self, site: Site, token: str | None) -> None:
        self.url = f"{site.url}/api/v1/accounts"
        self.headers = {"X-Auth-Token": token} if token else {}

    def get(self, path: str = "") -> requests.Response:
        return requests.get(f"{self.url}{path}", headers=self.headers, timeout=60)

    def unlock(self, person: Person, **body: Any) -> requests.Response:
        """Unlock, with a body that is complete unless told otherwise."""
        content = {"reason": "Called back", "identity": "callback", **body}
        return requests.post(
            f"{self.url}/{person.id}/unlock",
            headers=self.headers,
            json={key: value for key, value in content.items() if value is not None},
            timeout=60,
        )


@pytest.fixture
def api(site: Site, cloud: Cloud) -> Api:
    """An administrator's."""
    return Api(site, cloud.token(cloud.create_operator()))


def test_the_api_lists_a_locked_account(api: Api, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    accounts = api.get("?state=locked").json()["accounts"]

    [found] = [account for account in accounts if account["id"] == locked.id]
    assert found["name"] == locked.name
    assert "locked" in found["states"]
    assert found["failed_auth_count"] == ATTEMPTS
    assert found["locked_until"].endswith("Z")


def test_the_api_shows_one_account(api: Api, cloud: Cloud) -> None:
    person = cloud.create_user()

    assert person.name in api.get(f"/{person.id}").text


def test_the_api_unlocks_and_answers_with_the_event(api: Api, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    answer = api.unlock(locked)

    assert answer.status_code == 200
    assert "success" in answer.text
    assert cloud.sign_in(locked)


def test_the_api_answers_400_where_the_reason_is_missing(api: Api, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    answer = api.unlock(locked, reason=None)

    assert answer.status_code == 400
    assert "reason" in answer.json()["error"]["message"]
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


def test_the_api_answers_401_without_a_token(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()

    answer = Api(site, None).unlock(locked)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == 401


def test_the_api_answers_401_to_a_made_up_token(site: Site) -> None:
    assert Api(site, "gAAAAAB" + "x" * 200).get("?state=locked").status_code == 401


def test_the_api_answers_403_without_the_role(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    token = cloud.token(cloud.create_user(), scope={"unscoped": True})

    answer = Api(site, token).unlock(locked)

    assert answer.status_code == 403
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


def test_the_api_answers_404_to_an_unknown_account(api: Api) -> None:
    nobody = Person(id="0" * 32, name="", password="", domain_id="", domain="")

    assert api.unlock(nobody).status_code == 404


def test_the_api_answers_404_for_an_account_of_another_domain(site: Site, cloud: Cloud) -> None:
    ours = cloud.create_domain("ours")
    operator = cloud.create_operator(domain=ours)
    foreign = cloud.create_locked(domain=cloud.create_domain("theirs"))

    answer = Api(site, cloud.token(operator, scope={"domain_id": ours.id})).unlock(foreign)

    assert answer.status_code == 404
    assert cloud.row(foreign)["failed_auth_count"] == ATTEMPTS


def test_the_api_answers_409_where_the_account_is_not_locked(api: Api, cloud: Cloud) -> None:
    answer = api.unlock(cloud.create_user())

    assert answer.status_code == 409
    assert "not locked" in answer.json()["error"]["message"]
