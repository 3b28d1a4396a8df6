"""The registry of acts: the accounts that each fits, and the text of its confirmation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pciops.accounts.machines import MachineReason
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions.act import MAY_ADMINISTER, MAY_UNLOCK, Act
from pciops.actions.exempting import EXEMPT, LIFT, MEANINGS
from pciops.actions.patch import DISABLE, ENABLE
from pciops.actions.registry import ACTS, BY_NAME, fitting
from pciops.audit.models import Event
from pciops.keystone import options
from tests.actions.acts import CLOUD
from tests.factories import NOW, POLICY, make_account

LOCKED: dict[str, Any] = {"failed_auth_count": 3, "failed_auth_at": NOW}
INACTIVE: dict[str, Any] = {"last_active_at": NOW.date() - timedelta(days=200)}


def verdict_of(policy: Policy = POLICY, **facts: Any) -> SigninVerdict:
    """Return the verdict on an account with these facts."""
    return judge(make_account(**facts), policy, NOW)


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        ({}, ["exempt", "machine", "end-sessions", "disable"]),
        (LOCKED, ["unlock", "exempt", "machine", "end-sessions", "disable"]),
        ({"enabled": False}, ["enable", "exempt", "machine"]),
        ({"enabled": None}, ["enable", "exempt", "machine"]),
        (INACTIVE, ["enable", "exempt", "machine", "end-sessions", "disable"]),
        (
            {"options": {"1002": True}},
            ["lift", "record", "exempt", "machine", "end-sessions", "disable"],
        ),
        ({"options": {"1002": False}}, ["exempt", "machine", "end-sessions", "disable"]),
        (
            {"options": {"1000": True, "1001": True, "1002": True, "1004": True}},
            ["lift", "record", "machine", "end-sessions", "disable"],
        ),
        ({"covered": False}, ["machine", "end-sessions"]),
        ({"machine": MachineReason.NAME}, ["exempt", "person", "end-sessions", "disable"]),
        ({"machine": MachineReason.ROLE}, ["exempt", "end-sessions", "disable"]),
        ({"readable": False}, ["machine"]),
    ],
)
def test_acts_that_fit_an_account(facts: dict[str, Any], names: list[str]) -> None:
    assert [act.name for act in fitting(verdict_of(**facts), CLOUD)] == names


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        (LOCKED, ["end-sessions"]),
        ({"enabled": False}, []),
        ({"options": {"1002": True}}, ["lift", "end-sessions"]),
    ],
)
def test_operators_are_offered_nothing_for_themselves_that_helps_them(
    facts: dict[str, Any], names: list[str]
) -> None:
    verdict = verdict_of(**facts)
    oneself = replace(CLOUD, user_id=verdict.account.id)

    assert [act.name for act in fitting(verdict, oneself)] == names


def test_only_unlock_needs_the_lesser_permission() -> None:
    assert {act.name for act in ACTS if act.needs == MAY_UNLOCK} == {"unlock"}
    assert {act.needs for act in ACTS} == {MAY_UNLOCK, MAY_ADMINISTER}


def test_each_act_has_its_own_name_and_audit_action() -> None:
    assert len({act.action for act in ACTS}) == len(ACTS) == len(BY_NAME)
    assert all(act.action in Event.Action for act in ACTS)


def test_each_exemption_has_a_meaning() -> None:
    assert set(MEANINGS) == set(options.EXEMPTIONS.values())


def test_precondition_fits_its_column_of_the_audit_log() -> None:
    every = dict.fromkeys(options.EXEMPTIONS, True)
    verdict = verdict_of(options=every, failed_auth_count=2**31 - 1, failed_auth_at=NOW)

    assert max(len(act.precondition(verdict)) for act in ACTS) <= 64


# --- The confirmation ---------------------------------------------------------------------------
OVERWRITTEN = "last activity to today; it was 6 May 2026"
SILENTLY = "notice: 3 failures cleared"
REACTIVATED = "becomes active again"
STAYS_DISABLED = "stays disabled"
NO_INACTIVITY_RULE = Policy(lockout_failure_attempts=3, lockout_duration=1800)


@pytest.mark.parametrize(
    ("acts", "facts", "policy", "texts", "absent"),
    [
        ([ENABLE, EXEMPT, LIFT], INACTIVE, POLICY, [OVERWRITTEN, "PCI DSS 8.2.6"], []),
        ([EXEMPT, LIFT], INACTIVE, POLICY, [REACTIVATED], []),
        ([ENABLE, EXEMPT, LIFT], INACTIVE, NO_INACTIVITY_RULE, [], ["8.2.6"]),
        ([ENABLE, EXEMPT, LIFT], {"last_active_at": NOW.date()}, POLICY, [], ["8.2.6"]),
        ([ENABLE, EXEMPT, LIFT], LOCKED, POLICY, [SILENTLY], []),
        ([EXEMPT, LIFT], {"enabled": False, **LOCKED}, POLICY, [STAYS_DISABLED], ["silently"]),
        (
            [DISABLE],
            LOCKED,
            POLICY,
            ["tokens of the account end", "application credentials stop", "The lock"],
            [],
        ),
    ],
    ids=[
        "activity overwritten",
        "reactivated",
        "no inactivity rule",
        "active today",
        "unlocked silently",
        "stays disabled",
        "disabling",
    ],
)
def test_confirmation_names_the_side_effects(
    acts: list[Act], facts: dict[str, Any], policy: Policy, texts: list[str], absent: list[str]
) -> None:
    for act in acts:
        text = " ".join(act.effects(verdict_of(policy, options={"1001": True}, **facts)))

        assert [each for each in texts if each not in text] == []
        assert [each for each in absent if each in text] == []


@pytest.mark.parametrize(
    ("act", "facts", "word"),
    [
        (DISABLE, {"kinds": (AccountKind.ADMINISTRATOR,)}, "administrator"),
        (DISABLE, {"kinds": (AccountKind.SERVICE,)}, "service account"),
        (DISABLE, {}, ""),
        (ENABLE, {"enabled": False}, "Find out first"),
        (
            ENABLE,
            {"enabled": False, "password_expires_at": NOW - timedelta(days=1)},
            "password expired",
        ),
        (ENABLE, INACTIVE, ""),
    ],
)
def test_confirmation_warns(act: Act, facts: dict[str, Any], word: str) -> None:
    warnings = act.warnings(verdict_of(**facts))

    assert word in " ".join(warnings)
    assert bool(warnings) == bool(word)
