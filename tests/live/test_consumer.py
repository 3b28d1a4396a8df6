"""The consumer under failures: killed, disconnected, without a database, with a full queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from kombu import Connection
from pytest_django import Settings

from pciops.events.intake import broker
from tests.events.messages import sign_in
from tests.factories import NOW
from tests.support.mariadb import MariaDB
from tests.support.processes import free_port, wait_until
from tests.support.proxy import TcpProxy
from tests.support.rabbitmq import RabbitMQ, publish
from tests.support.site import consuming, environment, manage

_COUNT = "SELECT COALESCE(SUM(`count`), 0) AS number FROM events_attempts"


@pytest.fixture(scope="module")
def database(mariadb: MariaDB) -> Iterator[TcpProxy]:
    """The way to pciops' own database."""
    with TcpProxy(mariadb.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def env(
    mariadb: MariaDB,
    tables: bytes,
    rabbitmq: RabbitMQ,
    database: TcpProxy,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """The environment of a pciops that reads this RabbitMQ. There is no Keystone to ask names."""
    folder = tmp_path_factory.mktemp("consumer")
    mariadb.create_database("consumer", password="ours", tables=tables)
    env = environment(
        folder,
        {
            "OS_AUTH_URL": "http://127.0.0.1:1/v3",
            "PCIOPS_DATABASE_URL": mariadb.url(
                "consumer", user="consumer", password="ours", port=database.port
            ),
            "PCIOPS_KEYSTONE_DATABASE_URL": f"sqlite:///{folder}/nothing",
            "PCIOPS_NOTIFICATIONS_QUEUE": "of-test-consumer",
            "PCIOPS_NOTIFICATIONS_QUEUE_LENGTH": "20000",
            "PCIOPS_NOTIFICATIONS_URL": rabbitmq.url,
            "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS": "3",
        },
    )
    publish(rabbitmq.url, [])  # now there is an exchange
    return env


@pytest.fixture(autouse=True)
def _nothing_kept(env: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ) -> None:
    """Empty the tables and the queues."""
    for table in ("attempts", "activity", "seen", "setaside", "running"):
        mariadb.execute(f"DELETE FROM events_{table}", database="consumer")
    with Connection(rabbitmq.url) as connection:
        for queue in ("of-test-consumer", "pciops.notifications"):
            connection.default_channel.queue_delete(queue)


def counted(mariadb: MariaDB) -> int:
    """Return the number of sign-ins that pciops has kept."""
    [row] = mariadb.execute(_COUNT, database="consumer")
    return int(str(row["number"]))


def queued(rabbitmq: RabbitMQ, queue: str = "of-test-consumer") -> int:
    """Return the number of messages in the queue."""
    with Connection(rabbitmq.url) as connection:
        declared = connection.default_channel.queue_declare(queue, passive=True)
        return int(declared.message_count)


def sign_ins(number: int) -> list[str]:
    """Return the bodies of so many failed sign-ins."""
    return [sign_in(address=f"10.0.0.{n % 9}", at=NOW) for n in range(number)]


def test_killed_consumers_lose_no_message_and_count_none_twice(
    env: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    sent = sign_ins(3000)
    with ExitStack() as stack:
        first = stack.enter_context(consuming(env, tmp_path / "first"))
        first.wait_for_output("connected to")
        load = threading.Thread(target=publish, args=(rabbitmq.url, sent))
        load.start()
        for number in range(3):
            wait_until(lambda n=number: counted(mariadb) > 250 * n, "some are kept")  # type: ignore[misc]
            first.kill()
            first = stack.enter_context(consuming(env, tmp_path / f"next-{number}"))
            first.wait_for_output("connected to")
        second = stack.enter_context(consuming(env, tmp_path / "second"))
        publish(rabbitmq.url, sent[:500])  # once more
        load.join()
        wait_until(lambda: queued(rabbitmq) == 0 and counted(mariadb) >= 3000, "all are kept")

        assert (first.stop(), second.stop()) == (0, 0)
    assert counted(mariadb) == 3000


def test_without_its_database_the_consumer_acknowledges_nothing_and_warns_once(
    env: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, database: TcpProxy, tmp_path: Path
) -> None:
    with consuming(env, tmp_path / "log") as consumer:
        consumer.wait_for_output("connected to")
        with database.down():
            publish(rabbitmq.url, sign_ins(50))
            consumer.wait_for_output("own database does not answer")
            wait_until(lambda: queued(rabbitmq) == 50, "they lie in the queue again")
        wait_until(lambda: counted(mariadb) == 50, "they are kept")
        consumer.wait_for_output("own database answers")

        assert consumer.output.count("own database does not answer") == 1
        assert consumer.output.count("connected to") == 1
        assert consumer.stop() == 0


def test_with_database_and_broker_down_each_is_reported_once_and_it_recovers(
    env: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, database: TcpProxy, tmp_path: Path
) -> None:
    with TcpProxy(rabbitmq.port) as broker_proxy:
        url = rabbitmq.url.replace(str(rabbitmq.port), str(broker_proxy.port))
        other = {**env, "PCIOPS_NOTIFICATIONS_URL": url}
        with consuming(other, tmp_path / "log") as consumer:
            consumer.wait_for_output("connected to")
            with database.down(), broker_proxy.down():
                time.sleep(8)  # several tries
            consumer.wait_for_output("connected to", times=2)
            publish(rabbitmq.url, sign_ins(5))
            wait_until(lambda: counted(mariadb) == 5, "they are kept")

            assert (
                consumer.output.count(" WARNING ") - consumer.output.count("cannot look up names")
                == 2
            )
            assert consumer.stop() == 0


def test_the_consumer_survives_a_restart_of_rabbitmq_and_declares_the_exchange_again(
    env: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    with consuming(env, tmp_path / "log") as consumer:
        consumer.wait_for_output("connected to")
        rabbitmq.restart()
        consumer.wait_for_output("connected to", times=2)
        publish(rabbitmq.url, sign_ins(10))  # it declares the exchange as Keystone does
        wait_until(lambda: counted(mariadb) == 10, "they are kept")

        assert (
            consumer.output.count(" WARNING ") - consumer.output.count("cannot look up names") == 1
        )
        assert consumer.stop() == 0
    rows = mariadb.execute(
        "SELECT connected, error FROM events_running ORDER BY id", database="consumer"
    )
    assert [bool(row["connected"]) for row in rows] == [True, False, True]
    assert "127.0.0.1" in str(rows[1]["error"])
    assert rows[2]["error"] == "ended"


def test_the_consumer_waits_for_the_exchange_and_does_not_declare_one(
    env: dict[str, str], rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    other = {**env, "PCIOPS_NOTIFICATIONS_EXCHANGE": "of-another-keystone"}
    with consuming(other, tmp_path / "log") as consumer:
        consumer.wait_for_output("there is no exchange 'of-another-keystone'")

        assert consumer.stop() == 0
    with Connection(rabbitmq.url) as broker, pytest.raises(broker.channel_errors, match="404"):
        broker.default_channel.exchange_declare("of-another-keystone", "topic", passive=True)


def test_the_queue_has_a_maximum_length(
    env: dict[str, str], rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    small = {
        **env,
        "PCIOPS_NOTIFICATIONS_QUEUE": "small",
        "PCIOPS_NOTIFICATIONS_QUEUE_LENGTH": "1000",
    }
    with consuming(small, tmp_path / "log") as consumer:
        consumer.wait_for_output("connected to")
        consumer.stop()
    publish(rabbitmq.url, sign_ins(1200))

    assert queued(rabbitmq, "small") == 1000
    assert "notifications wait at" in manage(small, "doctor").stdout


def test_the_consumer_connects_to_the_first_node_that_answers(
    env: dict[str, str], rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    nodes = f"amqp://nobody:secret@127.0.0.1:{free_port()}//;{rabbitmq.url}"
    with consuming({**env, "PCIOPS_NOTIFICATIONS_URL": nodes}, tmp_path / "log") as one:
        one.wait_for_output(f"connected to 127.0.0.1:{rabbitmq.port}")

        assert one.stop() == 0
        assert "secret" not in one.output


def test_a_login_with_the_documented_permissions_is_enough(
    env: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    queue = "pciops.notifications"
    may = [r"^pciops\.", r"^pciops\.", r"^(pciops\.notifications|keystone)$"]
    rabbitmq.control("add_user", "least", "s3cret")
    rabbitmq.control("set_permissions", "least", *may)
    url = rabbitmq.url.replace("pciops:pciops", "least:s3cret")
    least = {
        **env,
        "PCIOPS_NOTIFICATIONS_URL": url,
        "PCIOPS_NOTIFICATIONS_QUEUE": queue,
    }
    with consuming(least, tmp_path / "log") as consumer:
        consumer.wait_for_output("connected to")
        publish(rabbitmq.url, sign_ins(5))
        wait_until(lambda: counted(mariadb) == 5, "they are kept")

        assert consumer.stop() == 0


def test_only_a_message_that_the_database_cannot_hold_becomes_a_dead_letter(
    env: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    mariadb.execute(
        "ALTER TABLE events_attempts MODIFY name VARCHAR(255) CHARACTER SET latin1",
        database="consumer",
    )
    with consuming(env, tmp_path / "log") as consumer:
        consumer.wait_for_output("connected to")
        publish(rabbitmq.url, [*sign_ins(5), sign_in(name="🙂"), "{", *sign_ins(5)])
        wait_until(lambda: counted(mariadb) == 10, "the others are kept")

        assert consumer.stop() == 0
    rows = mariadb.execute(
        "SELECT reason FROM events_setaside ORDER BY reason", database="consumer"
    )
    assert [row["reason"] for row in rows] == ["not JSON", "refused by pciops' database"]
    assert "not JSON" in manage(env, "set_aside", "--format", "csv").stdout


# --- TLS ----------------------------------------------------------------------------------------
def test_over_tls_the_certificate_and_its_name_are_checked(
    settings: Settings, rabbitmq: RabbitMQ
) -> None:
    url = f"amqps://pciops:pciops@localhost:{rabbitmq.tls_port}//"
    settings.NOTIFICATIONS_CACERT = str(rabbitmq.certificate)
    broker.connect(url).release()

    with pytest.raises(broker.BrokerError, match="doesn't match|not valid for"):
        broker.connect(url.replace("localhost", "127.0.0.1"))
    settings.NOTIFICATIONS_CACERT = ""
    with pytest.raises(broker.BrokerError, match="certificate verify failed"):
        broker.connect(url)
