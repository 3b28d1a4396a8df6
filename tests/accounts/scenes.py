"""Random users and policies, and the states that both forms of the rules find."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from hypothesis import strategies as st

from pciops.accounts import loading
from pciops.accounts.policy.policy import CENTURY, Policy
from pciops.accounts.states import STATES
from pciops.accounts.states.inactivity import UserState
from pciops.keystone import options
from pciops.keystone.fields import EPOCH
from pciops.keystone.models import LocalUser, User, UserOption
from tests.factories import MICROSECOND, NOW, POLICY, PasswordRow, make_ldap_user, make_user
from tests.support.examples import some

OPTIONS = [
    options.IGNORE_PASSWORD_EXPIRY,
    options.IGNORE_LOCKOUT,
    options.IGNORE_USER_INACTIVITY,
    options.IGNORE_CHANGE_PASSWORD,
]
# Rules of a second factor, on and off. They are compared with regard to case.
FACTORS: list[dict[str, Any]] = [
    {},
    *[
        {options.MFA_RULES: rules}
        for rules in (
            [],
            None,
            "totp",
            [["password", "totp"]],
            [["password", "TOTP"]],
            [["password", "totp"], ["x" * 300]],
            [["password", "totp"], ["password"]],
            [["password", "totp"], ["application_credential"]],
            [["smartcard"], ["password", "totp"]],
            [["totp", 7], []],
        )
    ],
    *[
        {options.MFA_RULES: [["password", "totp"]], options.MFA_ENABLED: enabled}
        for enabled in (True, False, None, 0, "yes")
    ],
]
BY_USER = [state for state in STATES if isinstance(state, UserState)]
STEPS = [timedelta(0), MICROSECOND, timedelta(milliseconds=500), timedelta(seconds=1)]
STEPS += [timedelta(days=1), timedelta(hours=15)]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Some users, a policy, and the time at which they are judged."""

    now: datetime
    policy: Policy
    users: list[dict[str, Any]]


def near(time: datetime) -> st.SearchStrategy[datetime]:
    """Return the time itself, and times a step before and after it."""
    return st.builds(
        lambda step, sign: time + sign * step, st.sampled_from(STEPS), st.sampled_from([1, -1])
    )


def near_day(day: date) -> st.SearchStrategy[date]:
    """Return the day itself, and days around it."""
    return st.integers(-2, 2).map(lambda days: day + timedelta(days=days))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Return policies with each rule on or off."""
    return Policy(
        lockout_failure_attempts=draw(st.sampled_from([None, 1, 2, 3])),
        lockout_duration=draw(st.sampled_from([None, 1, 1800])),
        disable_user_account_days_inactive=draw(st.sampled_from([None, 1, 90])),
        password_expires_days=draw(st.sampled_from([None, 90])),
        auth_methods=draw(st.sampled_from([None, ("password",), ("password", "totp")])),
        keystone_release=draw(st.sampled_from([None, 27, 30])),
    )


@st.composite
def users(draw: st.DrawFn, now: datetime, policy: Policy) -> dict[str, Any]:
    """Return users whose facts are at the edges of the rules, or odd."""
    lockout = policy.lockout or timedelta(0)
    first_inactive = now.date() - timedelta(days=policy.disable_user_account_days_inactive or 0)
    soon = first_inactive + timedelta(days=policy.inactive_soon_days)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    created = midnight - timedelta(days=policy.disable_user_account_days_inactive or 0)
    expiries = st.none() | near(now) | near(now + timedelta(days=policy.expiring_days))
    ages = st.sampled_from([timedelta(days=1), timedelta(days=2)])  # few, so that they tie
    rows = st.builds(
        lambda age, expires_at, old: PasswordRow(
            created_at=now - age, expires_at=expires_at, old_columns=old
        ),
        ages,
        expiries,
        st.booleans(),
    )
    return {
        "enabled": draw(st.sampled_from([True, True, True, False, None])),
        "created_at": draw(st.none() | near(created) | near(created + timedelta(days=1))),
        "last_active_at": draw(st.none() | near_day(first_inactive) | near_day(soon)),
        "failed_auth_count": draw(st.sampled_from([None, 0, 1, 2, 3, 4])),
        "failed_auth_at": draw(st.none() | near(now - lockout)),
        "extra": draw(st.sampled_from(["{}", "{}", "{}", "", "{", "[]", "null"])),
        "passwords": draw(st.lists(rows, max_size=3)),
        "options": draw(
            st.dictionaries(
                st.sampled_from(OPTIONS), st.sampled_from([True, False, None]), max_size=3
            )
        )
        | draw(st.sampled_from(FACTORS)),
        "credentials": draw(st.sampled_from([(), (), ("totp",), ("ec2",), ("ec2", "totp")])),
    }


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Return several users under one policy."""
    now = draw(
        st.sampled_from([NOW, NOW + 7 * MICROSECOND, NOW.replace(hour=0, minute=0, second=0)])
    )
    policy = draw(policies())
    return Scene(
        now=now, policy=policy, users=draw(st.lists(users(now, policy), min_size=1, max_size=4))
    )


def by_rule(scene: Scene) -> dict[str, set[str]]:
    """Return the names of the accounts for which `holds` is true, by state."""
    accounts = loading.accounts(loading.local_user_rows(LocalUser.objects.all()), kinds={})
    return {
        state.name: {a.name for a in accounts if state.holds(a, scene.policy, scene.now)}
        for state in STATES
    }


def by_query(scene: Scene) -> dict[str, set[str]]:
    """Return the names of the accounts that `filter` finds, by state."""
    return {
        state.name: {
            row.name for row in state.filter(LocalUser.objects.all(), scene.policy, scene.now)
        }
        for state in STATES
    }


def by_candidates(scene: Scene) -> dict[str, set[str]]:
    """Return the names of the accounts that a scan finds, by state, and maybe others."""
    candidates = {state.name: state.candidates(scene.policy, scene.now) for state in STATES}
    return {
        name: set(LocalUser.objects.filter(pk__in=[*ids]).values_list("name", flat=True))
        for name, ids in candidates.items()
        if ids is not None
    }


def make_other(name: str, facts: dict[str, Any]) -> None:
    """Create an LDAP user with the same row of `user` and the same options."""
    columns = ("enabled", "created_at", "last_active_at", "extra")
    given = {column: facts[column] for column in columns if column in facts}
    user = make_ldap_user(name, domain_id="default", **given)
    for option_id, value in facts.get("options", {}).items():
        UserOption.objects.using("keystone").create(
            user_id=user.id, option_id=option_id, option_value=json.dumps(value)
        )


def users_by_rule(scene: Scene) -> dict[str, set[str]]:
    """Return the ids of users of any kind for whom `holds` is true, by state."""
    accounts = loading.accounts(loading.user_rows(User.objects.all()), kinds={})
    return {
        state.name: {a.id for a in accounts if state.holds(a, scene.policy, scene.now)}
        for state in BY_USER
    }


def users_by_query(scene: Scene) -> dict[str, set[str]]:
    """Return the ids of users of any kind whom `user_condition` finds, by state."""
    return {
        state.name: set(
            User.objects.filter(state.user_condition(scene.policy, scene.now)).values_list(
                "pk", flat=True
            )
        )
        for state in BY_USER
    }


def check(scene: Scene) -> None:
    """Compare both forms of the rules on the users of a scene, which are rolled back."""
    with transaction.atomic(using="keystone"):
        for number, facts in enumerate(scene.users):
            make_user(f"user{number}", **facts)
            make_other(f"other{number}", facts)
        ruled, queried = by_rule(scene), by_query(scene)
        scanned = by_candidates(scene)
        every_ruled, every_queried = users_by_rule(scene), users_by_query(scene)
        transaction.set_rollback(True, using="keystone")

    assert queried == ruled
    assert {
        name: ruled[name] - found for name, found in scanned.items() if ruled[name] - found
    } == {}
    assert every_queried == every_ruled


trying = some(25)  # for scenes, on every database

EDGES = Scene(
    now=NOW,
    policy=POLICY,
    users=[
        {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(seconds=1800)},
        {"failed_auth_count": 3, "failed_auth_at": None},
        {"last_active_at": NOW.date() - timedelta(days=90)},
        {"created_at": None, "enabled": None, "extra": "{"},
        {"passwords": [PasswordRow(expires_at=NOW, old_columns=True)]},
        {"passwords": []},
    ],
)

_LAST = datetime.max.replace(tzinfo=NOW.tzinfo)
_MIDNIGHT = NOW.replace(hour=0, minute=0, second=0)
SPECIAL = {
    "the longest lock": Scene(
        now=NOW,
        policy=Policy(lockout_failure_attempts=3, lockout_duration=CENTURY * 86400),
        users=[
            {"failed_auth_count": 3, "failed_auth_at": NOW},
            {"failed_auth_count": 3, "failed_auth_at": EPOCH},
        ],
    ),
    "the longest inactivity": Scene(
        now=NOW,
        policy=Policy(disable_user_account_days_inactive=CENTURY),
        users=[{"last_active_at": NOW.date()}, {"last_active_at": date(1900, 1, 1)}],
    ),
    "created at midnight": Scene(
        now=NOW,
        policy=POLICY,
        users=[
            {"created_at": _MIDNIGHT - timedelta(days=days) + step}
            for days in (89, 90)
            for step in (-MICROSECOND, timedelta(0), MICROSECOND)
        ],
    ),
    "the end of the calendar": Scene(
        now=NOW,
        policy=POLICY,
        users=[
            {
                "failed_auth_count": 3,
                "failed_auth_at": _LAST,
                "created_at": _LAST,
                "last_active_at": date.max,
                "passwords": [PasswordRow(created_at=_LAST, expires_at=_LAST)],
            }
        ],
    ),
    "equally old passwords": Scene(
        now=NOW,
        policy=POLICY,
        users=[
            {"passwords": [PasswordRow(expires_at=at, old_columns=old) for at in expiries]}
            for expiries in (
                [None, NOW],
                [NOW, None],
                [NOW + timedelta(days=1), NOW],
                [None, NOW + timedelta(days=1), NOW + timedelta(days=60)],
                [NOW + timedelta(days=60), NOW + timedelta(days=14), None],
            )
            for old in (False, True)
        ],
    ),
}
