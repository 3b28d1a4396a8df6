"""What the acts have in common that are one PATCH of Keystone's API, with the operator's token.

What Keystone does besides is `User.enabled` in keystone.identity.backends.sql_model: whenever an
account is changed that is enabled afterwards, its failures are cleared, and where the inactivity
rule is on its last activity is set to today. One that inactivity stopped is written as disabled,
unless `"enabled": true` is sent with the change.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import Any

from pciops.accounts import selectors
from pciops.accounts.states import DISABLED, INACTIVE, LOCKED
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions.act import Act, ActFailedError, ActRequest, ConflictError, Ending, failed
from pciops.audit import services
from pciops.audit.models import Event
from pciops.keystone import client, options
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import times

LOOKS = 5  # at the database, until it shows what Keystone says it has done


class Patch(Act):
    """An act that Keystone's API does, if its policy lets the operator's token do it."""

    @abstractmethod
    def changes(self, verdict: SigninVerdict, order: ActRequest) -> dict[str, Any]:
        """What is sent."""

    @abstractmethod
    def done(self, verdict: SigninVerdict, option: str) -> bool:
        """Whether the account, as the database shows it, is as it shall be."""

    def why_unfit(self, verdict: SigninVerdict) -> str:
        if not verdict.account.covered:
            return "It is an LDAP or federated user: Keystone does not keep it in its own tables."
        if not verdict.account.readable:
            return "Keystone cannot read the user's row, and fails at every change of it."
        return self.unfit

    def seen(self, verdict: SigninVerdict) -> str:
        return standing(verdict)

    def carry_out(self, event: Event, verdict: SigninVerdict, order: ActRequest) -> str | None:
        try:
            before = _look(event, order)
        except KeystoneDatabaseDownError as error:
            sentence = f"Keystone's database does not answer: {error}. Nothing was changed."
            raise failed(event, Event.Outcome.FAILURE, sentence) from error
        if before is None or not self.as_seen(before, order):
            return None
        try:
            client.update_user(order.token_id, event.target_id, self.changes(before, order))
        except client.LostError as error:
            return self._lost(event, before, order, str(error))
        except client.KeystoneError as error:
            raise _refused(event, error) from error
        return self._confirmed(event, before, order)

    def conflict(self, event: Event, order: ActRequest) -> ConflictError:
        try:
            now_is = _look(event, order)
        except KeystoneDatabaseDownError as error:
            services.settle(event, Event.Outcome.FAILURE, str(error))
            raise
        fits = now_is is not None and self.fits(now_is)
        if now_is is None:
            sentence = "The account was deleted in Keystone."
        elif fits and (not order.option or order.option in self.options(now_is)):
            sentence = (
                "The account has changed after you opened the form. Nothing was changed: look at "
                f"it and decide again. {now_is.sentence}"
            )
        else:
            sentence = f"{self.why_unfit(now_is)} Nothing was changed."
        services.settle(event, Event.Outcome.FAILURE, sentence)
        return ConflictError(sentence, event, now_is.account if now_is else None, fits=fits)

    def ending(self, event: Event, verdict: SigninVerdict) -> Ending:
        if self.seen(verdict) == event.precondition:  # first: it may have been so before
            return Event.Outcome.FAILURE, "not carried out, the account is unchanged"
        if self.done(verdict, event.resource.partition(" ")[0]):
            return Event.Outcome.SUCCESS, "Keystone's database shows that it was done"
        return Event.Outcome.UNKNOWN, "the account has changed otherwise since"

    def _confirmed(self, event: Event, before: SigninVerdict, order: ActRequest) -> str:
        """Look whether the database shows what Keystone says it has done."""
        try:
            for _ in range(LOOKS):
                after = _look(event, order)
                if after is not None and self.done(after, order.option):
                    return _besides(before, after)
                time.sleep(0.1)
        except KeystoneDatabaseDownError as error:
            return f"Keystone says so; its database could not be asked: {error}"
        raise failed(
            event,
            Event.Outcome.UNKNOWN,
            "Keystone says that it did it, but its database does not show it. Look at the account "
            "again, and whether pciops reads the database that Keystone writes.",
            remark="Keystone answered 200, and its database does not show it",
        )

    def _lost(self, event: Event, before: SigninVerdict, order: ActRequest, reason: str) -> str:
        """What the database shows where Keystone did not say it."""
        try:
            after = _look(event, order)
        except KeystoneDatabaseDownError:
            after = None
        if after is not None and self.done(after, order.option):
            lost = f"Keystone's answer was lost ({reason}); its database shows that it was done"
            return ". ".join(part for part in (lost, _besides(before, after)) if part)
        raise failed(
            event,
            Event.Outcome.UNKNOWN,
            f"Keystone did not say whether it did it: {reason}. Its database does not show it "
            "yet; look at the account again.",
            remark=reason,
        )


def _refused(event: Event, error: client.KeystoneError) -> ActFailedError:
    """Settle what Keystone certainly did not do; what to tell the operator, for a `raise`."""
    status = 503
    if isinstance(error, client.RefusedError):
        status, said = 401, "Keystone no longer accepts your token"
    elif isinstance(error, client.RejectedError):
        status = 403 if error.status == 403 else 502
        said = f"Keystone refused (HTTP {error.status}): {str(error).rstrip('.')}"
    else:
        said = f"Keystone does not answer: {error}"
    sentence = f"{said}. Nothing was changed."
    return failed(event, Event.Outcome.FAILURE, sentence, remark=said, status=status)


def _look(event: Event, order: ActRequest) -> SigninVerdict | None:
    """The account as it is at this moment."""
    account = selectors.get(event.target_id, scope=None)
    return judge(account, order.policy, order.now) if account else None


def _besides(before: SigninVerdict, after: SigninVerdict) -> str:
    """What Keystone did besides, as the database shows it: the evidence that it overwrote."""
    parts = []
    was, became = before.account, after.account
    if was.failed_auth_count and not became.failed_auth_count:
        number = was.failed_auth_count
        words = f"{number} failure{'' if number == 1 else 's'} cleared with it"
        parts.append(f"{words}, the account was locked" if before.locked else words)
    if was.last_active_at != became.last_active_at:
        day = times.day(was.last_active_at) if was.last_active_at else "not recorded"
        parts.append(f"the last activity was {day} until then")
    if bool(was.enabled) != bool(became.enabled):
        parts.append(f"enabled was {'true' if was.enabled else 'false'} until then")
    return "; ".join(parts)


def standing(verdict: SigninVerdict) -> str:
    """What decides on the side effects of a PATCH, in at most 64 characters."""
    account, states = verdict.account, verdict.states
    facts = {
        "enabled": DISABLED not in states,
        "inactive": INACTIVE in states,
        "locked": LOCKED in states,
    }
    exempt = [option for option in options.EXEMPTIONS if account.exempt_from(option)]
    words = [f"{name}={value:d}" for name, value in facts.items()]
    return " ".join([*words, f"options={'+'.join(exempt)}"])


def can_be_patched(verdict: SigninVerdict) -> bool:
    """Whether Keystone keeps the account in its own tables, and can read it."""
    return verdict.account.covered and verdict.account.readable


def silent_effects(verdict: SigninVerdict) -> list[str]:
    """What Keystone does besides to an account that is enabled after the change."""
    account, effects = verdict.account, []
    rule = verdict.policy.disable_user_account_days_inactive
    if rule is not None and account.last_active_at != verdict.now.date():
        day = times.day(account.active_on) if account.active_on else "not recorded"
        effects.append(
            f"Keystone sets the last activity to today; so far it is {day}. That is no sign-in: as "
            "evidence for PCI DSS 8.2.6 the date in Keystone is false from then on. The trail "
            "keeps the old one."
        )
    if verdict.locked:
        effects.append(
            f"Keystone unlocks the account with it, silently: {_failures(verdict)} cleared."
        )
    elif account.failed_auth_count:
        effects.append(f"Keystone clears {_failures(verdict)} with it.")
    return effects


def _failures(verdict: SigninVerdict) -> str:
    number = verdict.account.failed_auth_count
    return f"{number} failure{'' if number == 1 else 's'}"
