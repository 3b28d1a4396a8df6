"""Exempt, lift and record: the `ignore_…` options of an account, each with an owner and an end."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pciops.accounts.states import INACTIVE
from pciops.accounts.verdict import SigninVerdict
from pciops.actions import register
from pciops.actions.act import Act, ActRequest, Done
from pciops.actions.patch import Patch, exemptions_precondition, silent_effects
from pciops.audit.models import Event
from pciops.keystone import options

MEANINGS: Final = {
    options.EXEMPTIONS[option]: meaning
    for option, meaning in {
        options.IGNORE_CHANGE_PASSWORD: "need not change a first or reset password",
        options.IGNORE_PASSWORD_EXPIRY: "its password never expires",
        options.IGNORE_LOCKOUT: "is never locked, however often somebody guesses",
        options.IGNORE_USER_INACTIVITY: "never becomes inactive",
    }.items()
}


class OptionPatch(Patch):
    """An act that sets or removes an option of the account."""

    value: ClassVar[bool | None]  # of the option; None removes it

    def applies(self, verdict: SigninVerdict) -> bool:
        return bool(self.options(verdict))

    def unlocks(self, verdict: SigninVerdict) -> bool:
        return verdict.locked and bool(verdict.account.enabled)

    def effects(self, verdict: SigninVerdict) -> list[str]:
        if not verdict.account.enabled:
            return ["The account stays disabled; its failures and its last activity stay."]
        if INACTIVE not in verdict.states:
            return silent_effects(verdict)
        return [
            "The account is inactive, and becomes active again with it: enabled is sent as true, "
            "because Keystone would otherwise disable it.",
            *silent_effects(verdict),
        ]

    def changes(self, verdict: SigninVerdict, request: ActRequest) -> dict[str, Any]:
        changes: dict[str, Any] = {"options": {request.option: self.value}}
        if INACTIVE in verdict.states:
            changes["enabled"] = True  # or Keystone would write it as disabled
        return changes

    def is_done(self, verdict: SigninVerdict, option: str) -> bool:
        return (option in verdict.account.exemptions) == bool(self.value)


class Exempt(OptionPatch):
    """Set an option, and record who answers for it until when."""

    name = "exempt"
    action = Event.Action.EXEMPT
    label = "Exempt"
    title = ("Exempt", "from a rule")
    did = "is exempt from the rule."
    unfit = "The account has this exemption already."
    on_oneself = "You cannot exempt your own account: another administrator can."
    asks = ("option", "owner", "ends_on", "reason", "beyond_limit")
    value = True

    def options(self, verdict: SigninVerdict) -> list[str]:
        held = verdict.account.exemptions
        return [name for name in options.EXEMPTIONS.values() if name not in held]

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Sets the option to true, through Keystone's API and with your own token.",
            *super().effects(verdict),
            "Keystone knows no end of an exemption: after its last day the register shows it as "
            "overdue, until somebody lifts it or records it anew.",
        ]

    def keep(self, event: Event) -> None:
        register.record(event)


class Lift(OptionPatch):
    """Remove an option, so that the rule holds again."""

    name = "lift"
    action = Event.Action.LIFT
    label = "Lift exemption"
    title = ("Lift an exemption of", "")
    did = "is under the rule again."
    unfit = "The account has no such exemption."
    asks = ("option", "reason", "beyond_limit")
    value = None

    def options(self, verdict: SigninVerdict) -> list[str]:
        return verdict.account.exemptions

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Removes the option, through Keystone's API and with your own token. The rule holds "
            "from then on: a password that has expired meanwhile keeps the user out.",
            *super().effects(verdict),
        ]

    def keep(self, event: Event) -> None:
        register.close(event)


class Record(Act):
    """Record an exemption that exists already; Keystone is not touched."""

    name = "record"
    action = Event.Action.RECORD
    label = "Record exemption"
    title = ("Record an exemption of", "")
    did = "has its exemption in the register."
    unfit = "The account has no exemption that could be recorded."
    on_oneself = "You cannot record an exemption of your own account: another administrator can."
    asks = ("option", "owner", "ends_on", "reason")

    def fits(self, verdict: SigninVerdict) -> bool:
        return bool(verdict.account.exemptions)

    def options(self, verdict: SigninVerdict) -> list[str]:
        return verdict.account.exemptions

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Writes owner, reason and last day into the register; what was recorded of this option "
            "before is closed.",
            "Nothing changes in Keystone.",
        ]

    def precondition(self, verdict: SigninVerdict) -> str:
        return exemptions_precondition(verdict)

    def carry_out(self, event: Event, verdict: SigninVerdict, request: ActRequest) -> Done:
        return Done(event=event)

    def conflict_sentence(self, event: Event, verdict: SigninVerdict, request: ActRequest) -> str:
        return "Its exemptions have changed after you opened the form. Nothing was recorded."

    def outcome_after_crash(
        self, event: Event, verdict: SigninVerdict
    ) -> tuple[Event.Outcome, str]:
        return Event.Outcome.FAILURE, "not recorded: that would have settled it"

    def keep(self, event: Event) -> None:
        register.record(event)


EXEMPT = Exempt()
LIFT = Lift()
RECORD = Record()
