"""Sign-ins that are alike are put together, in whatever order they come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.events.intake import aggregate
from pciops.events.intake.cadf import SignIn, parse
from tests.events.bodies import later, sign_in
from tests.factories import NOW


def attempt(outcome: str = "failure", **facts: Any) -> SignIn:
    found = parse(sign_in(outcome, **facts))
    assert isinstance(found, SignIn)
    return found


def shown(events: list[SignIn]) -> Any:
    return {
        row.dedup_key: (row.window, row.first_at, row.last_at, row.count)
        for row in aggregate.aggregate(events)
    }


def test_what_is_alike_within_a_minute_becomes_one() -> None:
    [found] = aggregate.aggregate([attempt(at=later(n)) for n in (30, 0, 48)])

    assert (found.count, found.first_at, found.last_at) == (3, NOW, later(48))


@pytest.mark.parametrize(
    "other",
    [
        {"outcome": "success"},
        {"user_id": "b" * 32},
        {"name": "other"},
        {"address": "10.9.9.9"},
        {"agent": "curl"},
        {"partial_hash": "abc"},
        {"at": later(49)},  # the minute is over
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_differs_is_kept_apart(other: dict[str, Any]) -> None:
    assert len(aggregate.aggregate([attempt(), attempt(**other)])) == 2


def test_a_window_is_a_whole_minute_of_utc() -> None:
    at = datetime(2026, 11, 22, 14, 2, 59, 999999, tzinfo=UTC)

    assert aggregate.window_of(at) == datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
    assert aggregate.window_of(at + timedelta(microseconds=1)).minute == 3


ATTEMPTS = st.lists(
    st.builds(
        attempt,
        st.sampled_from(["success", "failure"]),
        at=st.integers(0, 200).map(later),
        user_id=st.sampled_from(["a", "b"]),
        address=st.sampled_from(["10.0.0.1", "10.0.0.2"]),
        partial_hash=st.sampled_from(["", "x"]),
    ),
    max_size=30,
)


@given(ATTEMPTS, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(events: list[SignIn], random: Any) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)

    assert shown(shuffled) == shown(events)


@given(ATTEMPTS)
def test_none_is_lost_and_none_invented(events: list[SignIn]) -> None:
    assert sum(it.count for it in aggregate.aggregate(events)) == len(events)


# --- A stranger who varies what he can -----------------------------------------------------------
def test_an_address_that_makes_up_names_and_agents_fills_few_rows() -> None:
    made_up = [
        replace(attempt(), user_id="", name=f"name-{n}", agent=f"agent-{n}")
        for n in range(3 * aggregate.MAX_VARIANTS)
    ]
    found = aggregate.aggregate(made_up)

    assert len(found) <= aggregate.MAX_VARIANTS + 1
    assert sum(it.count for it in found) == 3 * aggregate.MAX_VARIANTS


def test_accounts_are_told_apart_however_many_an_address_tries() -> None:
    tried = [attempt(user_id=f"{n:032x}") for n in range(3 * aggregate.MAX_VARIANTS)]

    assert len(aggregate.aggregate(tried)) == 3 * aggregate.MAX_VARIANTS


def test_what_comes_from_elsewhere_is_told_apart_beside_a_flood() -> None:
    flood = [attempt(agent=f"agent-{n}") for n in range(3 * aggregate.MAX_VARIANTS)]
    other = attempt(address="10.9.9.9", agent="curl")

    assert other.address in [row.address for row in aggregate.aggregate([*flood, other])]


@given(st.randoms(use_true_random=False))
def test_a_flood_in_any_order_becomes_the_same_rows(random: Any) -> None:
    flood = [
        attempt(agent=f"agent-{n}", at=later(n % 40)) for n in range(aggregate.MAX_VARIANTS + 20)
    ]
    shuffled = list(flood)
    random.shuffle(shuffled)

    assert shown(shuffled) == shown(flood)
