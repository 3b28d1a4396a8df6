"""The consumer in bad times: killed, thrown out, without a database, with too much to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from kombu import Connection
from pytest_django import Settings

from pciops.events.intake import broker
from tests.events.messages import sign_in
from tests.factories import NOW
from tests.support.certificates import certificate
from tests.support.consumer import consuming, environment_of, manage, publish
from tests.support.mariadb import MariaDB
from tests.support.processes import free_port, wait_until
from tests.support.proxy import Door
from tests.support.rabbitmq import RabbitMQ

_COUNT = "SELECT COALESCE(SUM(`count`), 0) AS number FROM events_attempts"


@pytest.fixture(scope="module")
def door(mariadb: MariaDB) -> Iterator[Door]:
    """The way to our own database."""
    with Door(mariadb.port) as door:
        yield door


@pytest.fixture(scope="module")
def environment(
    mariadb: MariaDB,
    rabbitmq: RabbitMQ,
    door: Door,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """A pciops that reads this RabbitMQ; there is no Keystone, and so nobody has a name."""
    folder = tmp_path_factory.mktemp("consumer")
    mariadb.create_database("consumer", password="ours")
    environment = environment_of(
        folder,
        OS_AUTH_URL="http://127.0.0.1:1/v3",
        PCIOPS_DATABASE_URL=mariadb.url(
            "consumer", user="consumer", password="ours", port=door.port
        ),
        PCIOPS_KEYSTONE_DATABASE_URL=f"sqlite:///{folder}/nothing",
        PCIOPS_NOTIFICATIONS_QUEUE="of-test-consumer",
        PCIOPS_NOTIFICATIONS_QUEUE_LENGTH="20000",
        PCIOPS_NOTIFICATIONS_URL=rabbitmq.url,
    )
    manage(environment, "migrate", "-v0")
    publish(rabbitmq.url, [])  # now there is an exchange
    return environment


@pytest.fixture(autouse=True)
def nothing_kept(environment: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ) -> None:
    """As if no message had ever come."""
    for table in ("attempts", "activity", "seen", "setaside", "running"):
        mariadb.execute(f"DELETE FROM events_{table}", database="consumer")
    with Connection(rabbitmq.url) as link:
        for queue in ("of-test-consumer", "pciops.notifications"):  # the latter of others' tests
            link.default_channel.queue_delete(queue)


def counted(mariadb: MariaDB) -> int:
    [row] = mariadb.execute(_COUNT, database="consumer")
    return int(str(row["number"]))


def _more(mariadb: MariaDB, number: int) -> bool:
    return counted(mariadb) > number


def waiting(rabbitmq: RabbitMQ) -> int:
    """How many messages lie in the queue."""
    with Connection(rabbitmq.url) as link:
        found = link.default_channel.queue_declare("of-test-consumer", passive=True)
        return int(found.message_count)


def bodies(number: int) -> list[str]:
    return [sign_in(address=f"10.0.0.{n % 9}", at=NOW) for n in range(number)]


def test_none_is_lost_and_none_counted_twice_however_often_consumers_are_killed(
    environment: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    sent = bodies(6000)
    with ExitStack() as stack:
        first = stack.enter_context(consuming(environment, tmp_path / "first"))
        first.wait_until_it_says("connected to")
        load = threading.Thread(target=publish, args=(rabbitmq.url, sent))
        load.start()
        for number in range(3):
            wait_until(partial(_more, mariadb, 500 * number), "some are kept")
            first.kill()
            first = stack.enter_context(consuming(environment, tmp_path / f"next-{number}"))
            first.wait_until_it_says("connected to")
        second = stack.enter_context(consuming(environment, tmp_path / "second"))
        publish(rabbitmq.url, sent[:1000])  # once more
        load.join()
        wait_until(lambda: waiting(rabbitmq) == 0 and counted(mariadb) >= 6000, "all are kept")

        assert (first.end(), second.end()) == (0, 0)
    assert counted(mariadb) == 6000


def test_without_our_database_nothing_is_acknowledged_and_one_line_says_so(
    environment: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, door: Door, tmp_path: Path
) -> None:
    with consuming(environment, tmp_path / "log") as consumer:
        consumer.wait_until_it_says("connected to")
        with door.shut():
            publish(rabbitmq.url, bodies(50))
            consumer.wait_until_it_says("own database does not answer")
            wait_until(lambda: waiting(rabbitmq) == 50, "they lie in the queue again")
        wait_until(lambda: counted(mariadb) == 50, "they are kept")
        consumer.wait_until_it_says("own database answers")

        assert consumer.said.count("own database does not answer") == 1
        assert consumer.said.count("connected to") == 1
        assert consumer.end() == 0


def test_with_both_away_each_is_told_once_and_all_comes_right_again(
    environment: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, door: Door, tmp_path: Path
) -> None:
    with Door(rabbitmq.port) as to_rabbit:
        url = rabbitmq.url.replace(str(rabbitmq.port), str(to_rabbit.port))
        other = {**environment, "PCIOPS_NOTIFICATIONS_URL": url}
        with consuming(other, tmp_path / "log") as consumer:
            consumer.wait_until_it_says("connected to")
            with door.shut(), to_rabbit.shut():
                time.sleep(8)  # several tries
            consumer.wait_until_it_says("connected to", times=2)
            publish(rabbitmq.url, bodies(5))
            wait_until(lambda: counted(mariadb) == 5, "they are kept")

            assert consumer.said.count(" WARNING ") - consumer.said.count("names are not") == 2
            assert consumer.end() == 0


def test_a_restart_of_rabbitmq_is_survived_and_the_exchange_made_again_as_it_was(
    environment: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    with consuming(environment, tmp_path / "log") as consumer:
        consumer.wait_until_it_says("connected to")
        rabbitmq.restart()
        consumer.wait_until_it_says("connected to", times=2)
        publish(rabbitmq.url, bodies(10))  # it declares the exchange as Keystone does
        wait_until(lambda: counted(mariadb) == 10, "they are kept")

        assert consumer.said.count(" WARNING ") - consumer.said.count("names are not") == 1
        assert consumer.end() == 0
    rows = mariadb.execute(
        "SELECT connected, error FROM events_running ORDER BY id", database="consumer"
    )
    assert [bool(row["connected"]) for row in rows] == [True, False, True]
    assert "127.0.0.1" in str(rows[1]["error"])
    assert rows[2]["error"] == "ended"


def test_it_waits_for_the_exchange_and_does_not_make_one(
    environment: dict[str, str], rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    other = {**environment, "PCIOPS_NOTIFICATIONS_EXCHANGE": "of-another-keystone"}
    with consuming(other, tmp_path / "log") as consumer:
        consumer.wait_until_it_says("there is no exchange 'of-another-keystone'")

        assert consumer.end() == 0
    with Connection(rabbitmq.url) as link, pytest.raises(link.channel_errors, match="404"):
        link.default_channel.exchange_declare("of-another-keystone", "topic", passive=True)


def test_the_queue_holds_no_more_than_it_may(
    environment: dict[str, str], rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    small = {
        **environment,
        "PCIOPS_NOTIFICATIONS_QUEUE": "small",
        "PCIOPS_NOTIFICATIONS_QUEUE_LENGTH": "1000",
    }
    with consuming(small, tmp_path / "log") as consumer:
        consumer.wait_until_it_says("connected to")
        consumer.end()
    publish(rabbitmq.url, bodies(1200))

    with Connection(rabbitmq.url) as link:
        found = link.default_channel.queue_declare("small", passive=True)
        assert found.message_count == 1000
    assert "notifications wait at" in manage(small, "doctor", check=False)


def test_of_several_nodes_the_first_that_answers_is_taken(
    environment: dict[str, str], rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    nodes = f"amqp://nobody:secret@127.0.0.1:{free_port()}//;{rabbitmq.url}"
    with consuming({**environment, "PCIOPS_NOTIFICATIONS_URL": nodes}, tmp_path / "log") as one:
        one.wait_until_it_says(f"connected to 127.0.0.1:{rabbitmq.port}")

        assert one.end() == 0
        assert "secret" not in one.said


def test_a_login_that_may_do_no_more_than_the_documents_say_is_enough(
    environment: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    queue = "pciops.notifications"
    may = [r"^pciops\.", r"^pciops\.", r"^(pciops\.notifications|keystone)$"]
    rabbitmq.control("add_user", "least", "s3cret")
    rabbitmq.control("set_permissions", "least", *may)
    url = rabbitmq.url.replace("pciops:pciops", "least:s3cret")
    least = {
        **environment,
        "PCIOPS_NOTIFICATIONS_URL": url,
        "PCIOPS_NOTIFICATIONS_QUEUE": queue,
    }
    with consuming(least, tmp_path / "log") as consumer:
        consumer.wait_until_it_says("connected to")
        publish(rabbitmq.url, bodies(5))
        wait_until(lambda: counted(mariadb) == 5, "they are kept")

        assert consumer.end() == 0


def test_a_text_that_the_database_cannot_hold_is_set_aside_alone(
    environment: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    mariadb.execute(
        "ALTER TABLE events_attempts MODIFY name VARCHAR(255) CHARACTER SET latin1",
        database="consumer",
    )
    with consuming(environment, tmp_path / "log") as consumer:
        consumer.wait_until_it_says("connected to")
        publish(rabbitmq.url, [*bodies(5), sign_in(name="🙂"), "{", *bodies(5)])
        wait_until(lambda: counted(mariadb) == 10, "the others are kept")

        assert consumer.end() == 0
    rows = mariadb.execute(
        "SELECT reason FROM events_setaside ORDER BY reason", database="consumer"
    )
    assert [row["reason"] for row in rows] == ["not JSON", "refused by pciops' database"]
    assert "not JSON" in manage(environment, "set_aside", "--format", "csv")


# --- TLS ----------------------------------------------------------------------------------------
def test_over_tls_the_certificate_and_its_name_are_checked(
    settings: Settings, tmp_path: Path
) -> None:
    trusted = certificate(tmp_path, name="localhost")
    with RabbitMQ(certificate=trusted) as server:
        url = f"amqps://pciops:pciops@localhost:{server.tls_port}//"
        settings.NOTIFICATIONS_CACERT = str(trusted)
        broker.connect(url).release()

        with pytest.raises(broker.BrokerError, match="doesn't match|not valid for"):
            broker.connect(url.replace("localhost", "127.0.0.1"))
        settings.NOTIFICATIONS_CACERT = ""
        with pytest.raises(broker.BrokerError, match="certificate verify failed"):
            broker.connect(url)
