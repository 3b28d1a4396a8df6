"""A private Prometheus that scrapes one site."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import requests

from tests.support.processes import ROOT, free_port, program, running, wait_until

ALERTS = ROOT / "deploy/prometheus/alerts.yml"


class Prometheus:
    """Debian's Prometheus with our alerts; it scrapes the site every second, with the token."""

    def __init__(self, folder: Path, *, target: str, token: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._folder = folder
        self._stack = ExitStack()
        config = {  # YAML reads JSON
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(ALERTS)],
            "scrape_configs": [
                {
                    "job_name": "pciops",
                    "authorization": {"credentials": token},
                    "static_configs": [{"targets": [target]}],
                }
            ],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")

    def __enter__(self) -> Self:
        log = self._folder / "prometheus.log"
        server = self._stack.enter_context(
            running(
                [
                    program("prometheus", package="prometheus"),
                    f"--config.file={self._folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                env=dict(os.environ),
                log=log,
            )
        )
        try:
            wait_until(self._scrapes, "Prometheus scrapes the site", server.process, log)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def targets(self) -> list[dict[str, Any]]:
        """Return what it scrapes, as it sees it."""
        targets: list[dict[str, Any]] = self._get("targets")["activeTargets"]
        return targets

    def rules(self) -> list[dict[str, Any]]:
        """Return the rules that it has loaded."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an expression now."""
        result: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return result

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        response = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=10)
        body: dict[str, Any] = response.json()
        assert body["status"] == "success", body
        data: dict[str, Any] = body["data"]
        return data

    def _scrapes(self) -> bool:
        try:
            return [target["health"] for target in self.targets()] == ["up"]
        except requests.RequestException:
            return False
