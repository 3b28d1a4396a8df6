"""The nodes of a RabbitMQ in one variable."""

from __future__ import annotations

import pytest

from pciops.lib import env
from pciops.lib.env import SettingError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        ("amqp://k:s3cret@one/", ["amqp://k:s3cret@one/"]),
        (
            "rabbit://k:s3cret@one:5672/; amqps://k:s3cret@two/cloud;",
            ["amqp://k:s3cret@one:5672/", "amqps://k:s3cret@two/cloud"],
        ),
    ],
)
def test_the_nodes_of_a_rabbitmq_are_separated_by_semicolons(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]
) -> None:
    monkeypatch.setenv("PCIOPS_X", value)

    assert env.brokers("PCIOPS_X") == expected


@pytest.mark.parametrize("value", ["one", "amqp://k:s3cret@one;two", "redis://one"])
def test_a_node_that_is_no_rabbitmq_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PCIOPS_X", value)
    with pytest.raises(SettingError, match="not the address of a RabbitMQ") as raised:
        env.brokers("PCIOPS_X")

    assert "s3cret" not in str(raised.value)
