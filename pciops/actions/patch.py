"""The acts that are one PATCH of Keystone's API with the operator's token; enable and disable.

Keystone's side effects are in `User.enabled` of keystone.identity.backends.sql_model: whenever an
account is changed that is enabled afterwards, its failures are cleared, and if the inactivity rule
is on, its last activity is set to today. An account that inactivity stopped is written as disabled,
unless `"enabled": true` is sent with the change.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from http import HTTPStatus
from typing import Any, Final

from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import DISABLED, INACTIVE, LOCKED
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions.act import Act, ActRequest, Done, Refused, Unknown, account_now
from pciops.actions.register import option_of
from pciops.audit.models import Event
from pciops.keystone import client, options
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import times
from pciops.lib.numbers import counted

READS: Final = 5  # of the database, until it shows the change that Keystone has confirmed


class Patch(Act):
    """An act that Keystone's API does, if its policy lets the operator's token do it."""

    needs_token = True

    @abstractmethod
    def applies(self, verdict: SigninVerdict) -> bool:
        """Return whether there is something to do, if Keystone can change the account."""

    @abstractmethod
    def changes(self, verdict: SigninVerdict, request: ActRequest) -> dict[str, Any]:
        """Return the changes to send."""

    @abstractmethod
    def is_done(self, verdict: SigninVerdict, option: str) -> bool:
        """Return whether the account, as the database shows it, has the changes."""

    def fits(self, verdict: SigninVerdict) -> bool:
        account = verdict.account
        return account.covered and account.readable and self.applies(verdict)

    def why_unfit(self, verdict: SigninVerdict) -> str:
        if not verdict.account.covered:
            return "It is an LDAP or federated user, which Keystone doesn't keep in its own tables."
        if not verdict.account.readable:
            return "Keystone cannot read the user's row, and every change of it fails."
        return self.unfit

    def precondition(self, verdict: SigninVerdict) -> str:
        """Return what decides on the side effects of a PATCH, in at most 64 characters."""
        states = verdict.states
        flags = {
            "enabled": DISABLED not in states,
            "inactive": INACTIVE in states,
            "locked": LOCKED in states,
        }
        words = [f"{name}={value:d}" for name, value in flags.items()]
        return " ".join([*words, exemptions_precondition(verdict)])

    def carry_out(
        self, event: Event, verdict: SigninVerdict, request: ActRequest
    ) -> Done | Refused | Unknown | None:
        """Read the account again before the PATCH, which has no guard as an UPDATE has."""
        try:
            before = _read(event, verdict)
        except KeystoneDatabaseDownError as error:
            sentence = f"Keystone's database does not answer: {error}. Nothing was changed."
            return Refused(event=event, sentence=sentence)
        if before is None or not self.is_met(before, request):
            return None
        try:
            client.update_user(request.token_id, event.target_id, self.changes(before, request))
        except client.LostError as error:
            return self._lost(event, before, request, str(error))
        except client.KeystoneError as error:
            return refused(event, error)
        return self._confirmed(event, before, request)

    def conflict_sentence(self, event: Event, verdict: SigninVerdict, request: ActRequest) -> str:
        if self.fits(verdict) and request.option in ("", *self.options(verdict)):
            return (
                "The account changed after you opened the form. Nothing was changed. Check it, "
                f"then try again. {verdict.sentence}"
            )
        return f"{self.why_unfit(verdict)} Nothing was changed."

    def outcome_after_crash(
        self, event: Event, verdict: SigninVerdict
    ) -> tuple[Event.Outcome, str]:
        if self.precondition(verdict) == event.precondition:  # first: it may have been so before
            return Event.Outcome.FAILURE, "not carried out, the account is unchanged"
        if self.is_done(verdict, option_of(event)):
            return Event.Outcome.SUCCESS, "Keystone's database shows that it was done"
        return Event.Outcome.UNKNOWN, "the account has changed otherwise since"

    def _confirmed(
        self, event: Event, before: SigninVerdict, request: ActRequest
    ) -> Done | Unknown:
        """Return whether the database shows the change that Keystone has confirmed."""
        try:
            for _ in range(READS):
                after = _read(event, before)
                if after is not None and self.is_done(after, request.option):
                    return Done(event=event, remark=_side_effects(before, after))
                time.sleep(0.1)
        except KeystoneDatabaseDownError as error:
            remark = f"Keystone says so; its database could not be asked: {error}"
            return Done(event=event, remark=remark)
        return Unknown(
            event=event,
            sentence="Keystone reported success, but its database does not show the change. "
            "Check the account again, and whether pciops reads the database that "
            "Keystone writes to.",
            remark="Keystone answered 200, and its database does not show it",
        )

    def _lost(
        self, event: Event, before: SigninVerdict, request: ActRequest, reason: str
    ) -> Done | Unknown:
        """Return what the database shows after Keystone's answer was lost."""
        try:
            after = _read(event, before)
        except KeystoneDatabaseDownError:
            after = None
        if after is not None and self.is_done(after, request.option):
            lost = f"Keystone's answer was lost ({reason}); its database shows that it was done"
            remark = ". ".join(part for part in (lost, _side_effects(before, after)) if part)
            return Done(event=event, remark=remark)
        sentence = (
            f"Keystone did not say whether it made the change: {reason}. Its database does not "
            "show it yet. Check the account again."
        )
        return Unknown(event=event, sentence=sentence, remark=reason)


class Enable(Patch):
    """Enable an account that was disabled, or that inactivity stopped."""

    name = "enable"
    action = Event.Action.ENABLE
    label = "Enable"
    title = ("Enable", "again")
    did = "is enabled."
    unfit = "The account is not disabled or inactive, so there is nothing to enable."
    on_oneself = "You can't enable your own account. Ask another operator."
    asks = ("reason", "identity", "beyond_limit")

    def applies(self, verdict: SigninVerdict) -> bool:
        return DISABLED in verdict.states or INACTIVE in verdict.states

    def unlocks(self, verdict: SigninVerdict) -> bool:
        return verdict.locked

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Sets enabled to true, through Keystone's API and with your own token.",
            *silent_effects(verdict),
            "Application credentials work again. Tokens that have ended stay ended.",
        ]

    def warnings(self, verdict: SigninVerdict) -> list[str]:
        warnings = []
        if DISABLED in verdict.states:
            warnings.append(
                "An administrator or a program disabled it. Keystone doesn't record who or why, "
                "and a change of an inactive account also disables it. Find out first."
            )
        others = [state for state in verdict.blocking if state not in {DISABLED, INACTIVE, LOCKED}]
        if others:
            states = ", ".join(state.label.lower() for state in others)
            warnings.append(f"After this, the account still can't sign in: {states}.")
        return warnings

    def changes(self, verdict: SigninVerdict, request: ActRequest) -> dict[str, Any]:
        return {"enabled": True}

    def is_done(self, verdict: SigninVerdict, option: str) -> bool:
        return not self.fits(verdict)


class Disable(Patch):
    """Disable an account, until an administrator enables it."""

    name = "disable"
    action = Event.Action.DISABLE
    label = "Disable"
    title = ("Disable", "")
    did = "is disabled."
    unfit = "The account is already disabled."
    on_oneself = "You can't disable your own account. Ask another administrator."

    def applies(self, verdict: SigninVerdict) -> bool:
        return bool(verdict.account.enabled)

    def effects(self, verdict: SigninVerdict) -> list[str]:
        effects = [
            "Sets enabled to false, through Keystone's API and with your own token.",
            "All tokens of the account end at once, and its application credentials stop. "
            "Programs that use them stop.",
        ]
        if verdict.locked:
            effects.append("The lock and its failed attempts stay.")
        effects.append("The last activity stays. An administrator can enable it again.")
        return effects

    def warnings(self, verdict: SigninVerdict) -> list[str]:
        kinds, warnings = verdict.account.kinds, []
        if AccountKind.ADMINISTRATOR in kinds:
            warnings.append("It is an administrator. Make sure that another one can sign in.")
        if AccountKind.SERVICE in kinds:
            warnings.append("It is a service account. A part of the cloud stops with it.")
        return warnings

    def precondition(self, verdict: SigninVerdict) -> str:
        """Return only `enabled`: an account under attack gets other failures every second."""
        return f"enabled={bool(verdict.account.enabled):d}"

    def changes(self, verdict: SigninVerdict, request: ActRequest) -> dict[str, Any]:
        return {"enabled": False}

    def is_done(self, verdict: SigninVerdict, option: str) -> bool:
        return not verdict.account.enabled


ENABLE = Enable()
DISABLE = Disable()


def exemptions_precondition(verdict: SigninVerdict) -> str:
    """Return the exemptions of the account, by their short ids in Keystone's database."""
    exempt = [option for option in options.EXEMPTIONS if verdict.account.exempt_from(option)]
    return f"options={'+'.join(exempt)}"


def silent_effects(verdict: SigninVerdict) -> list[str]:
    """Return Keystone's side effects on an account that is enabled after the change."""
    account, effects = verdict.account, []
    rule = verdict.policy.disable_user_account_days_inactive
    if rule is not None and account.last_active_at != verdict.now.date():
        day = times.day(account.active_on) if account.active_on else "not recorded"
        effects.append(
            f"Keystone sets the last activity to today; it was {day}. That is not a sign-in, so "
            "the date in Keystone is then wrong as evidence for PCI DSS 8.2.6. The audit log "
            "keeps the old date."
        )
    failures = counted(account.failed_auth_count, "failure")
    if verdict.locked:
        effects.append(f"Keystone also unlocks the account without a notice: {failures} cleared.")
    elif account.failed_auth_count:
        effects.append(f"Keystone also clears {failures}.")
    return effects


def _read(event: Event, before: SigninVerdict) -> SigninVerdict | None:
    """Return the account as it is at this moment, or None if it was deleted."""
    account = account_now(event)
    return judge(account, before.policy, before.now) if account else None


def refused(event: Event, error: client.KeystoneError) -> Refused:
    """Return the result of a change that Keystone certainly did not make."""
    status = HTTPStatus.SERVICE_UNAVAILABLE
    if isinstance(error, client.RefusedError):
        status, remark = HTTPStatus.UNAUTHORIZED, "Keystone no longer accepts your token"
    elif isinstance(error, client.RejectedError):
        forbidden = error.status == HTTPStatus.FORBIDDEN
        status = HTTPStatus.FORBIDDEN if forbidden else HTTPStatus.BAD_GATEWAY
        remark = f"Keystone refused (HTTP {error.status}): {str(error).rstrip('.')}"
    else:
        remark = f"Keystone does not answer: {error}"
    sentence = f"{remark}. Nothing was changed."
    return Refused(event=event, sentence=sentence, remark=remark, status=status)


def _side_effects(before: SigninVerdict, after: SigninVerdict) -> str:
    """Return what Keystone has changed besides: the evidence that it overwrote."""
    parts = []
    was, became = before.account, after.account
    if was.failed_auth_count and not became.failed_auth_count:
        cleared = f"{counted(was.failed_auth_count, 'failure')} cleared with it"
        parts.append(f"{cleared}, the account was locked" if before.locked else cleared)
    if was.last_active_at != became.last_active_at:
        day = times.day(was.last_active_at) if was.last_active_at else "not recorded"
        parts.append(f"the last activity was {day} until then")
    if bool(was.enabled) != bool(became.enabled):
        parts.append(f"enabled was {'true' if was.enabled else 'false'} until then")
    return "; ".join(parts)
