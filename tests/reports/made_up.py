"""A made-up report that one could believe, of any size, with names that are not harmless."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pciops.lib.evidence import Bars, Cell, Column, Gap, Statement, Verdict
from pciops.lib.times import iso
from pciops.reports.value import SHOWN, Figure, Header, Report, Section, Table

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
DAY = timedelta(days=1)
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "</table><b>&amp;&lt;",
    "\u202egnp.exe",
    "bell\x07 nul\x00 tab\t line\nnext",
    "דוד המלך",
    "محمد",
    "山田太郎",
    "😀 mallory",
    "@SUM(1+1)",
    "e\u0301 combined",
    "x" * 255,
    "",
)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A report with all rows of its tables."""

    report: Report
    lists: dict[str, list[tuple[Cell, ...]]]

    def rows(self, key: str) -> Iterator[tuple[Cell, ...]]:
        return iter(self.lists[key])


def table(
    key: str, title: str, columns: Iterable[Column], rows: list[tuple[Cell, ...]], **more: Any
) -> Table:
    """A table of these rows, as the builder makes it."""
    text = "".join(json.dumps(row) + "\n" for row in rows)
    facts = {"empty": "There is none.", "identity": ("user_id",), **more}
    return Table(
        key=key,
        title=title,
        columns=tuple(columns),
        count=len(rows),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        shown=tuple(rows[:SHOWN]),
        **facts,
    )


def figure(key: str, label: str, number: int | None, change: int | None = 0, **more: Any) -> Figure:
    facts = {"words": "", "finding": False, "main": False, **more}
    return Figure(key=key, label=label, number=number, change=change, **facts)


def section(key: str, requirement: str, old: str, title: str, demand: str, **more: Any) -> Section:
    facts = {"statements": (), "figures": (), "bars": (), "tables": (), **more}
    return Section(key=key, requirement=requirement, old=old, title=title, demand=demand, **facts)


def header(**more: Any) -> Header:
    facts: dict[str, Any] = {
        "cloud": "north.example",
        "domain_id": "",
        "domain_name": "",
        "week": "2026-W47",
        "revision": 1,
        "begins": MONDAY,
        "ends": MONDAY + 7 * DAY,
        "zone": "UTC",
        "generated_at": MONDAY + 7 * DAY + timedelta(hours=6, seconds=12),
        "version": "0.1.0",
        "previous_week": "2026-W46",
        "previous_hash": hashlib.sha256(b"before").hexdigest(),
        **more,
    }
    return Header(**facts)


# --- A believable one ---------------------------------------------------------------------------
ACCOUNT = (
    Column(key="user_id", title="Id"),
    Column(key="user_name", title="Account"),
    Column(key="domain_name", title="Domain"),
)
INACTIVE = (
    *ACCOUNT,
    Column(key="kinds", title="Kind"),
    Column(key="last_active_at", title="Last sign-in", kind="day"),
    Column(key="inactive_on", title="Inactive since", kind="day"),
    Column(key="days", title="Days", kind="number"),
)
LOCKS = (
    *ACCOUNT,
    Column(key="locked_at", title="Locked at", kind="instant"),
    Column(key="failures", title="Failures", kind="number"),
    Column(key="source", title="Source"),
    Column(key="ended", title="Ended by"),
    Column(key="by", title="By whom"),
    Column(key="reason", title="Reason"),
    Column(key="identity", title="Identity check"),
    Column(key="minutes", title="Minutes to unlock", kind="number"),
)
POLICY = (
    Column(key="requirement", title="Requirement"),
    Column(key="option", title="Option"),
    Column(key="value", title="Value"),
    Column(key="before", title="A week before"),
    Column(key="passed", title="Meets it", kind="yes"),
    Column(key="remedy", title="What to set"),
)
POPULATION = (
    Column(key="domain_name", title="Domain"),
    Column(key="accounts", title="Accounts", kind="number"),
    Column(key="locked", title="Locked", kind="number"),
    Column(key="inactive", title="Inactive", kind="number"),
    Column(key="expired", title="Expired", kind="number"),
)
PASSWORDS = (
    *ACCOUNT,
    Column(key="state", title="State"),
    Column(key="password_created_at", title="Password set", kind="instant"),
    Column(key="password_expires_at", title="Expires", kind="instant"),
    Column(key="warned", title="Owner told", kind="yes"),
)
NAMES = ("ann", "bob.smith", "nova", "glance-backup", "carla@shops.example", "dieter.müller")
DOMAINS = ("Default", "payments", "shops", "research and development")


def believable(size: int = 40, seed: int = 1, **facts: Any) -> Kept:
    """A report such as a cloud of middling health has, with so many rows in its longest lists."""
    dice, lists = random.Random(seed), dict[str, list[tuple[Cell, ...]]]()

    def account(number: int) -> tuple[str, str, str]:
        hostile = number < len(HOSTILE)
        name = HOSTILE[number] if hostile else f"{dice.choice(NAMES)}{number}"
        return f"{dice.getrandbits(128):032x}", name, dice.choice(DOMAINS)

    def moment() -> datetime:
        return MONDAY + timedelta(seconds=dice.randrange(7 * 86400))

    def listed(
        key: str, title: str, columns: tuple[Column, ...], rows: list[tuple[Cell, ...]], **more: Any
    ) -> Table:
        lists[key] = rows
        return table(key, title, columns, rows, **more)

    inactive: list[tuple[Cell, ...]] = [
        (
            *account(number),
            dice.choice(("", "service", "administrator")),
            iso((MONDAY - (91 + number % 400) * DAY).date()) if number % 7 else None,
            iso((MONDAY - (1 + number % 400) * DAY).date()),
            91 + number % 400,
        )
        for number in range(size)
    ]
    locks: list[tuple[Cell, ...]] = [
        (
            *account(number),
            iso(moment()),
            dice.randint(3, 40),
            "10.8.0.5" if number % 3 else None,
            dice.choice(("itself", "an unlock", "a new password")),
            "hanna (Default)",
            f"INC-{4700 + number}: caller confirmed the last sign-in and the cost centre",
            "Called back on a number on file",
            dice.randint(2, 90) if number % 4 else None,
        )
        for number in range(min(size, 60))
    ]
    passwords: list[tuple[Cell, ...]] = [
        (*account(number), dice.choice(("expired", "expiring")), iso(moment()), iso(moment()), True)
        for number in range(size)
    ]
    sections = (
        section(
            "policy",
            "8.3.4",
            "8.1.6, 8.1.7",
            "Lockout",
            "After at most 10 failed tries an account is locked for at least 30 minutes, or until "
            "the identity of its owner is confirmed.",
            statements=(
                Statement(
                    words="The lock is too short: set lockout_duration to at least 1800 seconds.",
                    verdict=Verdict.FINDING,
                ),
                Statement(words="14 of 21 locks of the week ended by themselves."),
            ),
            figures=(
                figure("locks", "locks in this week", len(locks), 7, main=True),
                figure("unlocks", "unlocked by somebody", 14, -3),
                figure("unlock_minutes", "minutes to an unlock, in the middle", 18, 0),
            ),
            bars=(
                Bars(
                    key="locks_daily",
                    title="Locks and unlocks of each day",
                    groups=("Mon 16", "Tue 17", "Wed 18", "Thu 19", "Fri 20", "Sat 21", "Sun 22"),
                    series=(("locks", (3, 7, 2, 1, 6, 0, 2)), ("unlocks", (2, 6, 2, 0, 4, 0, 0))),
                ),
            ),
            tables=(
                listed(
                    "policy",
                    "Policy against PCI DSS",
                    POLICY,
                    [
                        ("8.3.4", "lockout_failure_attempts", "6", "6", True, ""),
                        (
                            "8.3.4",
                            "lockout_duration",
                            "900",
                            "1800",
                            False,
                            "lockout_duration = 1800",
                        ),
                    ],
                    identity=("option",),
                ),
                listed("locks", "Locks of the week", LOCKS, locks),
            ),
        ),
        section(
            "population",
            "",
            "",
            "Accounts by state and domain",
            "Every account of the cloud, so that nothing is left out.",
            statements=(
                Statement(
                    words="12,480 rows in Keystone's table user = 12,102 accounts reported + 378 "
                    "rows named as not covered."
                ),
            ),
            figures=(
                figure("accounts", "accounts", 12480, 31, main=True),
                figure("not_covered", "not covered: LDAP and federated", 378, None),
            ),
            tables=(
                listed(
                    "domains",
                    "Accounts by domain",
                    POPULATION,
                    [(name, 3120, 2, 54, 18) for name in DOMAINS],
                    identity=("domain_name",),
                ),
            ),
        ),
        section(
            "8.2.6",
            "8.2.6",
            "8.1.4",
            "Inactive accounts",
            "Accounts that nobody used for 90 days are removed or disabled.",
            statements=(
                Statement(
                    words="Keystone refuses an account after 90 days without a sign-in.",
                    verdict=Verdict.MET,
                ),
            ),
            figures=(
                figure("inactive", "inactive for over 90 days", size, 4, main=True, finding=True),
                figure("inactive_soon", "inactive within 7 days", 31, -2),
            ),
            tables=(
                listed("inactive", "Inactive accounts, over 90 days", INACTIVE, inactive),
                listed("inactive_soon", "Inactive within 7 days", INACTIVE, []),
            ),
        ),
        section(
            "8.3.9",
            "8.3.9",
            "8.2.4",
            "Password age",
            "Passwords that are the only factor are changed every 90 days.",
            statements=(
                Statement(
                    words="The schedule did not run on two days, so it is not known whether every "
                    "owner was told in time.",
                    verdict=Verdict.UNKNOWN,
                ),
            ),
            figures=(
                figure("expired", "passwords that have expired", 96, 11, main=True),
                figure("unseen", "failed notices", None, None, words="The mail log has a gap."),
            ),
            tables=(listed("passwords", "Passwords that expire", PASSWORDS, passwords),),
        ),
        section(
            "8.4",
            "8.4.1, 8.4.2",
            "8.3",
            "Administrators without a second factor",
            "Administrators sign in with more than one factor.",
            statements=(
                Statement(
                    words="Every administrator has a working second factor.", verdict=Verdict.MET
                ),
            ),
            figures=(figure("admins_without", "administrators without", 0, 0, main=True),),
        ),
    )
    gaps = (
        Gap(
            source="schedule",
            begins=MONDAY + 2 * DAY,
            ends=MONDAY + 4 * DAY,
            words="no worker took part, so no notices were planned.",
        ),
    )
    report = Report(header=header(**facts), sections=sections, gaps=gaps)
    return Kept(report=report, lists=lists)
