"""Equal sign-ins of a minute become one row, in whatever order they come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.events.intake.aggregate import MAX_VARIANTS, aggregate, window_of
from pciops.events.intake.cadf import SignIn, parse
from tests.events.messages import later, sign_in
from tests.factories import NOW


def attempt(outcome: str = "failure", **fields: Any) -> SignIn:
    parsed = parse(sign_in(outcome, **fields))
    assert isinstance(parsed, SignIn)
    return parsed


def summary(sign_ins: list[SignIn]) -> Any:
    return {
        row.dedup_key: (row.window, row.first_at, row.last_at, row.count)
        for row in aggregate(sign_ins)
    }


def test_equal_sign_ins_of_a_minute_become_one_row() -> None:
    [row] = aggregate([attempt(at=later(seconds)) for seconds in (30, 0, 48)])

    assert (row.count, row.first_at, row.last_at) == (3, NOW, later(48))


@pytest.mark.parametrize(
    "other",
    [
        {"outcome": "success"},
        {"user_id": "b" * 32},
        {"name": "other"},
        {"address": "10.9.9.9"},
        {"agent": "curl"},
        {"partial_hash": "abc"},
        {"at": later(49)},  # the next minute
    ],
    ids=lambda other: next(iter(other)),
)
def test_different_sign_ins_stay_apart(other: dict[str, Any]) -> None:
    assert len(aggregate([attempt(), attempt(**other)])) == 2


def test_a_window_is_a_whole_minute_of_utc() -> None:
    at = datetime(2026, 11, 22, 14, 2, 59, 999999, tzinfo=UTC)

    assert window_of(at) == datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
    assert window_of(at + timedelta(microseconds=1)).minute == 3


SIGN_INS = st.lists(
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


@given(SIGN_INS, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_every_sign_in_is_counted(
    sign_ins: list[SignIn], random: Any
) -> None:
    shuffled = list(sign_ins)
    random.shuffle(shuffled)

    assert summary(shuffled) == summary(sign_ins)
    assert sum(row.count for row in aggregate(sign_ins)) == len(sign_ins)


# --- Floods -------------------------------------------------------------------------------------
def test_made_up_names_and_agents_of_one_address_fill_few_rows() -> None:
    made_up = [
        replace(attempt(), user_id="", name=f"name-{n}", agent=f"agent-{n}")
        for n in range(3 * MAX_VARIANTS)
    ]
    rows = aggregate(made_up)

    assert len(rows) <= MAX_VARIANTS + 1
    assert sum(row.count for row in rows) == 3 * MAX_VARIANTS


def test_accounts_stay_apart_in_a_flood() -> None:
    flood = [attempt(user_id=f"{n:032x}") for n in range(3 * MAX_VARIANTS)]

    assert len(aggregate(flood)) == 3 * MAX_VARIANTS


def test_other_addresses_stay_apart_in_a_flood() -> None:
    flood = [attempt(agent=f"agent-{n}") for n in range(3 * MAX_VARIANTS)]
    other = attempt(address="10.9.9.9", agent="curl")

    assert (other.address, other.agent) in [
        (row.address, row.agent) for row in aggregate([*flood, other])
    ]


@given(st.randoms(use_true_random=False))
def test_a_flood_in_any_order_becomes_the_same_rows(random: Any) -> None:
    shuffled = list(FLOOD)
    random.shuffle(shuffled)

    assert summary(shuffled) == summary(FLOOD)


FLOOD = [attempt(agent=f"agent-{n}", at=later(n % 40)) for n in range(MAX_VARIANTS + 20)]
