"""The Celery app: how it connects to the nodes of a RabbitMQ, and what a worker starts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kombu.exceptions import OperationalError
from kombu.transport import pyamqp

from pciops.audit import processes
from pciops.celery import WorkerConsumer, app, record_start


def test_of_each_node_its_own_name_is_expected_in_the_certificate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = []

    class Link(SimpleNamespace):
        def connect(self) -> None:
            expected.append((self.host.partition(":")[0], self.ssl["server_hostname"]))

    monkeypatch.setattr(pyamqp.SSLTransport, "Connection", Link)
    monkeypatch.setitem(app.conf, "broker_transport_options", {})
    tls: dict[str, Any] = {"server_hostname": None}  # one for all connections, as in the settings
    link = app.connection_for_write("amqps://one.example//;amqps://two.example//", ssl=tls)
    for _ in range(3):
        link.transport.establish_connection()
        link.maybe_switch_next()
    app.connection_for_write("amqps://three.example//", ssl=tls).transport.establish_connection()

    assert expected == [(f"{name}.example",) * 2 for name in ("one", "two", "one", "three")]


def test_a_worker_makes_no_queues_for_delayed_tasks() -> None:
    steps = [step.rpartition(":")[2] for step in WorkerConsumer.Blueprint.default_steps]

    assert "Tasks" in steps
    assert "DelayedDelivery" not in steps
    assert app.conf.worker_consumer == "pciops.celery:WorkerConsumer"


def test_a_worker_orders_a_census_when_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(processes, "record_start", lambda kind: None)
    monkeypatch.setattr(app, "send_task", lambda name, **_: sent.append(name))
    record_start()

    assert sent == ["accounts.census"]


def test_a_worker_whose_broker_went_away_as_it_started_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(name: str, **_: Any) -> None:
        raise OperationalError("[Errno 111] Connection refused")

    monkeypatch.setattr(processes, "record_start", lambda kind: None)
    monkeypatch.setattr(app, "send_task", refuse)
    record_start()

    [record] = [record for record in caplog.records if record.name == "pciops.celery"]
    assert "Connection refused" in record.getMessage()
    assert not record.exc_info
