"""The throttle of the sign-in form: nobody locks others through it, and nobody is shut out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from pciops.keystone import client as keystone
from pciops.lib import addresses
from pciops.signin import throttle
from pciops.signin.models import Throttle
from tests.factories import NOW
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

HERE, THERE = "192.0.2.7", "198.51.100.9"


def wrong(client: Client, name: str = "victim", address: str = HERE) -> int:
    """Try a wrong password; the status of the answer."""
    return sign_in(client, name, "wrong", REMOTE_ADDR=address).status_code


def fail(times: int, clock: time_machine.Traveller, address: str = HERE) -> None:
    """Fail, waiting each time as long as one has to."""
    for _ in range(times):
        throttle.count(address, timezone.now())
        row = Throttle.objects.get(address=addresses.network(address))
        clock.move_to(max(row.not_before, timezone.now()), tick=False)


# --- How long -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        (0, 0),
        (1, 0),
        (2, 0),
        (3, 10),
        (4, 20),
        (5, 40),
        (6, 80),
        (7, 160),
        (8, 320),
        (9, 640),
        (10, 900),
        (11, 900),
        (100, 900),
        (1_000_000, 900),
    ],
)
def test_the_wait_doubles_up_to_a_quarter_of_an_hour(failures: int, seconds: int) -> None:
    assert throttle.wait_after(failures) == timedelta(seconds=seconds)


def test_the_fourth_try_has_to_wait(client: Client, fake_keystone: FakeKeystone) -> None:
    assert [wrong(client) for _ in range(4)] == [200, 200, 200, 429]


def test_a_try_that_has_to_wait_does_not_reach_keystone(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    for _ in range(10):
        wrong(client)

    assert fake_keystone.password_tries == {"victim": 3}


def test_the_form_says_how_long_to_wait(client: Client, fake_keystone: FakeKeystone) -> None:
    for _ in range(3):
        wrong(client)
    response = sign_in(client, REMOTE_ADDR=HERE)

    assert "Too many failed sign-ins from your address. Wait 10 s." in shown(response)


def test_the_answer_says_how_long_to_wait_to_machines_too(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    for _ in range(3):
        wrong(client)

    assert sign_in(client, REMOTE_ADDR=HERE)["Retry-After"] == "10"


def test_the_wait_is_rounded_up(
    client: Client, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    for _ in range(3):
        wrong(client)
    clock.shift(timedelta(seconds=9.5))

    assert sign_in(client, REMOTE_ADDR=HERE)["Retry-After"] == "1"


def test_after_the_wait_one_may_try_again(
    client: Client, operator: object, clock: time_machine.Traveller
) -> None:
    for _ in range(3):
        wrong(client)
    clock.shift(timedelta(seconds=10))

    assert sign_in(client, REMOTE_ADDR=HERE).status_code == 302


def test_a_try_during_the_wait_makes_it_no_longer(
    client: Client, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    for _ in range(3):
        wrong(client)
    clock.shift(timedelta(seconds=9))
    wrong(client)

    assert Throttle.objects.get().not_before == NOW + timedelta(seconds=10)


def test_failures_are_forgotten_after_an_hour(clock: time_machine.Traveller) -> None:
    fail(5, clock)
    clock.shift(timedelta(hours=1, seconds=1))
    throttle.count(HERE, timezone.now())

    assert Throttle.objects.get().failures == 1


def test_failures_are_kept_for_an_hour(clock: time_machine.Traveller) -> None:
    fail(2, clock)
    clock.shift(timedelta(hours=1))
    throttle.count(HERE, timezone.now())

    assert Throttle.objects.get().failures == 3


# --- Whom ---------------------------------------------------------------------------------------
def test_another_address_does_not_wait(client: Client, fake_keystone: FakeKeystone) -> None:
    for _ in range(3):
        wrong(client)

    assert wrong(client, address=THERE) == 200


def test_another_name_from_the_same_address_waits(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    for _ in range(3):
        wrong(client)

    assert wrong(client, "somebody else") == 429


def test_the_longest_source_fits_its_column() -> None:
    longest = addresses.network("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")

    assert len(longest) <= (Throttle._meta.get_field("address").max_length or 0)


def test_an_ipv6_customer_cannot_try_from_another_address_of_theirs(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    statuses = [wrong(client, address=f"2001:db8::{number:x}") for number in range(1, 5)]

    assert statuses == [200, 200, 200, 429]


# --- What counts --------------------------------------------------------------------------------
def test_a_wrong_password_counts(client: Client, fake_keystone: FakeKeystone) -> None:
    wrong(client)

    assert Throttle.objects.get().failures == 1


def test_a_success_does_not_count(client: Client, operator: object) -> None:
    sign_in(client)

    assert Throttle.objects.get().failures == 0


def test_a_success_does_not_clear_the_failures_before_it(client: Client, operator: object) -> None:
    wrong(client)
    wrong(client)
    sign_in(client, REMOTE_ADDR=HERE)

    assert Throttle.objects.get().failures == 2


def test_signing_in_between_tries_at_others_gains_nothing(client: Client, operator: object) -> None:
    for _ in range(3):
        wrong(client)
        sign_in(client, REMOTE_ADDR=HERE)

    assert Throttle.objects.get().failures == 3


def test_a_success_after_the_wait_leaves_the_next_failure_as_long_a_wait(
    client: Client, operator: object, clock: time_machine.Traveller
) -> None:
    fail(5, clock)
    sign_in(client, REMOTE_ADDR=HERE)
    wrong(client)

    assert Throttle.objects.get().not_before - timezone.now() == timedelta(seconds=80)


@pytest.mark.parametrize(
    "facts", [{"expired": True}, {"second_factor": True}, {"roles": {"system": {"reader"}}}]
)
def test_a_right_password_that_is_not_enough_does_not_count(
    client: Client, fake_keystone: FakeKeystone, facts: dict[str, Any]
) -> None:
    fake_keystone.person(**facts)
    sign_in(client)

    assert Throttle.objects.get().failures == 0


def test_a_form_with_an_empty_field_does_not_count(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    sign_in(client, password="")

    assert not Throttle.objects.exists()


# --- Several at once ----------------------------------------------------------------------------
def test_a_try_is_counted_before_keystone_is_asked(
    client: Client, operator: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    authenticate = keystone.authenticate

    def look(*who: str) -> keystone.Token:
        counted.append(Throttle.objects.get().failures)
        return authenticate(*who)

    monkeypatch.setattr(keystone, "authenticate", look)
    sign_in(client)

    assert counted == [1]


def test_of_two_tries_at_once_the_second_sees_the_first(clock: time_machine.Traveller) -> None:
    """Between its read and its write another process counts the try that fills the quota."""
    fail(2, clock)
    interfered: list[str] = []

    def interfere(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and "throttle" in sql and not interfered:
            interfered.append(sql)
            throttle.count(HERE, timezone.now())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(interfere), pytest.raises(throttle.ThrottledError):
        throttle.count(HERE, timezone.now())

    assert Throttle.objects.get().failures == 3


def test_of_two_free_tries_at_once_both_are_counted(clock: time_machine.Traveller) -> None:
    interfered: list[str] = []

    def interfere(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and "throttle" in sql and not interfered:
            interfered.append(sql)
            throttle.count(HERE, timezone.now())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(interfere):
        throttle.count(HERE, timezone.now())

    assert Throttle.objects.get().failures == 2


def test_a_success_takes_back_its_own_try_alone(clock: time_machine.Traveller) -> None:
    throttle.count(HERE, timezone.now())  # this one succeeds in the end
    throttle.count(HERE, timezone.now())  # another, meanwhile, fails
    throttle.take_back(HERE, timezone.now())

    assert Throttle.objects.get().failures == 1


def test_taking_back_never_goes_below_none(clock: time_machine.Traveller) -> None:
    throttle.count(HERE, timezone.now())
    throttle.take_back(HERE, timezone.now())
    throttle.take_back(HERE, timezone.now())

    assert Throttle.objects.get().failures == 0


def test_taking_back_frees_the_address_at_once(clock: time_machine.Traveller) -> None:
    fail(2, clock)
    throttle.count(HERE, timezone.now())
    throttle.take_back(HERE, timezone.now())
    throttle.count(HERE, timezone.now())

    assert Throttle.objects.get().failures == 3
