"""Alerts and dashboard in deploy/ use only metrics and labels that pciops has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import STATES
from pciops.audit.models import Event
from pciops.celery import app
from pciops.notices.models import DeliveryStatus
from pciops.web.metrics.catalog import CATALOG, REQUESTS, STATEMENTS
from pciops.web.metrics.collector import ALL

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
FAMILIES = (*CATALOG, REQUESTS, STATEMENTS)
LABELS = {name: {*family.labels, "le"} for family in FAMILIES for name in family.sample_names}
VALUES = {  # of labels, as alerts and dashboard select them
    "action": set(Event.Action.values),
    "kind": {ALL, *AccountKind.values},
    "name": set(app.conf.beat_schedule),
    "outcome": {"success", "failure", *DeliveryStatus.values},
    "state": {ALL, *(state.name for state in STATES)},
}


def alerts() -> list[dict[str, object]]:
    groups = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in groups["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    yield from (str(alert["expr"]) for alert in alerts())
    dashboard = json.loads((DEPLOY / "grafana/pciops.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_expression_names_metrics_labels_and_values_that_exist(expression: str) -> None:
    selectors = re.findall(r"\b(pciops_\w+)(?:\{([^}]*)\})?", expression)

    assert selectors or expression.startswith("up{")
    for name, matchers in selectors:
        assert name in LABELS
        for label, operator, text in re.findall(r'(\w+)\s*([!=~]+)\s*"([^"]*)"', matchers):
            assert label in LABELS[name]
            if label in VALUES and "*" not in text:
                parts = text.split("|") if "~" in operator else [text]
                assert set(parts) <= VALUES[label]


def test_every_metric_is_in_an_alert_or_on_the_dashboard() -> None:
    text = " ".join(expressions())
    unused = [family.name for family in FAMILIES if family.name not in text]

    assert unused == []


def test_every_alert_has_a_severity_and_says_what_to_do() -> None:
    assert all(
        isinstance(alert["labels"], dict)
        and alert["labels"]["severity"] in {"critical", "warning"}
        and isinstance(alert["annotations"], dict)
        and alert["annotations"].keys() == {"summary", "description"}
        for alert in alerts()
    )
