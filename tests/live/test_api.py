"""The JSON API with real tokens of a real Keystone."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.support.cloud import ATTEMPTS, UNKNOWN, Cloud, Person
from tests.support.site import Site


class Api:
    """The accounts of the API, with a token of Keystone."""

    def __init__(self, site: Site, token: str | None) -> None:
        self.url = f"{site.url}/api/v1/accounts"
        self.headers = {"X-Auth-Token": token} if token else {}

    def get(self, path: str = "") -> requests.Response:
        return requests.get(f"{self.url}{path}", headers=self.headers, timeout=60)

    def unlock(self, person: Person, **body: Any) -> requests.Response:
        """Unlock with a complete body, unless a field of it is given."""
        content = {"reason": "Called back", "identity": "callback", **body}
        return requests.post(
            f"{self.url}/{person.id}/unlock",
            headers=self.headers,
            json={key: value for key, value in content.items() if value is not None},
            timeout=60,
        )


@pytest.fixture(scope="module")
def api(site: Site, cloud: Cloud, operator: Person) -> Api:
    """The API for an administrator."""
    return Api(site, cloud.token(operator))


@pytest.fixture
def locked(cloud: Cloud) -> Person:
    return cloud.create_locked()


def test_the_api_lists_a_locked_account(api: Api, locked: Person) -> None:
    accounts = api.get("?state=locked").json()["accounts"]

    [listed] = [account for account in accounts if account["id"] == locked.id]
    assert listed["name"] == locked.name
    assert "locked" in listed["states"]
    assert listed["failed_auth_count"] == ATTEMPTS
    assert listed["locked_until"].endswith("Z")


def test_the_api_returns_one_account(api: Api, locked: Person) -> None:
    assert locked.name in api.get(f"/{locked.id}").text


def test_the_api_unlocks_and_returns_the_event(api: Api, cloud: Cloud, locked: Person) -> None:
    answer = api.unlock(locked)

    assert answer.status_code == 200
    assert "success" in answer.text
    assert cloud.sign_in(locked)


def test_a_missing_reason_is_400(api: Api, cloud: Cloud, locked: Person) -> None:
    answer = api.unlock(locked, reason=None)

    assert answer.status_code == 400
    assert "reason" in answer.json()["error"]["message"]
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


def test_a_missing_or_invalid_token_is_401(site: Site, locked: Person) -> None:
    answer = Api(site, None).unlock(locked)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == 401
    assert Api(site, "gAAAAAB" + "x" * 200).get("?state=locked").status_code == 401


def test_a_missing_role_is_403(site: Site, cloud: Cloud, locked: Person) -> None:
    token = cloud.token(cloud.create_user(), scope={"unscoped": True})

    answer = Api(site, token).unlock(locked)

    assert answer.status_code == 403
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


def test_an_unknown_account_is_404(api: Api) -> None:
    assert api.unlock(UNKNOWN).status_code == 404


def test_an_account_of_another_domain_is_404(site: Site, cloud: Cloud) -> None:
    domain = cloud.create_domain("ours")
    operator = cloud.create_operator(domain=domain)
    foreign = cloud.create_locked(domain=cloud.create_domain("theirs"))

    answer = Api(site, cloud.token(operator, scope={"domain_id": domain.id})).unlock(foreign)

    assert answer.status_code == 404
    assert cloud.row(foreign)["failed_auth_count"] == ATTEMPTS


def test_an_account_that_is_not_locked_is_409(api: Api, cloud: Cloud) -> None:
    answer = api.unlock(cloud.create_user())

    assert answer.status_code == 409
    assert "not locked" in answer.json()["error"]["message"]
