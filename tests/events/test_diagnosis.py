"""The cause of a lock: the verdict that an expert would give."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.events.diagnosis.cadence import AttemptRow
from pciops.events.diagnosis.explanation import (
    CAVEAT,
    FOR_HASHES,
    Explanation,
    as_dict,
    explain,
)
from pciops.events.diagnosis.rules import (
    AddressActivity,
    Cause,
    Confidence,
    Diagnosis,
    History,
    diagnose,
)
from pciops.events.models import Outcome
from tests.events.factories import (
    BROWSER,
    CLIENT,
    REASON,
    SCRIPT,
    failure,
    history,
    stale_script,
    success,
    unhashed,
)
from tests.factories import NOW, POLICY


@dataclass(frozen=True, kw_only=True)
class Case:
    """A history and the verdict of an expert."""

    name: str
    rows: Sequence[AttemptRow]
    verdict: tuple[Cause, Confidence]
    addresses: dict[str, AddressActivity] = field(default_factory=dict)


GUESSES = [failure(400 - number * 4, f"h{number:03}", agent="curl/8.5") for number in range(90)]
CASES = [
    Case(
        name="a cron job with an old password, for hours",
        rows=stale_script(),
        verdict=(Cause.OLD_PASSWORD, Confidence.SURE),
    ),
    Case(
        name="the same at its first lock, with only two pauses",
        rows=[failure(700, "Ab3x"), failure(400, "Ab3x"), failure(100, "Ab3x")],
        verdict=(Cause.OLD_PASSWORD, Confidence.SURE),
    ),
    Case(
        name="a service that retries three times every ten minutes",
        rows=[
            row
            for start in (2500, 1900, 1300, 700, 100)
            for row in (
                failure(start, "Ab3x", count=1),
                failure(start - 1, count=2, over=1.0),
            )
        ],
        verdict=(Cause.OLD_PASSWORD, Confidence.SURE),
    ),
    Case(
        name="an old password on two machines with different cadences",
        rows=[
            *stale_script(every=300),
            *(replace(row, address="10.2.3.5") for row in stale_script(every=420, last=30)),
        ],
        verdict=(Cause.OLD_PASSWORD, Confidence.SURE),
    ),
    Case(
        name="a program without a cadence, for hours",
        rows=[
            failure(ago, "Ab3x" if ago > 5000 else "")
            for ago in (9000, 8910, 8100, 7777, 6100, 5500, 4800, 3900, 2200, 2150, 900, 60)
        ],
        verdict=(Cause.OLD_PASSWORD, Confidence.LIKELY),
    ),
    Case(
        name="a script with an old password, and a typing error of its owner",
        rows=[*stale_script(), failure(2000, "Zz9k", address="192.0.2.7", agent=BROWSER)],
        verdict=(Cause.OLD_PASSWORD, Confidence.SURE),
    ),
    Case(
        name="a hundred passwords against one account",
        rows=GUESSES,
        verdict=(Cause.GUESSING, Confidence.SURE),
    ),
    Case(
        name="guessing until the lock: three passwords, then no hashes",
        rows=[
            *(failure(600 - number, f"h{number}", agent="curl/8.5") for number in range(3)),
            failure(597, agent="curl/8.5", count=40, over=40.0),
            failure(540, agent="curl/8.5", count=58, over=58.0),
        ],
        verdict=(Cause.GUESSING, Confidence.LIKELY),
    ),
    Case(
        name="guessing from many addresses",
        rows=[
            failure(3000 - 97 * number, f"h{number:03}", address=f"198.51.100.{number + 1}")
            for number in range(24)
        ],
        verdict=(Cause.GUESSING, Confidence.SURE),
    ),
    Case(
        name="spraying: one password for many accounts",
        rows=[failure(300, "Summer"), failure(200, "Winter"), failure(100, "Spring")],
        addresses={"10.2.3.4": AddressActivity(accounts=40, unknown_names=25, same_hash=40)},
        verdict=(Cause.SPRAYING, Confidence.SURE),
    ),
    Case(
        name="spraying without reported hashes",
        rows=[
            unhashed(failure(300, "x")),
            unhashed(failure(200, "x")),
            unhashed(failure(100, "x")),
        ],
        addresses={"10.2.3.4": AddressActivity(accounts=12, unknown_names=7)},
        verdict=(Cause.SPRAYING, Confidence.SURE),
    ),
    Case(
        name="typing errors, then spraying on the locked account",
        rows=[
            failure(900, "Abc1", address="192.0.2.7", agent=BROWSER),
            failure(880, "Abc2", address="192.0.2.7", agent=BROWSER),
            failure(868, "Abc1", address="192.0.2.7", agent=BROWSER),
            *(failure(ago) for ago in (300, 200, 100)),
        ],
        addresses={"10.2.3.4": AddressActivity(accounts=40, unknown_names=25)},
        verdict=(Cause.TYPING, Confidence.LIKELY),
    ),
    Case(
        name="spraying through a proxy that everybody uses",
        rows=[failure(300, "Summer"), failure(200, "Winter"), failure(100, "Spring")],
        addresses={
            "10.2.3.4": AddressActivity(
                accounts=60, unknown_names=5, same_hash=30, signed_in=900, shared=True
            )
        },
        verdict=(Cause.SPRAYING, Confidence.LIKELY),
    ),
    Case(
        name="a machine whose six service accounts have an old password",
        rows=stale_script(),
        addresses={"10.2.3.4": AddressActivity(accounts=5, same_hash=5)},
        verdict=(Cause.OLD_PASSWORD, Confidence.SURE),
    ),
    Case(
        name="an office behind one address, where others mistype too",
        rows=[
            failure(340, "Abc1", agent=BROWSER),
            failure(325, "Abc2", agent=BROWSER),
            failure(301, "Abc1", agent=BROWSER),
        ],
        addresses={"10.2.3.4": AddressActivity(accounts=6, signed_in=80)},
        verdict=(Cause.TYPING, Confidence.LIKELY),
    ),
    Case(
        name="two typing errors, then the right password",
        rows=[
            failure(340, "Abc1", agent=BROWSER),
            failure(325, "Abc2", agent=BROWSER),
            success(300, agent=BROWSER),
        ],
        verdict=(Cause.TYPING, Confidence.SURE),
    ),
    Case(
        name="typing errors without hashes, then the right password",
        rows=[
            unhashed(failure(340, "x", agent=CLIENT)),
            unhashed(failure(325, "x", agent=CLIENT)),
            success(300, agent=CLIENT),
        ],
        verdict=(Cause.TYPING, Confidence.SURE),
    ),
    Case(
        name="the same wrong password in Horizon until the lock and after it",
        rows=[
            failure(340, "Abc1", agent=BROWSER),
            failure(325, "Abc1", agent=BROWSER),
            failure(301, "Abc1", agent=BROWSER),
            failure(280, agent=BROWSER),
            failure(230, agent=BROWSER),
        ],
        verdict=(Cause.TYPING, Confidence.LIKELY),
    ),
    Case(
        name="the command line, by hand",
        rows=[failure(340, "a1", agent=CLIENT), failure(322, "a2", agent=CLIENT)],
        verdict=(Cause.TYPING, Confidence.POSSIBLE),
    ),
    Case(
        name="no attempts",
        rows=[],
        verdict=(Cause.UNKNOWN, Confidence.NONE),
    ),
    Case(
        name="only attempts on the locked account",
        rows=[failure(600 - 60 * number) for number in range(9)],
        verdict=(Cause.UNKNOWN, Confidence.NONE),
    ),
    Case(
        name="Keystone reports no hashes",
        rows=[unhashed(row) for row in stale_script()],
        verdict=(Cause.UNKNOWN, Confidence.NONE),
    ),
]


def diagnosis(found: History) -> Diagnosis:
    return diagnose(found, policy=POLICY, now=NOW)


def explanation(found: History) -> Explanation:
    return explain(diagnosis(found), now=NOW)


def text_of(rows: Sequence[AttemptRow], address: AddressActivity | None = None) -> str:
    """Return the whole explanation of these attempts as one text."""
    found = explanation(history(rows, {"10.2.3.4": address} if address else None))
    return "\n".join(
        [found.sentence, found.warning, *found.evidence, *found.advice, *found.settings]
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_is_that_of_an_expert_with_evidence_and_advice(case: Case) -> None:
    found = explanation(history(case.rows, case.addresses))

    assert (found.cause, found.diagnosis.confidence) == case.verdict
    assert found.sentence.startswith(found.cause.label)
    assert found.advice
    assert bool(found.evidence) is bool(case.rows)
    assert found.caveat == (CAVEAT if case.rows else "")


@given(data=st.data())
def test_the_order_of_the_record_changes_nothing(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(CASES))
    mixed = list(case.rows)
    random.Random(data.draw(st.integers(0, 9999))).shuffle(mixed)

    assert as_dict(explanation(history(mixed, case.addresses))) == as_dict(
        explanation(history(case.rows, case.addresses))
    )


def test_an_old_password_has_its_cadence_and_address() -> None:
    assert "every 300 s from 10.2.3.4 (“keystoneauth1/5.18.0”)" in text_of(stale_script())


def test_a_relock_is_predicted_for_the_third_attempt() -> None:
    # The last was 100 s ago, with one every 300 s: in 200, 500 and 800 s.
    relock = diagnosis(history(stale_script())).relock

    assert relock is not None
    assert (relock.at, relock.by_clock) == (NOW + timedelta(seconds=800), True)
    assert "in about 13 min, at 14:15:31 UTC." in text_of(stale_script())


def test_attempts_of_two_machines_lock_sooner() -> None:
    other = [replace(row, address="10.2.3.5") for row in stale_script(last=50)]

    assert "in about 8 min" in text_of([*stale_script(), *other])


def test_no_relock_is_predicted_after_the_script_stopped() -> None:
    found = explanation(history(stale_script(last=3600)))

    assert found.diagnosis.relock is None
    assert found.warning == ""


@pytest.mark.parametrize(
    ("number", "ago", "continues"), [(4, 10, False), (9, 10, True), (9, 90, False)]
)
def test_quick_attempts_continue_if_they_are_many_and_new(
    number: int, ago: float, continues: bool
) -> None:
    rows = [failure(ago + n * 0.7**n, f"h{n}") for n in range(number)]

    assert (diagnosis(history(rows)).relock is not None) is continues


def test_no_relock_is_predicted_without_a_threshold() -> None:
    off = replace(POLICY, lockout_failure_attempts=None)

    assert diagnose(history(stale_script()), policy=off, now=NOW).relock is None


def test_a_successful_guess_is_the_first_advice() -> None:
    found = explanation(history([*GUESSES, success(20, agent="curl/8.5")]))

    assert found.diagnosis.intrusion is not None
    assert "signed in at 14:01:51 UTC" in found.advice[0]


def test_a_sign_in_from_elsewhere_is_not_a_guess() -> None:
    assert diagnosis(history([*GUESSES, success(20, address="192.0.2.7")])).intrusion is None


def test_a_proxy_is_not_to_be_blocked() -> None:
    text = text_of(GUESSES, AddressActivity(signed_in=900, shared=True))

    assert "Block" not in text
    assert "probably a proxy" in text
    assert "enable_proxy_headers_parsing = true" in text


def test_text_that_is_not_an_address_is_quoted_and_not_to_be_blocked() -> None:
    text = text_of([replace(row, address="0.0.0.0/0, or everybody") for row in GUESSES])

    assert "“0.0.0.0/0, or everybody” (no address)" in text
    assert "Block" not in text


@pytest.mark.parametrize("agent", ["<script>alert(1)</script>" * 40, "a\u202eb\nc", "", "“” ' \""])
def test_an_agent_is_one_short_line(agent: str) -> None:
    found = explanation(history(stale_script(agent=agent)))

    assert found.sentence.isprintable()
    assert len(found.sentence) < 220


def test_the_options_for_hashes_and_events_are_named_if_they_are_missing() -> None:
    without_events = explanation(history([], events=False, successes=False))

    assert "\n".join(FOR_HASHES) in text_of([unhashed(row) for row in stale_script()])
    assert "driver = messagingv2" in without_events.settings


def test_a_gap_is_part_of_the_evidence() -> None:
    found = history(stale_script())
    gap = (NOW - timedelta(hours=3), NOW - timedelta(hours=2))
    evidence = explanation(replace(found, coverage=replace(found.coverage, gaps=[gap]))).evidence

    assert any("from 11:02:11 UTC to 12:02:11 UTC" in line for line in evidence)


ROWS = st.builds(
    lambda ago, over, count, success, reason, address, agent, partial: replace(
        failure(ago, partial, address=address, agent=agent, count=count, over=min(ago, over)),
        outcome=Outcome.SUCCESS if success else Outcome.FAILURE,
        reason=REASON.NONE if success else reason,
    ),
    st.integers(0, 86_000),
    st.integers(0, 59),
    st.integers(1, 5000),
    st.booleans(),
    st.sampled_from([reason for reason in REASON if reason.value]),
    st.sampled_from(["10.2.3.4", "::1", "", "x, y", "é" * 64]),
    st.text(max_size=30) | st.sampled_from([SCRIPT, BROWSER]),
    st.sampled_from(["", "Ab3x", "Zz9k"]),
)


@given(st.lists(ROWS, max_size=40))
def test_any_record_has_an_explanation(rows: list[AttemptRow]) -> None:
    assert explanation(history(rows)).sentence.isprintable()
