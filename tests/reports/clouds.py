"""Made-up clouds, each with the verdicts that an assessor would give."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

from pciops.accounts.models import MachineRecord
from pciops.accounts.policy.compliance import SUGGESTED_REGEX
from pciops.actions.models import Exemption
from pciops.audit import chain, services
from pciops.audit.models import Event
from pciops.events.models import OutOfBandChange
from pciops.keystone import options
from pciops.keystone.models import User
from pciops.reports.archive import store
from tests.audit.helpers import forge, open_event
from tests.factories import (
    NOW,
    PasswordRow,
    grant,
    make_credential,
    make_federated_user,
    make_initiator,
    make_ldap_user,
    make_project,
    make_user,
)
from tests.reports.samples import store_sample
from tests.reports.weekly import IN_WEEK

DAY: Final = timedelta(days=1)
TOTP: Final = {options.MFA_RULES: [["password", "totp"]]}
CONF: Final = "[auth]\nmethods = password,token,totp,application_credential\n"
POLICY: Final = {
    "lockout_failure_attempts": "6",
    "lockout_duration": "1800",
    "disable_user_account_days_inactive": "90",
    "password_expires_days": "90",
    "unique_last_password_count": "5",
    "password_regex": SUGGESTED_REGEX,
    "change_password_upon_first_use": "true",
}
NE, EX = "No exception found", "Exception"
PT, NT = "Partly tested", "Not tested"


def person(name: str = "eve", *, age: int = 30, life: int | None = 90, **facts: Any) -> User:
    """Create a person who signed in today, with a password of this age and life in days."""
    created_at = NOW - age * DAY
    expires_at = None if life is None else created_at + life * DAY
    facts.setdefault("last_active_at", NOW.date())
    password = PasswordRow(created_at=created_at, expires_at=expires_at)
    return make_user(name, passwords=[password], **facts)


def recorded_as(user: User, *, is_machine: bool) -> User:
    """Record the account as a machine, or as a person."""
    MachineRecord.objects.create(user_id=user.id, is_machine=is_machine)
    return user


def machine(name: str, *, by_hand: bool | None = None) -> User:
    """Create an account with a password of 2,000 days that does not expire."""
    user = person(name, age=2000, life=None)
    return user if by_hand is None else recorded_as(user, is_machine=by_hand)


def exempt_machine() -> None:
    """Create a machine that is exempt from expiry, as the register has it."""
    user = person("svc-y", age=2000, options={options.IGNORE_PASSWORD_EXPIRY: True})
    recorded(user, options.IGNORE_PASSWORD_EXPIRY)


def recorded(user: User, option: str) -> None:
    """Record an exemption in the register, with owner and end."""
    Exemption.objects.create(
        user_id=user.id,
        option=options.EXEMPTIONS[option],
        owner="compute",
        reason="approved",
        starts_on=NOW.date(),
        ends_on=date(2027, 1, 1),
        recorded_by="olga",
        event_id="e",
    )


def exempt(option: str, *, record: bool = True, name: str = "eve", **facts: Any) -> User:
    more = facts.pop("options", {})
    user = person(name, options={option: True, **more}, **facts)
    if record:
        recorded(user, option)
    return user


def service(name: str = "nova", **facts: Any) -> User:
    user = person(name, **facts)
    grant(user, "service", on=make_project("service"))
    return user


def unused(days: int = 100, **facts: Any) -> User:
    return person(last_active_at=NOW.date() - days * DAY, **facts)


def unlocked(identity: str) -> None:
    event = open_event(identity=identity, now=IN_WEEK)
    services.settle(event, Event.Outcome.SUCCESS)


def unlocked_elsewhere() -> None:
    OutOfBandChange.objects.create(
        dedup_key=uuid.uuid4(),
        kind=OutOfBandChange.Kind.UNLOCK,
        user_id="a",
        name="ann",
        before="a",
        after="b",
        checked_at=IN_WEEK,
        found_at=IN_WEEK,
    )


def signed_off(*, as_management: bool) -> None:
    stored = store_sample("2026-W45")
    initiator = make_initiator("hanna")
    store.sign_off(
        stored, initiator=initiator, remark="", now=NOW - DAY, as_management=as_management
    )


def forged() -> None:
    forge("UPDATE audit_event SET remark = 'forged'")
    chain.run_check(NOW)


def administrator(name: str = "root", **facts: Any) -> User:
    user = person(name, **facts)
    grant(user)
    return user


def administrator_of_ldap() -> None:
    grant(make_ldap_user("lena"))


def service_administrator() -> None:
    grant(service())


def old_service() -> None:
    user = exempt(options.IGNORE_PASSWORD_EXPIRY, age=2000, life=None)
    grant(user, "service", on=make_project("service"))


def false_bill_of_health() -> None:
    """The cloud of which a report said that all requirements were met."""
    for number in range(50):
        make_ldap_user(f"ldap{number}")
    exempt(options.IGNORE_PASSWORD_EXPIRY, age=1500)
    exempt(options.IGNORE_PASSWORD_EXPIRY, name="nova-old", age=2000)
    grant(User.objects.get(local_user__name="nova-old"), "service", on=make_project("service"))
    administrator(options={options.MFA_RULES: [["password", "application_credential"]]})
    signed_off(as_management=False)


def nothing() -> None:
    """Leave the good cloud as it is."""


# In a good cloud, with local accounts only.
GOOD: Final = {
    "7.2.2": NT,
    "7.2.5": NT,
    "8.2.4": NT,
    "8.2.6": NE,
    "8.3.4": NE,
    "8.3.5": PT,
    "8.3.6": NE,
    "8.3.7": NE,
    "8.3.9": NE,
    "8.4.1": NE,
    "8.4.2": PT,
    "8.6.1": NT,
    "8.6.3": NT,
    "8.2.2": NT,
    "10.2.2": PT,
    "10.3.2": PT,
    "10.3.4": PT,
    "10.7.2": PT,
    "7.2.4": NT,
}
ELSEWHERE: Final = dict.fromkeys(("8.2.6", "8.3.4", "8.3.6", "8.3.7", "8.3.9"), PT)
NO_MFA_RULE: Final = CONF.replace("totp,", "")
MIXED: Final = "[security_compliance]\nlockout_duration = 60\n"

# What is different from the good cloud: the accounts, the policy, and the verdicts.
CLOUDS: Final[dict[str, tuple[Callable[[], object], dict[str, str], dict[str, str]]]] = {
    "a good cloud": (nothing, {}, {}),
    # 8.2.6
    "50 LDAP accounts": (lambda: [make_ldap_user(f"l{n}") for n in range(50)], {}, ELSEWHERE),
    "a federated account": (lambda: make_federated_user("fay"), {}, ELSEWHERE),
    "unused, and Keystone refuses it": (unused, {}, {}),
    "unused, rule off": (
        unused,
        {"disable_user_account_days_inactive": "off"},
        {"8.2.6": EX},
    ),
    "all used, rule off": (nothing, {"disable_user_account_days_inactive": "off"}, {}),
    "unused, rule of 180 days": (
        unused,
        {"disable_user_account_days_inactive": "180"},
        {"8.2.6": EX},
    ),
    "unused, and almost refused by a rule of 180 days": (
        lambda: unused(175),
        {"disable_user_account_days_inactive": "180"},
        {"8.2.6": EX},
    ),
    "unused for 89 days, rule off": (
        lambda: unused(89),
        {"disable_user_account_days_inactive": "off"},
        {},
    ),
    "unused, exempt and recorded": (
        lambda: exempt(options.IGNORE_USER_INACTIVITY, last_active_at=NOW.date() - 100 * DAY),
        {},
        {"8.2.6": EX},
    ),
    "used, exempt from inactivity and recorded": (
        lambda: exempt(options.IGNORE_USER_INACTIVITY),
        {},
        {},
    ),
    "unused and disabled, rule off": (
        lambda: unused(enabled=False),
        {"disable_user_account_days_inactive": "off"},
        {},
    ),
    # 8.3.4
    "50 attempts": (nothing, {"lockout_failure_attempts": "50"}, {"8.3.4": EX}),
    "a lock of 60 seconds": (nothing, {"lockout_duration": "60"}, {"8.3.4": EX}),
    "10 attempts, until unlocked": (
        nothing,
        {"lockout_failure_attempts": "10", "lockout_duration": "off"},
        {},
    ),
    "exempt from lockout, recorded": (
        lambda: exempt(options.IGNORE_LOCKOUT),
        {},
        {"8.3.4": EX},
    ),
    "exempt from lockout, not recorded": (
        lambda: exempt(options.IGNORE_LOCKOUT, record=False),
        {},
        {"8.3.4": EX, "8.2.2": EX},
    ),
    "exempt from lockout and disabled": (
        lambda: exempt(options.IGNORE_LOCKOUT, enabled=False),
        {},
        {},
    ),
    "unlocked on the command line": (lambda: unlocked("host"), {}, {"8.3.4": EX}),
    "unlocked without a check": (lambda: unlocked(""), {}, {"8.3.4": EX}),
    "unlocked after a call": (lambda: unlocked("callback"), {}, {}),
    "unlocked outside pciops": (unlocked_elsewhere, {}, {"8.3.4": EX}),
    # 8.3.5, 8.3.6, 8.3.7
    "first passwords stay": (nothing, {"change_password_upon_first_use": "off"}, {"8.3.5": EX}),
    "a person may keep the first password": (
        lambda: exempt(options.IGNORE_CHANGE_PASSWORD),
        {},
        {"8.3.5": EX},
    ),
    "passwords of 7 characters": (nothing, {"password_regex": r"^.{7,}$"}, {"8.3.6": EX}),
    "the last 3 passwords": (nothing, {"unique_last_password_count": "3"}, {"8.3.7": EX}),
    # 8.3.9
    "a person exempt from expiry, recorded": (
        lambda: exempt(options.IGNORE_PASSWORD_EXPIRY, age=1500),
        {},
        {"8.3.9": EX, "8.3.5": EX},
    ),
    "the same with a second factor": (
        lambda: exempt(options.IGNORE_PASSWORD_EXPIRY, age=1500, options=TOTP),
        {},
        {"8.3.5": EX},
    ),
    "a password without expiry": (lambda: person(life=None), {}, {"8.3.9": EX}),
    "without expiry, with a second factor": (lambda: person(life=None, options=TOTP), {}, {}),
    "without expiry, disabled": (lambda: person(life=None, enabled=False), {}, {}),
    "a password from a rule of 365 days": (lambda: person(life=365), {}, {"8.3.9": EX}),
    "rule off, a person with one factor": (
        lambda: person(life=None),
        {"password_expires_days": "off"},
        {"8.3.9": EX},
    ),
    "rule off, a password that still expires": (
        person,
        {"password_expires_days": "off"},
        {"8.3.9": PT},
    ),
    "a service account, 2,000 days, recorded": (
        old_service,
        {},
        {},
    ),
    "a recorded machine, 2,000 days": (lambda: machine("cron", by_hand=True), {}, {}),
    "recorded as a person, 2,000 days": (
        lambda: machine("svc-x", by_hand=False),
        {},
        {"8.3.9": EX},
    ),
    "a machine by its name, 2,000 days": (lambda: machine("svc-x"), {}, {}),
    "a program without an email, 2,000 days": (
        lambda: make_credential(machine("cron")),
        {},
        {},
    ),
    "a machine, exempt and recorded": (exempt_machine, {}, {}),
    # 8.4
    "an administrator with a program and no email": (
        lambda: make_credential(administrator()),
        {},
        {"8.4.1": EX},
    ),
    "an administrator that is recorded as a machine": (
        lambda: recorded_as(administrator(), is_machine=True),
        {},
        {},
    ),
    "an administrator with one factor": (administrator, {}, {"8.4.1": EX}),
    "an administrator with a second factor": (lambda: administrator(options=TOTP), {}, {}),
    "an administrator with two secrets of one type": (
        lambda: administrator(
            options={options.MFA_RULES: [["password", "application_credential"]]}
        ),
        {},
        {"8.4.1": EX},
    ),
    "a disabled administrator": (lambda: administrator(enabled=False), {}, {}),
    "an administrator that is a service": (service_administrator, {}, {}),
    "an administrator of LDAP": (administrator_of_ldap, {}, {**ELSEWHERE, "8.4.1": PT}),
    # 7.2.4, 10.3
    "signed off by the help desk": (lambda: signed_off(as_management=False), {}, {}),
    "signed off by management": (lambda: signed_off(as_management=True), {}, {"7.2.4": PT}),
    "a forged audit log": (forged, {}, {"10.3.2": EX, "10.3.4": EX}),
    # All at once
    "the false clean bill of health": (
        false_bill_of_health,
        {},
        {**ELSEWHERE, "8.3.5": EX, "8.3.9": EX, "8.4.1": EX},
    ),
}
