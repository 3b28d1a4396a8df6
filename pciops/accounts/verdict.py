"""Whether an account can sign in at one time, and why: the base of pages, API and commands."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.second_factor import FactorVerdict, SecondFactor, second_factor
from pciops.accounts.states import INACTIVE, LOCKED, blocking, classify
from pciops.accounts.states.inactivity import inactive_on
from pciops.accounts.states.lock import locked_until
from pciops.accounts.states.remedies import Remedy
from pciops.accounts.states.state import State
from pciops.lib import times


class SigninVerdict(NamedTuple):
    """An account with its states under one policy at one time."""

    account: Account
    policy: Policy
    now: datetime
    states: list[State]

    @property
    def blocking(self) -> list[State]:
        """The states that block a sign-in; Keystone refuses for the first of them.

        Inactivity ends with the next single sign-on, so it blocks no sign-in of a user without a
        local row, only application credentials and tokens.
        """
        states = blocking(self.states)
        if self.account.covered:
            return states
        return [state for state in states if state is not INACTIVE]

    @property
    def locked(self) -> bool:
        """Whether an unlock would change anything."""
        return LOCKED in self.states

    @property
    def inactive(self) -> bool:
        """Whether Keystone refuses it as inactive, although its column `enabled` is true."""
        return INACTIVE in self.states

    @property
    def blocking_after_unlock(self) -> list[State]:
        """The states that would still block a sign-in after an unlock."""
        return [state for state in self.blocking if state is not LOCKED]

    @property
    def locked_until(self) -> datetime | None:
        """When the lock ends by itself; None without a lock, or if only an unlock ends it."""
        return locked_until(self.account, self.policy) if self.locked else None

    @property
    def inactive_on(self) -> date | None:
        """The UTC day, past or future, from which it is inactive."""
        return inactive_on(self.account, self.policy)

    @property
    def second_factor(self) -> SecondFactor:
        """Whether people need a second factor, and why."""
        return second_factor(self.account, self.policy)

    @property
    def tone(self) -> str:
        """The color of the answer: bad, attack, soon or good; plain if no rule applies."""
        if self.blocking:
            return "bad"
        if self.inactive:
            return "bad"
        tones = {state.tone for state in self.states if state.warns}
        usual = "good" if self.account.covered else "plain"
        return next((tone for tone in ("attack", "soon") if tone in tones), usual)

    @property
    def sentence(self) -> str:
        """The answer to "can this user sign in?"."""
        if self.blocking:
            return f"Can't sign in: {', and '.join(map(self.describe, self.blocking))}."
        warnings = ", and ".join(self.describe(state) for state in self.states if state.warns)
        if not self.account.covered:
            if self.inactive:
                since = self.describe(INACTIVE)
                since = f"{since[0].upper()}{since[1:]}"
                if self.account.in_directory:
                    return (
                        f"{since}. The driver of its domain decides whether Keystone refuses its "
                        "application credentials and trusts until the next sign-in."
                    )
                return (
                    f"{since}: Keystone refuses application credentials and trusts until the next"
                    " single sign-on."
                )
            return (
                "LDAP or federated user: lockout and expiry don't apply, inactivity "
                f"does{warnings and ': '}{warnings}."
            )
        factors = self.second_factor
        if factors.verdict is FactorVerdict.PROGRAMS_ONLY:
            return f"Can't sign in with a password: {factors.explanation}."
        code = " and a second factor" if factors.effective else ""
        return f"Can sign in with the right password{code}{warnings and ': '}{warnings}."

    def describe(self, state: State) -> str:
        """Return one of the states for use in a sentence."""
        return state.describe(self.account, self.policy, self.now)

    @property
    def notable(self) -> str:
        """The description of the first state that blocks a sign-in, or else warns; "" if none."""
        notable = [*self.blocking, *(state for state in self.states if state.warns)]
        return self.describe(notable[0]) if notable else ""

    @property
    def remedies(self) -> list[tuple[State, Remedy]]:
        """Each state with its remedy."""
        return [(state, state.remedy(self.account, self.policy, self.now)) for state in self.states]


def judge(account: Account, policy: Policy, now: datetime) -> SigninVerdict:
    """Return the verdict on an account."""
    states = classify(account, policy, now)
    return SigninVerdict(account=account, policy=policy, now=now, states=states)


def as_dict(verdict: SigninVerdict) -> dict[str, Any]:
    """Return the account as the API and `--format json` have it; times are ISO 8601 in UTC."""
    account, factors = verdict.account, verdict.second_factor
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
        "second_factor": factors.verdict.value,
        "second_factor_explanation": factors.explanation,
        "created_at": times.iso(account.created_at),
        "machine": account.machine.value if account.machine else None,
    }
