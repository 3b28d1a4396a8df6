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
        options.IGNORE_CHANGE_PASSWORD: "does not have to change a first or reset password",
        options.IGNORE_PASSWORD_EXPIRY: "its password never expires",
        options.IGNORE_LOCKOUT: "is never locked, even while its password is guessed",
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
            return ["The account stays disabled. Its failed attempts and last activity stay."]
        if INACTIVE not in verdict.states:
            return silent_effects(verdict)
        return [
            "The account is inactive and becomes active again. pciops sends enabled as true, "
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
    unfit = "The account already has this exemption."
    on_oneself = "You can't exempt your own account. Ask another administrator."
    asks = ("option", "owner", "ends_on", "reason", "beyond_limit")
    value = True

    def options(self, verdict: SigninVerdict) -> list[str]:
        held = verdict.account.exemptions
        return [name for name in options.EXEMPTIONS.values() if name not in held]

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Sets the option to true, through Keystone's API and with your own token.",
            *super().effects(verdict),
            "Keystone doesn't record an end date. After its last day the register shows the "
            "exemption as overdue, until an administrator removes it or records it again.",
        ]

    def keep(self, event: Event) -> None:
        register.record(event)


class Lift(OptionPatch):
    """Remove an option, so that the rule holds again."""

    name = "lift"
    action = Event.Action.LIFT
    label = "Remove exemption"
    title = ("Remove an exemption of", "")
    did = "is subject to the rule again."
    unfit = "The account doesn't have this exemption."
    asks = ("option", "reason", "beyond_limit")
    value = None

    def options(self, verdict: SigninVerdict) -> list[str]:
        return verdict.account.exemptions

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Removes the option, through Keystone's API and with your own token. The rule "
            "applies from then on: if the password has expired, the account can't sign in.",
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
    unfit = "The account has no exemption to record."
    on_oneself = "You can't record an exemption of your own account. Ask another administrator."
    asks = ("option", "owner", "ends_on", "reason")

    def fits(self, verdict: SigninVerdict) -> bool:
        return bool(verdict.account.exemptions)

    def options(self, verdict: SigninVerdict) -> list[str]:
        return verdict.account.exemptions

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Writes owner, reason, and last day to the register, and closes the earlier record "
            "of this option.",
            "Nothing changes in Keystone.",
        ]

    def precondition(self, verdict: SigninVerdict) -> str:
        return exemptions_precondition(verdict)

    def carry_out(self, event: Event, verdict: SigninVerdict, request: ActRequest) -> Done:
        return Done(event=event)

    def conflict_sentence(self, event: Event, verdict: SigninVerdict, request: ActRequest) -> str:
        return "Its exemptions changed after you opened the form. Nothing was recorded."

    def outcome_after_crash(
        self, event: Event, verdict: SigninVerdict
    ) -> tuple[Event.Outcome, str]:
        return Event.Outcome.FAILURE, "not recorded: that would have settled it"

    def keep(self, event: Event) -> None:
        register.record(event)


EXEMPT = Exempt()
LIFT = Lift()
RECORD = Record()
