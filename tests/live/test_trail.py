"""The trail under a crowd: on a real site with a real MariaDB."""

from __future__ import annotations

import collections
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from tests.support.cloud import Cloud
from tests.support.site import Site

CROWD = 50


def test_of_fifty_who_unlock_one_account_at_once_one_does_and_each_has_a_row(
    site: Site, cloud: Cloud
) -> None:
    locked = cloud.create_locked()
    headers = {"X-Auth-Token": cloud.token(cloud.create_operator())}

    def unlock(number: int) -> requests.Response:
        body = {"reason": f"Caller {number}", "identity": "callback"}
        url = f"{site.url}/api/v1/accounts/{locked.id}/unlock"
        return requests.post(url, headers=headers, json=body, timeout=120)

    with ThreadPoolExecutor(CROWD) as crowd:
        told = list(crowd.map(unlock, range(CROWD)))
    query: dict[str, Any] = {"account": locked.id, "limit": 1000}
    rows = requests.get(f"{site.url}/api/v1/audit", query, headers=headers, timeout=60).json()
    outcomes = collections.Counter(row["outcome"] for row in rows["events"])
    print(collections.Counter((answer.status_code, answer.text[:400]) for answer in told))

    assert collections.Counter(answer.status_code for answer in told) == {200: 1, 409: CROWD - 1}
    assert outcomes == {"success": 1, "failure": CROWD - 1}
    assert {row["reason"] for row in rows["events"]} == {f"Caller {n}" for n in range(CROWD)}
    assert site.manage("verify_audit").code == 0
    assert cloud.sign_in(locked)
