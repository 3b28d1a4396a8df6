"""A real Prometheus scrapes the site, and knows our alerts and the queries of our dashboard."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.live.conftest import METRICS_TOKEN
from tests.support.cloud import Cloud
from tests.support.processes import ROOT, program, wait_until
from tests.support.prometheus import ALERTS, Prometheus
from tests.support.site import Site

DASHBOARD = ROOT / "deploy/grafana/pciops.json"


@pytest.fixture(scope="module")
def prometheus(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    assert site.manage("census").code == 0
    target = site.url.removeprefix("http://")
    folder = tmp_path_factory.mktemp("prometheus")
    with Prometheus(folder, target=target, token=METRICS_TOKEN) as server:
        yield server


def test_the_site_is_a_target_that_is_up(prometheus: Prometheus) -> None:
    [target] = prometheus.targets()

    assert (target["health"], target["lastError"]) == ("up", "")
    sources = prometheus.query("pciops_source_up")
    assert {series["metric"]["source"]: series["value"][1] for series in sources} == {
        "database": "1",
        "keystone": "1",
        "keystone_database": "1",
    }


def test_a_lock_at_keystone_is_seen_by_prometheus(prometheus: Prometheus, cloud: Cloud) -> None:
    def locked() -> float:
        [series] = prometheus.query("pciops_locked_accounts")
        return float(series["value"][1])

    before = locked()
    cloud.create_locked("bob")

    wait_until(lambda: locked() == before + 1, "Prometheus sees the lock")


def test_prometheus_loads_and_evaluates_every_alert(prometheus: Prometheus) -> None:
    rules = prometheus.rules()
    wait_until(lambda: all(rule["health"] == "ok" for rule in prometheus.rules()), "evaluation")

    assert len(rules) == ALERTS.read_text(encoding="utf-8").count("- alert:")
    assert {rule["labels"]["severity"] for rule in rules} == {"critical", "warning"}


def test_every_query_of_the_dashboard_can_be_evaluated(prometheus: Prometheus) -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    answers = [prometheus.query(query) for query in queries]

    assert len(queries) > 30
    assert sum(map(bool, answers)) >= 10  # much has not happened on this site


@pytest.mark.parametrize("check", ["check rules alerts.yml", "test rules alerts_test.yml"])
def test_promtool_has_no_objection(check: str) -> None:
    promtool = program("promtool", package="prometheus")
    done = subprocess.run(
        [promtool, *check.split()], cwd=ALERTS.parent, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_requests_of_all_processes_are_added_up(site: Site) -> None:
    def answered() -> float:
        headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        text = requests.get(f"{site.url}/metrics", headers=headers, timeout=60).text
        labels = 'method="GET",route="/signin/",status="2xx"'
        name = f"pciops_http_request_duration_seconds_count{{{labels}}} "
        values = [line for line in text.splitlines() if line.startswith(name)]
        assert len(values) < 2
        return float(values[0].removeprefix(name)) if values else 0

    before = answered()
    for _ in range(20):
        assert requests.get(f"{site.url}/signin/", timeout=60).status_code == 200

    assert {answered() for _ in range(10)} == {before + 20}
    written = {path.stem for path in Path(site.settings["PROMETHEUS_MULTIPROC_DIR"]).iterdir()}
    assert len(written) >= 2  # one for each process, also for those that other tests ended


def test_without_token_and_address_nothing_is_answered(site: Site) -> None:
    response = requests.get(f"{site.url}/metrics", timeout=60)

    assert response.status_code == 401
    assert "pciops_accounts" not in response.text
