"""Enable and disable: whether Keystone lets an account in at all."""

from __future__ import annotations

from typing import Any

from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import DISABLED, INACTIVE, LOCKED
from pciops.accounts.verdict import SigninVerdict
from pciops.actions.act import ActRequest
from pciops.actions.patch import Patch, can_be_patched, silent_effects
from pciops.audit.models import Event


class Enable(Patch):
    """Re-activate an account that somebody disabled, or that inactivity stopped."""

    name = "enable"
    action = Event.Action.ENABLE
    label = "Enable"
    title = ("Enable", "again?")
    did = "is enabled."
    unfit = "The account is neither disabled nor inactive: there is nothing to enable."
    asks = ("reason", "identity")

    def fits(self, verdict: SigninVerdict) -> bool:
        stopped = DISABLED in verdict.states or INACTIVE in verdict.states
        return stopped and can_be_patched(verdict)

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Sets enabled to true, through Keystone's API and with your own token.",
            *silent_effects(verdict),
            "Application credentials work again. Tokens that have ended stay so.",
        ]

    def warnings(self, verdict: SigninVerdict) -> list[str]:
        found = []
        if DISABLED in verdict.states:
            found.append(
                "Somebody or something disabled it. Keystone does not say who or why, and a change "
                "of an inactive account disables it too: find out first."
            )
        others = [it for it in verdict.blocking if it not in {DISABLED, INACTIVE, LOCKED}]
        if others:
            states = ", ".join(state.label.lower() for state in others)
            found.append(f"This alone will not let the user in: {states}.")
        return found

    def changes(self, verdict: SigninVerdict, order: ActRequest) -> dict[str, Any]:
        return {"enabled": True}

    def done(self, verdict: SigninVerdict, option: str) -> bool:
        return not self.fits(verdict)


class Disable(Patch):
    """Keep an account out until an administrator enables it."""

    name = "disable"
    action = Event.Action.DISABLE
    label = "Disable"
    title = ("Disable", "?")
    did = "is disabled."
    unfit = "The account is disabled already."

    def fits(self, verdict: SigninVerdict) -> bool:
        return bool(verdict.account.enabled) and can_be_patched(verdict)

    def effects(self, verdict: SigninVerdict) -> list[str]:
        found = [
            "Sets enabled to false, through Keystone's API and with your own token.",
            "All tokens of the account end at once, and its application credentials stop: whatever "
            "runs with them stands still.",
        ]
        if verdict.locked:
            found.append("The lock and its failures stay as they are.")
        found.append("The last activity stays. An administrator can enable it again.")
        return found

    def warnings(self, verdict: SigninVerdict) -> list[str]:
        kinds, found = verdict.account.kinds, []
        if AccountKind.ADMINISTRATOR in kinds:
            found.append("It is an administrator. See to it that another one can sign in.")
        if AccountKind.SERVICE in kinds:
            found.append("It is a service account: a part of the cloud will stop with it.")
        return found

    def refusal(self, verdict: SigninVerdict, operator_id: str) -> str:
        own = verdict.account.id == operator_id
        return "You cannot disable your own account: another administrator can." if own else ""

    def seen(self, verdict: SigninVerdict) -> str:
        # Nothing else: an account under attack gets other failures every second.
        return f"enabled={bool(verdict.account.enabled):d}"

    def changes(self, verdict: SigninVerdict, order: ActRequest) -> dict[str, Any]:
        return {"enabled": False}

    def done(self, verdict: SigninVerdict, option: str) -> bool:
        return not verdict.account.enabled


ENABLE = Enable()
DISABLE = Disable()
