"""What a person is told of what would stop: the answer in a sentence, and what to know with it."""

from __future__ import annotations

from datetime import timedelta

from pciops.accounts.policy.whatif import AHEAD, Number, WhatIf
from pciops.accounts.privileged import Kind
from pciops.lib import times
from pciops.lib.numbers import grouped

DAYS = AHEAD.days
_ONE = {Kind.ADMINISTRATOR: "an administrator", Kind.SERVICE: "a service account"}


def answer(found: WhatIf) -> str:
    """The sentence before all others."""
    if not found.changes:
        return "These are the values of today: nothing would change."
    if not found.today.accounts:
        return "No account would stop today."
    return f"Today {_stop(found.today)}."


def outlook(found: WhatIf) -> str:
    """What follows it: the next days, which are an upper bound."""
    if not found.changes:
        return ""
    if not found.ahead.accounts:
        return f"Within {DAYS} days none would either; wrong passwords cannot be foreseen."
    if found.ahead == found.today:
        return f"Within {DAYS} days no other would; wrong passwords cannot be foreseen."
    return (
        f"Within {DAYS} days, today included, {_stop(found.ahead)}. That is the most: whoever"
        " signs in before goes on."
    )


def _stop(number: Number) -> str:
    words = f"{grouped(number.accounts)} account{'' if number.accounts == 1 else 's'} would stop"
    if not number.kinds:
        return f"{words}, no administrator or service account among them"
    if number.accounts == 1:
        return f"{words}, {' and '.join(_ONE[kind] for kind in number.kinds)}"
    return f"{words}, among them {of_kinds(number)}"


def of_kinds(number: Number) -> str:
    """`2 administrators and 1 service account`; "" where there are none."""
    return " and ".join(
        f"{grouped(count)} {kind.label.lower()}{'' if count == 1 else 's'}"
        for kind, count in number.kinds.items()
    )


def caveats(found: WhatIf) -> list[str]:
    """What the numbers do not say, of the rules that would change."""
    changes = found.changes
    words = []
    if "disable_user_account_days_inactive" in changes:
        words += _inactivity(found)
    if "lockout_failure_attempts" in changes or "lockout_duration" in changes:
        words += _lockout(found)
    words += _passwords(found)
    if changes:
        words.append(
            "LDAP and federated users are not counted: none of these rules reaches them. Accounts"
            " that are exempt by a user option go on."
        )
    return words


def _inactivity(found: WhatIf) -> list[str]:
    if found.proposed.disable_user_account_days_inactive is None:
        return ["Without the rule, accounts that are inactive now get in again."]
    words = [
        "Whoever is over the limit stops as soon as Keystone has the option, application"
        " credentials included, and each has to be enabled again by an administrator.",
        "Keystone notes a day of activity at each sign-in with a password, whether the rule is on"
        " or off, and at no other: a service that works with application credentials alone looks"
        " unused.",
    ]
    if found.never_active:
        one = found.never_active == 1
        words.append(
            f"{grouped(found.never_active)} of these accounts never signed in:"
            f" {'it is' if one else 'they are'} judged by the day of creation."
        )
    return words


def _lockout(found: WhatIf) -> list[str]:
    if found.proposed.lockout_failure_attempts is None:
        return ["Without the rule nobody is locked, and nothing stops the guessing of passwords."]
    words = [
        "Keystone counts failures whether the rule is on or off, and they never age out: an account"
        " that is not locked today may be one wrong password from it.",
        "A lock stops passwords only: tokens and application credentials that exist keep working.",
    ]
    if found.proposed.lockout is None:
        words.append(
            "Without lockout_duration a lock holds until somebody unlocks the account, however"
            " long ago the failures were."
        )
    return words


def _passwords(found: WhatIf) -> list[str]:
    """Nobody stops by a change here; that it does less than one thinks is what has to be said."""
    if "password_expires_days" not in found.changes:
        return []
    seen, days = found.passwords, found.proposed.password_expires_days
    kept = (
        f"{grouped(seen.keep_expiry)} password{_s(seen.keep_expiry)} in use"
        f" keep{'s' if seen.keep_expiry == 1 else ''} the expiry of before"
    )
    if days is None:
        return [f"password_expires_days lifts no expiry when it is unset: {kept}."]
    words = [
        "password_expires_days stops nobody today: Keystone sets the expiry together with a"
        f" password, and changes it for none that is there. {kept},"
        f" {grouped(seen.never_expire)} never expire{'s' if seen.never_expire == 1 else ''}."
    ]
    if seen.too_old:
        words.append(
            f"{grouped(seen.too_old)} password{_s(seen.too_old)} in use"
            f" {'is' if seen.too_old == 1 else 'are'} older than"
            f" {times.span(timedelta(days=days))}: against PCI DSS 8.3.9, until changed."
        )
    if seen.new_expire_on is not None:
        words.append(
            f"A password that is set today would expire on {times.day(seen.new_expire_on)}."
        )
    return words


def _s(number: int) -> str:
    return "" if number == 1 else "s"
