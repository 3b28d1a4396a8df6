"""The effects of a proposed policy in sentences: the answer, and its caveats."""

from __future__ import annotations

from datetime import timedelta

from pciops.accounts.activity import RECENT
from pciops.accounts.policy.whatif import AHEAD, AffectedCount, WhatIf
from pciops.accounts.privileged import AccountKind
from pciops.lib import times
from pciops.lib.numbers import counted, grouped

DAYS = AHEAD.days
_ONE = {AccountKind.ADMINISTRATOR: "an administrator", AccountKind.SERVICE: "a service account"}


def answer(whatif: WhatIf) -> str:
    """Return the first sentence: the accounts that would stop today."""
    if not whatif.changes:
        return "These are the current values: nothing would change."
    if not whatif.today.accounts:
        return "No account would stop today."
    return f"Today {_stop(whatif.today)}."


def outlook(whatif: WhatIf) -> str:
    """Return the second sentence: the most that would stop in the next days."""
    if not whatif.changes:
        return ""
    if not whatif.ahead.accounts:
        return (
            f"No account would stop within {DAYS} days either. Wrong passwords can't be predicted."
        )
    if whatif.ahead == whatif.today:
        return (
            f"No other account would stop within {DAYS} days. Wrong passwords can't be predicted."
        )
    return (
        f"Within {DAYS} days, including today, at most {_stop(whatif.ahead)}. Accounts that sign "
        "in before then keep working."
    )


def _stop(number: AffectedCount) -> str:
    text = f"{counted(number.accounts, 'account')} would stop"
    if not number.kinds:
        return f"{text}, none of them an administrator or service account"
    if number.accounts == 1:
        return f"{text}, {' and '.join(_ONE[kind] for kind in number.kinds)}"
    return f"{text}, including {kinds_text(number)}"


def kinds_text(number: AffectedCount) -> str:
    """Return `2 administrators and 1 service account`; "" if there are none."""
    return " and ".join(counted(count, kind.label.lower()) for kind, count in number.kinds.items())


def caveats(whatif: WhatIf) -> list[str]:
    """Return the limits of the numbers, for each rule that would change."""
    changes = whatif.changes
    sentences = []
    if "disable_user_account_days_inactive" in changes:
        sentences += _inactivity(whatif)
    if "lockout_failure_attempts" in changes or "lockout_duration" in changes:
        sentences += _lockout(whatif)
    sentences += _passwords(whatif)
    if changes:
        sentences.append(
            "LDAP and federated users count for inactivity; lockout and expiry don't apply to "
            "them. Accounts that a user option exempts are not affected."
        )
    return sentences


def _inactivity(whatif: WhatIf) -> list[str]:
    if whatif.proposed.disable_user_account_days_inactive is None:
        return ["Without the rule, accounts that are inactive now can sign in again."]
    sentences = [
        "Accounts over the limit stop as soon as Keystone has the option, including their "
        "application credentials. An administrator must enable each one again.",
        "Keystone records activity only at sign-ins with a password or by single sign-on. A "
        "service that uses only application credentials looks unused.",
    ]
    if whatif.never_active:
        sentences.append(
            f"For {grouped(whatif.never_active)} of these accounts no sign-in is recorded: "
            f"{'it is' if whatif.never_active == 1 else 'they are'} judged by the creation date."
        )
        if _may_not_record(whatif):
            sentences.append(
                "They may still be in use. Keystone before 2023.1 records sign-ins only while "
                "disable_user_account_days_inactive is set, and no account here has a recorded "
                f"sign-in in the last {RECENT.days} days. Set a number of days that no account "
                "reaches, wait, and preview the change again."
            )
    activity = whatif.activity
    if activity.reset_on is not None:
        sentences.append(
            f"{counted(activity.reset, 'account')} were last active on the same day, "
            f"{times.day(activity.reset_on)}. keystone-manage reset_last_active sets one day for "
            "all accounts without a recorded sign-in, so that day may not be a sign-in."
        )
    return sentences


def _may_not_record(whatif: WhatIf) -> bool:
    """Return whether Keystone seems to record no sign-ins, because the rule is off."""
    off = whatif.current.disable_user_account_days_inactive is None
    return off and not whatif.activity.recent


def _lockout(whatif: WhatIf) -> list[str]:
    if whatif.proposed.lockout_failure_attempts is None:
        return ["Without the rule, Keystone locks no account, and nothing stops password guessing."]
    sentences = [
        "Keystone counts failed attempts even when the rule is off, and they never expire. An "
        "account that is not locked today may be one wrong password away from it.",
        "A lock stops only passwords. Existing tokens and application credentials keep working "
        "until the account is disabled or inactive.",
    ]
    if whatif.proposed.lockout is None:
        sentences.append(
            "Without lockout_duration, a lock lasts until an operator unlocks the account, "
            "however old the failed attempts are."
        )
    return sentences


def _passwords(whatif: WhatIf) -> list[str]:
    """Explain that a change of the expiry stops no account, and what it does instead."""
    if "password_expires_days" not in whatif.changes:
        return []
    passwords, days = whatif.passwords, whatif.proposed.password_expires_days
    kept = counted(
        passwords.keep_expiry,
        "password in use keeps its expiry",
        "passwords in use keep their expiry",
    )
    if days is None:
        return [f"Unsetting password_expires_days does not remove an expiry: {kept}."]
    sentences = [
        "Changing password_expires_days blocks no account today. Keystone sets the expiry with "
        f"each new password and does not change existing ones. {kept}, "
        f"{counted(passwords.never_expire, 'never expires', 'never expire')}."
    ]
    if passwords.too_old:
        older = counted(passwords.too_old, "password in use is", "passwords in use are")
        sentences.append(
            f"{older} older than {times.span(timedelta(days=days))}. That is an exception to PCI "
            "DSS 8.3.9 until the password is changed."
        )
    if passwords.new_expire_on is not None:
        sentences.append(
            f"A password set today would expire on {times.day(passwords.new_expire_on)}."
        )
    return sentences
