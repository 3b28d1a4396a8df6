"""The throttle of the sign-in form, for each source address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from pciops.keystone import client as keystone
from pciops.keystone.token import Token
from pciops.lib.addresses import network
from pciops.signin import throttle
from pciops.signin.models import Throttle
from tests.factories import NOW
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

HERE, THERE = "192.0.2.7", "198.51.100.9"


def wrong(client: Client, name: str = "victim", address: str = HERE) -> int:
    """Send a wrong password, and return the status of the answer."""
    return sign_in(client, name, "wrong", REMOTE_ADDR=address).status_code


def fail(attempts: int, clock: time_machine.Traveller, address: str = HERE) -> None:
    """Fail so many times, after the necessary wait each time."""
    for _ in range(attempts):
        throttle.count(address, timezone.now())
        row = Throttle.objects.get(address=network(address))
        clock.move_to(max(row.not_before, timezone.now()), tick=False)


def failures() -> int:
    """Return the failures of the only address."""
    return Throttle.objects.get().failures


# --- The wait -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        (0, 0),
        (1, 0),
        (2, 10),
        (3, 20),
        (4, 40),
        (5, 80),
        (6, 160),
        (7, 320),
        (8, 640),
        (9, 900),
        (10, 900),
        (100, 900),
        (1_000_000, 900),
    ],
)
def test_wait_doubles_up_to_fifteen_minutes(failures: int, seconds: int) -> None:
    assert throttle.wait_after(failures) == timedelta(seconds=seconds)


def test_third_attempt_has_to_wait_and_does_not_reach_keystone(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    """Three would lock an account where lockout_failure_attempts is 3."""
    assert [wrong(client) for _ in range(10)] == [*[200] * 2, *[429] * 8]
    assert fake_keystone.password_tries == {"victim": 2}


def test_answer_has_the_seconds_to_wait(
    client: Client, operator: object, clock: time_machine.Traveller
) -> None:
    fail(1, clock)
    wrong(client)
    response = sign_in(client, REMOTE_ADDR=HERE)
    assert "Wait 10 s" in shown(response)
    assert response["Retry-After"] == "10"

    clock.shift(timedelta(seconds=9.5))
    assert sign_in(client, REMOTE_ADDR=HERE)["Retry-After"] == "1"

    clock.shift(timedelta(seconds=0.5))
    assert sign_in(client, REMOTE_ADDR=HERE).status_code == 302


def test_attempt_during_the_wait_does_not_extend_it(
    client: Client, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    for _ in range(2):
        wrong(client)
    clock.shift(timedelta(seconds=9))
    wrong(client)

    assert Throttle.objects.get().not_before == NOW + timedelta(seconds=10)


@pytest.mark.parametrize(("pause", "counted"), [(0, 3), (1, 1)])
def test_failures_are_forgotten_after_an_hour(
    clock: time_machine.Traveller, pause: int, counted: int
) -> None:
    fail(2, clock)
    clock.move_to(Throttle.objects.get().last_at + timedelta(hours=1, seconds=pause), tick=False)
    throttle.count(HERE, timezone.now())

    assert failures() == counted


# --- Addresses ----------------------------------------------------------------------------------
def test_only_the_same_address_has_to_wait(client: Client, fake_keystone: FakeKeystone) -> None:
    for _ in range(2):
        wrong(client)

    assert wrong(client, address=THERE) == 200
    assert wrong(client, "another name") == 429


def test_longest_address_fits_its_column() -> None:
    longest = network("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")

    assert len(longest) <= (Throttle._meta.get_field("address").max_length or 0)


def test_addresses_of_one_ipv6_network_count_as_one(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    statuses = [wrong(client, address=f"2001:db8::{number:x}") for number in range(1, 4)]

    assert statuses == [200, 200, 429]


@pytest.mark.parametrize(("step", "free"), [(1, 16), (0x100, 64)], ids=["/56", "/48"])
def test_wider_ipv6_networks_have_limits_of_their_own(
    client: Client, fake_keystone: FakeKeystone, step: int, free: int
) -> None:
    """A customer with many /64 networks does not escape by changing them."""
    addresses = [f"2001:db8:1:{number * step:x}::1" for number in range(free + 1)]

    assert [wrong(client, address=address) for address in addresses] == [*[200] * free, 429]
    assert wrong(client, address="2001:db8:2::1") == 200


def test_attempt_that_a_wider_network_refuses_is_counted_nowhere(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    for number in range(17):
        wrong(client, address=f"2001:db8:1:{number:x}::1")

    assert Throttle.objects.get(address="2001:db8:1:10::/64").failures == 0


# --- Threads --------------------------------------------------------------------------------------
def test_sign_ins_take_at_most_half_of_the_threads(
    client: Client, operator: object, fake_keystone: FakeKeystone
) -> None:
    with throttle.slot(), throttle.slot():  # of four threads
        response = sign_in(client)
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert "Too many sign-ins at once" in shown(response)
        assert client.get("/signin/").status_code == 200

    assert not fake_keystone.password_tries
    assert not Throttle.objects.exists()
    assert sign_in(client).status_code == 302


# --- What counts --------------------------------------------------------------------------------
def test_only_wrong_passwords_count(client: Client, operator: object) -> None:
    sign_in(client, password="", REMOTE_ADDR=HERE)
    assert not Throttle.objects.exists()

    for _ in range(2):  # a success between attempts at other accounts clears nothing
        wrong(client)
        sign_in(client, REMOTE_ADDR=HERE)
    assert failures() == 2


def test_failure_after_a_success_waits_as_long_as_without_it(
    client: Client, operator: object, clock: time_machine.Traveller
) -> None:
    fail(4, clock)
    sign_in(client, REMOTE_ADDR=HERE)
    wrong(client)

    assert Throttle.objects.get().not_before - timezone.now() == timedelta(seconds=80)


@pytest.mark.parametrize(
    "facts",
    [{"expired": True}, {"second_factor": True}, {"roles": {"system": {"member"}}}, {}],
)
def test_right_password_does_not_count_without_a_session(
    client: Client, fake_keystone: FakeKeystone, facts: dict[str, Any]
) -> None:
    fake_keystone.person(**facts)
    sign_in(client)

    assert failures() == 0


# --- Several at once ----------------------------------------------------------------------------
def test_attempt_is_counted_before_keystone_is_asked(
    client: Client, operator: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    authenticate = keystone.authenticate

    def look(*credentials: str) -> Token:
        counted.append(failures())
        return authenticate(*credentials)

    monkeypatch.setattr(keystone, "authenticate", look)
    sign_in(client)

    assert counted == [1]


@contextmanager
def another_process() -> Iterator[None]:
    """Let another process count an attempt between our read and our UPDATE."""
    done: list[str] = []

    def interfere(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and "throttle" in sql and not done:
            done.append(sql)
            throttle.count(HERE, timezone.now())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(interfere):
        yield


def test_attempts_at_once_are_all_counted(clock: time_machine.Traveller) -> None:
    with another_process():
        throttle.count(HERE, timezone.now())
    assert failures() == 2

    clock.shift(timedelta(seconds=10))
    with another_process(), pytest.raises(throttle.ThrottledError):
        throttle.count(HERE, timezone.now())
    assert failures() == 3


def test_success_takes_back_only_its_own_attempt(clock: time_machine.Traveller) -> None:
    throttle.count(HERE, timezone.now())  # this one succeeds in the end
    throttle.count(HERE, timezone.now())  # another fails meanwhile
    throttle.take_back(HERE, timezone.now())
    assert failures() == 1

    for _ in range(2):
        throttle.take_back(HERE, timezone.now())
    assert failures() == 0


def test_taking_back_ends_the_wait_at_once(clock: time_machine.Traveller) -> None:
    fail(1, clock)
    throttle.count(HERE, timezone.now())
    throttle.take_back(HERE, timezone.now())
    throttle.count(HERE, timezone.now())

    assert failures() == 2
