"""A consumer and a worker on quorum queues of three RabbitMQ nodes, one of which is killed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from kombu import Connection

from pciops.events.intake.broker import DELIVERY_LIMIT
from tests.events.messages import sign_in
from tests.factories import NOW
from tests.support.mariadb import MariaDB
from tests.support.processes import running, wait_until
from tests.support.rabbitmq import RabbitMQ, publish
from tests.support.site import consuming, environment, manage

WORKER = [
    *(sys.executable, "-m", "celery", "-A", "pciops", "worker", "--pool", "solo"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
]

PRUNED = "SELECT COUNT(done_at) FROM lib_jobrun WHERE job = 'events.prune'"


@pytest.fixture
def env(mariadb: MariaDB, tables: bytes, tmp_path: Path) -> dict[str, str]:
    """The environment of a pciops with a new database, without Keystone."""
    return environment(
        tmp_path,
        {
            "OS_AUTH_URL": "http://127.0.0.1:1/v3",
            "PCIOPS_DATABASE_URL": mariadb.create_database(
                "cluster", password="ours", tables=tables
            ),
            "PCIOPS_KEYSTONE_DATABASE_URL": f"sqlite:///{tmp_path}/nothing",
            "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS": "3",
            "PCIOPS_QUEUE_TYPE": "quorum",
        },
    )


def number_of(mariadb: MariaDB, select: str) -> int:
    """Return a number of pciops' own database."""
    [row] = mariadb.execute(f"SELECT ({select}) AS number", database="cluster")
    return int(str(row["number"] or 0))


def test_a_killed_node_stops_neither_the_consumer_nor_the_worker_and_loses_nothing(
    env: dict[str, str], mariadb: MariaDB, cluster: list[RabbitMQ], tmp_path: Path
) -> None:
    urls = ";".join(node.url for node in cluster)
    env |= {"PCIOPS_BROKER_URL": urls, "PCIOPS_NOTIFICATIONS_URL": urls}
    first, second, third = cluster
    publish(first.url, [])  # now there is an exchange
    with (
        consuming(env, tmp_path / "consumer") as consumer,
        running(WORKER, env=env, log=tmp_path / "worker") as worker,
    ):
        consumer.wait_for_output(f"connected to 127.0.0.1:{first.port}")
        worker.wait_for_output("start/process of worker")
        publish(first.url, [sign_in(at=NOW) for _ in range(300)])
        first.stop(signal.SIGKILL)
        publish(second.url, [sign_in(at=NOW) for _ in range(300)])
        send = "from pciops.events.tasks import prune_old; prune_old.delay()"
        assert manage(env, "shell", "-c", send).code == 0
        wait_until(
            lambda: (
                number_of(mariadb, "SELECT SUM(count) FROM events_attempts") == 600
                and number_of(mariadb, PRUNED) == 1
            ),
            "all sign-ins are recorded and the task is done",
        )
        found = manage(env, "doctor").stdout
        first.start()

        assert (consumer.stop(), worker.stop()) == (0, 0)
    assert number_of(mariadb, "SELECT SUM(count) FROM events_attempts") == 600
    assert f"127.0.0.1:{first.port} does not answer" in found
    assert f"127.0.0.1:{second.port}// answers" in found
    for node in (first, third):
        queues = node.control("list_queues", "--quiet", "name", "type", "messages", "arguments")
        assert sorted(line.split()[:3] for line in queues.splitlines()[1:]) == [
            ["celery-quorum", "quorum", "0"],
            ["pciops.notifications", "quorum", "0"],
        ]
        assert str(DELIVERY_LIMIT) in queues


def test_an_existing_queue_of_another_type_is_used_as_it_is_and_reported(
    env: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    env |= {
        "PCIOPS_NOTIFICATIONS_QUEUE": "of-another-type",
        "PCIOPS_NOTIFICATIONS_URL": rabbitmq.url,
    }
    publish(rabbitmq.url, [])
    with Connection(rabbitmq.url) as link:
        link.default_channel.queue_declare("of-another-type", durable=True, auto_delete=False)
    with consuming(env, tmp_path / "consumer") as consumer:
        consumer.wait_for_output("connected to")
        publish(rabbitmq.url, [sign_in(at=NOW)])
        wait_until(
            lambda: number_of(mariadb, "SELECT COUNT(*) FROM events_attempts") == 1, "it is kept"
        )

        assert consumer.output.count("'of-another-type' does not match the settings") == 1
        assert consumer.stop() == 0
