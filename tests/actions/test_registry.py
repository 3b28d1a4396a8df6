"""The table of acts: whom each fits, and what its confirmation says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions.act import MAY_ADMINISTER, MAY_UNLOCK
from pciops.actions.enabling import DISABLE, ENABLE
from pciops.actions.exempting import EXEMPT, LIFT, MEANINGS
from pciops.actions.inputs import InputError, checked_end, checked_owner
from pciops.actions.registry import ACTS, BY_NAME, fitting
from pciops.audit.models import Event
from pciops.keystone import options
from tests.factories import NOW, POLICY, make_account

LOCKED: dict[str, Any] = {"failed_auth_count": 3, "failed_auth_at": NOW}
INACTIVE: dict[str, Any] = {"last_active_at": NOW.date() - timedelta(days=200)}


def verdict_of(policy: Policy = POLICY, **facts: Any) -> SigninVerdict:
    """The verdict on an account with these facts."""
    return judge(make_account(**facts), policy, NOW)


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        ({}, ["exempt", "disable"]),
        (LOCKED, ["unlock", "exempt", "disable"]),
        ({"enabled": False}, ["enable", "exempt"]),
        ({"enabled": None}, ["enable", "exempt"]),
        (INACTIVE, ["enable", "exempt", "disable"]),
        ({"options": {"1002": True}}, ["lift", "record", "exempt", "disable"]),
        ({"options": {"1002": False}}, ["exempt", "disable"]),
        (
            {"options": {"1000": True, "1001": True, "1002": True, "1004": True}},
            ["lift", "record", "disable"],
        ),
        ({"covered": False}, []),
        ({"readable": False}, []),
    ],
)
def test_an_account_is_offered_what_fits_it(facts: dict[str, Any], names: list[str]) -> None:
    assert [act.name for act in fitting(verdict_of(**facts), "somebody")] == names


def test_nobody_is_offered_to_disable_themselves() -> None:
    verdict = verdict_of()

    assert DISABLE not in fitting(verdict, verdict.account.id)


def test_the_help_desk_needs_no_more_than_unlock() -> None:
    assert {act.name for act in ACTS if act.needs == MAY_UNLOCK} == {"unlock"}
    assert {act.needs for act in ACTS} == {MAY_UNLOCK, MAY_ADMINISTER}


def test_each_act_has_its_own_name_and_its_own_word_in_the_trail() -> None:
    assert len({act.action for act in ACTS}) == len(ACTS) == len(BY_NAME)
    assert all(act.action in Event.Action for act in ACTS)


def test_each_exemption_says_what_it_means() -> None:
    assert set(MEANINGS) == set(options.EXEMPTIONS.values())


def test_what_was_seen_fits_its_column_in_the_trail() -> None:
    every = dict.fromkeys(options.EXEMPTIONS, True)
    verdict = verdict_of(options=every, failed_auth_count=2**31 - 1, failed_auth_at=NOW)

    assert max(len(act.seen(verdict)) for act in ACTS) <= 64


# --- What the confirmation says -----------------------------------------------------------------
@pytest.mark.parametrize("act", [ENABLE, EXEMPT, LIFT])
def test_it_says_that_the_evidence_of_activity_is_overwritten(act: Any) -> None:
    text = " ".join(act.effects(verdict_of(**INACTIVE, options={"1001": True})))

    assert "sets the last activity to today; so far it is 6 May 2026." in text
    assert "PCI DSS 8.2.6" in text


@pytest.mark.parametrize("act", [ENABLE, EXEMPT, LIFT])
def test_it_says_so_only_where_the_rule_is_on(act: Any) -> None:
    off = Policy(lockout_failure_attempts=3, lockout_duration=1800)

    assert "8.2.6" not in " ".join(act.effects(verdict_of(off)))


@pytest.mark.parametrize("act", [ENABLE, EXEMPT, LIFT])
def test_it_says_so_only_where_there_is_another_day_to_overwrite(act: Any) -> None:
    assert "8.2.6" not in " ".join(act.effects(verdict_of(last_active_at=NOW.date())))


@pytest.mark.parametrize("act", [ENABLE, EXEMPT, LIFT])
def test_it_says_that_it_unlocks_silently(act: Any) -> None:
    text = " ".join(act.effects(verdict_of(**LOCKED)))

    assert "unlocks the account with it, silently: 3 failures cleared." in text


@pytest.mark.parametrize("act", [EXEMPT, LIFT])
def test_it_says_that_an_inactive_account_becomes_active(act: Any) -> None:
    assert "becomes active again" in " ".join(act.effects(verdict_of(**INACTIVE)))


@pytest.mark.parametrize("act", [EXEMPT, LIFT])
def test_it_says_that_a_disabled_account_stays_so(act: Any) -> None:
    text = " ".join(act.effects(verdict_of(enabled=False, **LOCKED)))

    assert "stays disabled; its failures and its last activity stay" in text
    assert "silently" not in text


def test_disabling_says_what_stops() -> None:
    text = " ".join(DISABLE.effects(verdict_of(**LOCKED)))

    assert "tokens of the account end at once, and its application credentials stop" in text
    assert "The lock and its failures stay" in text


@pytest.mark.parametrize(
    ("kind", "word"),
    [(AccountKind.ADMINISTRATOR, "administrator"), (AccountKind.SERVICE, "service account")],
)
def test_disabling_warns_of_accounts_that_matter(kind: AccountKind, word: str) -> None:
    assert word in " ".join(DISABLE.warnings(verdict_of(kinds=(kind,))))
    assert DISABLE.warnings(verdict_of()) == []


def test_enabling_warns_that_somebody_disabled_it() -> None:
    assert "find out first" in " ".join(ENABLE.warnings(verdict_of(enabled=False)))
    assert ENABLE.warnings(verdict_of(**INACTIVE)) == []


def test_enabling_warns_of_what_else_keeps_the_user_out() -> None:
    verdict = verdict_of(enabled=False, password_expires_at=NOW - timedelta(days=1))

    assert "will not let the user in: password expired" in " ".join(ENABLE.warnings(verdict))


# --- What is typed in ---------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["", "  ", None, 7, "x" * 101, "two\nlines", "a\0b"])
def test_an_owner_is_one_line_of_text(text: object) -> None:
    with pytest.raises(InputError):
        checked_owner(text)


def test_an_owner_is_kept_without_the_spaces_around() -> None:
    assert checked_owner("  network team ") == "network team"


@pytest.mark.parametrize("text", ["", None, 7, "tomorrow", "2026-02-30", "2026-11-22", "2025-1-1"])
def test_an_end_is_a_day_after_today(text: object) -> None:
    with pytest.raises(InputError):
        checked_end(text, NOW)


def test_the_first_end_is_tomorrow() -> None:
    assert checked_end("2026-11-23", NOW) == NOW.date() + timedelta(days=1)
