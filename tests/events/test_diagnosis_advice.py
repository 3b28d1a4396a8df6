"""Advice of a diagnosis: it speaks of an unlock, a block and other accounts only if it is so."""

from __future__ import annotations

import pytest

from pciops.events.diagnosis.advice import Lock
from pciops.events.diagnosis.cadence import AttemptRow
from pciops.events.diagnosis.explanation import explain
from pciops.events.diagnosis.rules import AddressActivity, Cause, History
from tests.events.factories import failure, history, stale_script
from tests.events.test_diagnosis import GUESSES, diagnosis, text_of
from tests.factories import NOW


def every_word(found: History, lock: Lock) -> str:
    told = explain(diagnosis(found), lock=lock, now=NOW)
    return " ".join([told.sentence, told.warning, *told.advice]).lower()


@pytest.mark.parametrize("lock", [Lock.OPEN, Lock.EXEMPT])
@pytest.mark.parametrize(
    "rows", [stale_script(), stale_script(last=3600), GUESSES, [failure(40, "a"), failure(20, "b")]]
)
def test_only_a_locked_account_is_told_of_an_unlock(rows: list[AttemptRow], lock: Lock) -> None:
    assert "unlock" not in every_word(history(rows), lock)
    assert "unlock" in every_word(history(rows), Lock.LOCKED)


@pytest.mark.parametrize(("accounts", "named"), [(0, False), (12, True)])
def test_other_accounts_are_named_only_if_the_source_tried_some(accounts: int, named: bool) -> None:
    found = history(
        GUESSES, addresses={"10.2.3.4": AddressActivity(accounts=accounts, unknown_names=20)}
    )
    advice = " ".join(explain(diagnosis(found), now=NOW).advice)

    assert diagnosis(found).cause is Cause.SPRAYING
    assert ("12 other accounts" in advice) is named
    assert "same reason" not in advice


def test_a_shared_address_is_not_to_be_blocked() -> None:
    text = text_of(GUESSES, AddressActivity(signed_in=12))

    assert "Block" not in text
    assert "12 other accounts signed in" in text
