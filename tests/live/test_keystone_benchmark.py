"""The token benchmark against a real Keystone."""

from __future__ import annotations

import json

from tests.support.cloud import Cloud
from tests.support.site import Site


def test_benchmark_measures_a_real_keystone_and_revokes_nothing(site: Site, cloud: Cloud) -> None:
    person = cloud.create_user()
    [before] = cloud.sql("SELECT COUNT(*) AS events FROM revocation_event")

    result = site.manage(
        *("keystone_benchmark", "--yes", "--format", "json", "--concurrency", "3"),
        *("--serial", "3", "--tokens", "6", "--validations", "5"),
        OS_USERNAME=person.name,
        OS_PASSWORD=person.password,
        OS_USER_DOMAIN_NAME=person.domain,
    )

    assert result.code == 0, result.stderr
    rows = json.loads(result.stdout)["measurements"]
    assert [(row["count"], row["errors"]) for row in rows] == [(3, 0), (3, 0), (6, 0), (5, 0)]
    assert [before] == cloud.sql("SELECT COUNT(*) AS events FROM revocation_event")
    assert person.password not in result.stdout + result.stderr
