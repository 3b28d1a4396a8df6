"""Why an account was locked: the verdict that an expert would give."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.events.diagnosis.cadence import AttemptRow
from pciops.events.diagnosis.explanation import CAVEAT, FOR_HASHES, as_dict, explain
from pciops.events.diagnosis.rules import AddressActivity, Cause, Confidence, History, diagnose
from pciops.events.models import Attempts, Outcome
from tests.events.histories import (
    BROWSER,
    CLIENT,
    SCRIPT,
    history,
    signed_in,
    stale_script,
    tried,
    unhashed,
)
from tests.factories import NOW, POLICY


@dataclass(frozen=True, kw_only=True)
class Case:
    """A history, and what an expert says of it."""

    name: str
    tries: Sequence[AttemptRow]
    cause: Cause
    confidence: Confidence
    elsewhere: dict[str, AddressActivity] = field(default_factory=dict)
    heard: dict[str, bool] = field(default_factory=dict)


GUESSES = [tried(400 - number * 4, f"h{number:03}", agent="curl/8.5") for number in range(90)]
CASES = [
    Case(
        name="a cron job that has the password of last month, for hours",
        tries=stale_script(),
        cause=Cause.OLD_PASSWORD,
        confidence=Confidence.SURE,
    ),
    Case(
        name="the same at its first lock: two pauses are all there is",
        tries=[tried(700, "Ab3x"), tried(400, "Ab3x"), tried(100, "Ab3x")],
        cause=Cause.OLD_PASSWORD,
        confidence=Confidence.SURE,
    ),
    Case(
        name="a service that retries three times every ten minutes",
        tries=[
            row
            for start in (2500, 1900, 1300, 700, 100)
            for row in (
                tried(start, "Ab3x", count=1),
                tried(start - 1, count=2, over=1.0),
            )
        ],
        cause=Cause.OLD_PASSWORD,
        confidence=Confidence.SURE,
    ),
    Case(
        name="the old password on two machines, each by its own clock",
        tries=[
            *stale_script(every=300),
            *(replace(row, address="10.2.3.5") for row in stale_script(every=420, last=30)),
        ],
        cause=Cause.OLD_PASSWORD,
        confidence=Confidence.SURE,
    ),
    Case(
        name="a program without a clock, for hours: a queue, a user's requests",
        tries=[
            tried(ago, "Ab3x" if ago > 5000 else "")
            for ago in (9000, 8910, 8100, 7777, 6100, 5500, 4800, 3900, 2200, 2150, 900, 60)
        ],
        cause=Cause.OLD_PASSWORD,
        confidence=Confidence.LIKELY,
    ),
    Case(
        name="the clock of a script, and its owner who mistypes once meanwhile",
        tries=[*stale_script(), tried(2000, "Zz9k", address="192.0.2.7", agent=BROWSER)],
        cause=Cause.OLD_PASSWORD,
        confidence=Confidence.SURE,
    ),
    Case(
        name="a hundred passwords against one account",
        tries=GUESSES,
        cause=Cause.GUESSING,
        confidence=Confidence.SURE,
    ),
    Case(
        name="a guesser whom the lock cut short: three passwords, then no hashes",
        tries=[
            *(tried(600 - number, f"h{number}", agent="curl/8.5") for number in range(3)),
            tried(597, agent="curl/8.5", count=40, over=40.0),
            tried(540, agent="curl/8.5", count=58, over=58.0),
        ],
        cause=Cause.GUESSING,
        confidence=Confidence.LIKELY,
    ),
    Case(
        name="guessing from many addresses",
        tries=[
            tried(3000 - 97 * number, f"h{number:03}", address=f"198.51.100.{number + 1}")
            for number in range(24)
        ],
        cause=Cause.GUESSING,
        confidence=Confidence.SURE,
    ),
    Case(
        name="a sprayer: one password against everybody",
        tries=[tried(300, "Summer"), tried(200, "Winter"), tried(100, "Spring")],
        elsewhere={"10.2.3.4": AddressActivity(accounts=40, unknown_names=25, same_hash=40)},
        cause=Cause.SPRAYING,
        confidence=Confidence.SURE,
    ),
    Case(
        name="a sprayer whose passwords are not known: Keystone reports no hashes",
        tries=[unhashed(tried(300, "x")), unhashed(tried(200, "x")), unhashed(tried(100, "x"))],
        elsewhere={"10.2.3.4": AddressActivity(accounts=12, unknown_names=7)},
        cause=Cause.SPRAYING,
        confidence=Confidence.SURE,
    ),
    Case(
        name="somebody who had mistyped, and a sprayer who finds the account locked",
        tries=[
            tried(900, "Abc1", address="192.0.2.7", agent=BROWSER),
            tried(880, "Abc2", address="192.0.2.7", agent=BROWSER),
            tried(868, "Abc1", address="192.0.2.7", agent=BROWSER),
            *(tried(ago) for ago in (300, 200, 100)),
        ],
        elsewhere={"10.2.3.4": AddressActivity(accounts=40, unknown_names=25)},
        cause=Cause.TYPING,
        confidence=Confidence.LIKELY,
    ),
    Case(
        name="a sprayer behind the proxy that everybody comes through",
        tries=[tried(300, "Summer"), tried(200, "Winter"), tried(100, "Spring")],
        elsewhere={
            "10.2.3.4": AddressActivity(
                accounts=60, unknown_names=5, same_hash=30, signed_in=900, shared=True
            )
        },
        cause=Cause.SPRAYING,
        confidence=Confidence.LIKELY,
    ),
    Case(
        name="a machine whose six service accounts all have the old password",
        tries=stale_script(),
        elsewhere={"10.2.3.4": AddressActivity(accounts=5, same_hash=5)},
        cause=Cause.OLD_PASSWORD,
        confidence=Confidence.SURE,
    ),
    Case(
        name="an office behind one address, where others mistype too",
        tries=[
            tried(340, "Abc1", agent=BROWSER),
            tried(325, "Abc2", agent=BROWSER),
            tried(301, "Abc1", agent=BROWSER),
        ],
        elsewhere={"10.2.3.4": AddressActivity(accounts=6, signed_in=80)},
        cause=Cause.TYPING,
        confidence=Confidence.LIKELY,
    ),
    Case(
        name="two slips, then the right password",
        tries=[
            tried(340, "Abc1", agent=BROWSER),
            tried(325, "Abc2", agent=BROWSER),
            signed_in(300, agent=BROWSER),
        ],
        cause=Cause.TYPING,
        confidence=Confidence.SURE,
    ),
    Case(
        name="slips without hashes, then the right password",
        tries=[
            unhashed(tried(340, "x", agent=CLIENT)),
            unhashed(tried(325, "x", agent=CLIENT)),
            signed_in(300, agent=CLIENT),
        ],
        cause=Cause.TYPING,
        confidence=Confidence.SURE,
    ),
    Case(
        name="somebody who is sure of a wrong password, in Horizon, until it locks and after",
        tries=[
            tried(340, "Abc1", agent=BROWSER),
            tried(325, "Abc1", agent=BROWSER),
            tried(301, "Abc1", agent=BROWSER),
            tried(280, agent=BROWSER),
            tried(230, agent=BROWSER),
        ],
        cause=Cause.TYPING,
        confidence=Confidence.LIKELY,
    ),
    Case(
        name="the command line, by hand",
        tries=[tried(340, "a1", agent=CLIENT), tried(322, "a2", agent=CLIENT)],
        cause=Cause.TYPING,
        confidence=Confidence.POSSIBLE,
    ),
    Case(
        name="nothing was heard",
        tries=[],
        cause=Cause.UNKNOWN,
        confidence=Confidence.NONE,
    ),
    Case(
        name="only the tries on the locked account were heard",
        tries=[tried(600 - 60 * number) for number in range(9)],
        cause=Cause.UNKNOWN,
        confidence=Confidence.NONE,
    ),
    Case(
        name="Keystone reports no hashes",
        tries=[unhashed(row) for row in stale_script()],
        cause=Cause.UNKNOWN,
        confidence=Confidence.NONE,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_is_the_experts(case: Case) -> None:
    found = diagnose(history(case.tries, case.elsewhere, **case.heard), policy=POLICY, now=NOW)

    assert (found.cause, found.confidence) == (case.cause, case.confidence)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_verdict_has_its_evidence_and_what_to_do(case: Case) -> None:
    found = explain(diagnose(history(case.tries, case.elsewhere), policy=POLICY, now=NOW), now=NOW)

    assert found.sentence.startswith(found.cause.label)
    assert found.advice
    assert bool(found.evidence) is bool(case.tries)
    assert found.caveat == (CAVEAT if case.tries else "")


@given(data=st.data())
def test_the_order_in_which_it_was_heard_changes_nothing(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(CASES))
    mixed = list(case.tries)
    random.Random(data.draw(st.integers(0, 9999))).shuffle(mixed)  # noqa: S311 (no secret)

    assert words_of(history(mixed, case.elsewhere)) == words_of(history(case.tries, case.elsewhere))


def words_of(found: History) -> object:
    """Everything that is shown."""
    return as_dict(explain(diagnose(found, policy=POLICY, now=NOW), now=NOW))


def words(*tries: AttemptRow, **elsewhere: AddressActivity) -> str:
    """Everything that is said, in one text."""
    found = history(list(tries), {"10.2.3.4": elsewhere["main"]} if elsewhere else None)
    said = explain(diagnose(found, policy=POLICY, now=NOW), now=NOW)
    return "\n".join([said.sentence, said.warning, *said.evidence, *said.advice, *said.settings])


def test_a_stale_script_is_told_by_its_clock_and_its_address() -> None:
    assert ("the same wrong password every 300 s from 10.2.3.4 (“keystoneauth1/5.18.0”)") in words(
        *stale_script()
    )


def test_when_an_unlock_would_be_undone_is_the_third_try_from_now() -> None:
    # The last was 100 s ago, one comes every 300 s: in 200, 500 and 800 s.
    assert "an unlock will be undone in about 13 min, at 14:15:31 UTC." in words(*stale_script())


def test_tries_of_two_machines_undo_an_unlock_sooner() -> None:
    other = [replace(row, address="10.2.3.5") for row in stale_script(last=50)]

    assert "undone in about 8 min" in words(*stale_script(), *other)


def test_an_unlock_holds_where_the_script_was_stopped() -> None:
    said = words(*stale_script(last=3600))

    assert "an unlock holds unless they begin again" in said
    assert "undone" not in said


@pytest.mark.parametrize(
    ("tries", "ago", "goes_on"), [(4, 10, False), (9, 10, True), (9, 90, False)]
)
def test_quick_tries_go_on_where_they_are_many_and_new(
    tries: int, ago: float, goes_on: bool
) -> None:
    found = history([tried(ago + number * 0.7**number, f"h{number}") for number in range(tries)])

    assert (diagnose(found, policy=POLICY, now=NOW).relock is not None) is goes_on


def test_a_threshold_that_is_off_locks_nothing_again() -> None:
    off = replace(POLICY, lockout_failure_attempts=None)

    assert diagnose(history(stale_script()), policy=off, now=NOW).relock is None


def test_who_guesses_and_gets_in_is_said_first() -> None:
    found = history([*GUESSES, signed_in(20, agent="curl/8.5")])
    said = explain(diagnose(found, policy=POLICY, now=NOW), now=NOW)

    assert said.advice[0].startswith("Whoever guessed seems to have signed in at 14:01:51 UTC")


def test_an_owner_who_signs_in_from_elsewhere_has_not_guessed() -> None:
    found = history([*GUESSES, signed_in(20, address="192.0.2.7")])

    assert diagnose(found, policy=POLICY, now=NOW).intrusion is None


def test_a_proxys_address_is_not_to_be_blocked() -> None:
    said = words(*GUESSES, main=AddressActivity(signed_in=900, shared=True))

    assert "Block" not in said
    assert "most likely a proxy's" in said
    assert "enable_proxy_headers_parsing = true" in said


def test_what_is_no_address_is_quoted_and_not_to_be_blocked() -> None:
    forged = [replace(row, address="0.0.0.0/0, or everybody") for row in GUESSES]
    said = words(*forged)

    assert "“0.0.0.0/0, or everybody” (no address)" in said
    assert "Block" not in said


@pytest.mark.parametrize("agent", ["<script>alert(1)</script>" * 40, "a\u202eb\nc", "", "“” ' \""])
def test_a_programs_name_is_one_short_line(agent: str) -> None:
    said = explain(diagnose(history(stale_script(agent=agent)), policy=POLICY, now=NOW), now=NOW)

    assert said.sentence.isprintable()
    assert len(said.sentence) < 220


def test_without_hashes_it_says_which_option_to_set() -> None:
    assert "\n".join(FOR_HASHES) in words(*(unhashed(row) for row in stale_script()))


def test_without_notifications_it_says_what_to_set() -> None:
    found = diagnose(history([], events=False, successes=False), policy=POLICY, now=NOW)

    assert "driver = messagingv2" in explain(found, now=NOW).settings


def test_a_gap_in_what_was_heard_is_part_of_the_evidence() -> None:
    found = history(stale_script())
    gap = (NOW - timedelta(hours=3), NOW - timedelta(hours=2))
    found = replace(found, coverage=replace(found.coverage, gaps=[gap]))

    assert any(
        line.startswith("Nothing was heard from 11:02:11 UTC to 12:02:11 UTC")
        for line in explain(diagnose(found, policy=POLICY, now=NOW), now=NOW).evidence
    )


moments = st.integers(0, 86_000)
rows = st.builds(
    lambda ago, over, count, success, reason, address, agent, partial: AttemptRow(
        user_id="",
        name="",
        first_at=NOW - timedelta(seconds=ago),
        last_at=NOW - timedelta(seconds=max(0, ago - over)),
        count=count,
        outcome=Outcome.SUCCESS if success else Outcome.FAILURE,
        reason=Attempts.Reason.NONE if success else reason,
        address=address,
        agent=agent,
        partial_hash=partial,
    ),
    moments,
    st.integers(0, 59),
    st.integers(1, 5000),
    st.booleans(),
    st.sampled_from([reason for reason in Attempts.Reason if reason.value]),
    st.sampled_from(["10.2.3.4", "::1", "", "x, y", "é" * 64]),
    st.text(max_size=30) | st.sampled_from([SCRIPT, BROWSER]),
    st.sampled_from(["", "Ab3x", "Zz9k"]),
)


@given(st.lists(rows, max_size=40))
def test_whatever_was_heard_there_are_words_for_it(tries: list[AttemptRow]) -> None:
    said = explain(diagnose(history(tries), policy=POLICY, now=NOW), now=NOW)

    assert said.sentence.isprintable()
