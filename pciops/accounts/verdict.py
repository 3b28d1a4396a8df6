"""What a page, the API and a command say of an account at one instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import INACTIVE, LOCKED, blocking, classify
from pciops.accounts.states.inactivity import inactive_on
from pciops.accounts.states.lock import locked_until
from pciops.accounts.states.remedies import Remedy
from pciops.accounts.states.state import State
from pciops.lib import times


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """An account with its states, judged by one policy at one instant."""

    account: Account
    policy: Policy
    now: datetime
    states: list[State]

    @property
    def blocking(self) -> list[State]:
        """The states that keep it from signing in; the first is the one that Keystone finds."""
        return blocking(self.states)

    @property
    def locked(self) -> bool:
        """Whether there is something to unlock."""
        return LOCKED in self.states

    @property
    def inactive(self) -> bool:
        """Whether Keystone refuses it as inactive, although the row says that it is enabled."""
        return INACTIVE in self.states

    @property
    def also(self) -> list[State]:
        """What would keep it from signing in once it is unlocked."""
        return [state for state in self.blocking if state is not LOCKED]

    @property
    def locked_until(self) -> datetime | None:
        """When the lock ends by itself; None where it is not locked, or only an unlock ends it."""
        return locked_until(self.account, self.policy) if self.locked else None

    @property
    def inactive_on(self) -> date | None:
        """The UTC day from which it is inactive, gone by or to come."""
        return inactive_on(self.account, self.policy)

    @property
    def tone(self) -> str:
        """The colour of the answer: bad, attack, soon, good; plain where nothing is covered."""
        if self.blocking:
            return "bad"
        if not self.account.covered:
            return "plain"
        tones = {state.tone for state in self.states if state.warns}
        return next((tone for tone in ("attack", "soon") if tone in tones), "good")

    @property
    def sentence(self) -> str:
        """The answer to "can this user sign in?"."""
        if self.blocking:
            reasons = ", and ".join(self.says(state) for state in self.blocking)
            return f"Cannot sign in: {reasons}."
        if not self.account.covered:
            return "Not covered: an LDAP or federated user, which these rules do not reach."
        warnings = ", and ".join(self.says(state) for state in self.states if state.warns)
        return f"Can sign in with the right password{warnings and ': '}{warnings}."

    def says(self, state: State) -> str:
        """One of its states within a sentence."""
        return state.says(self.account, self.policy, self.now)

    @property
    def explained(self) -> list[tuple[State, Remedy]]:
        """Its states, each with what ends it."""
        return [(state, state.remedy(self.account, self.policy, self.now)) for state in self.states]


def judge(account: Account, policy: Policy, now: datetime) -> Verdict:
    """Classify an account."""
    return Verdict(account=account, policy=policy, now=now, states=classify(account, policy, now))


def as_dict(verdict: Verdict) -> dict[str, Any]:
    """The account as the API and `--format json` give it; times are ISO 8601, UTC, with Z."""
    account = verdict.account
    return {
        "id": account.id,
        "name": account.name,
        "domain_id": account.domain_id,
        "domain_name": account.domain_name,
        "email": account.email or None,
        "enabled": account.enabled,
        "states": [state.name for state in verdict.states],
        "kinds": [kind.value for kind in account.kinds],
        "failed_auth_count": account.failed_auth_count,
        "failed_auth_at": times.iso(account.failed_auth_at),
        "locked_until": times.iso(verdict.locked_until),
        "last_active_at": times.iso(account.last_active_at),
        "inactive_on": times.iso(verdict.inactive_on),
        "password_created_at": times.iso(account.password_created_at),
        "password_expires_at": times.iso(account.password_expires_at),
        "exemptions": account.exemptions,
    }
