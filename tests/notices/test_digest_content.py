"""The content of digests, by tables of accounts, mails and jobs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pciops.accounts.account import Account
from pciops.accounts.machines import MachineReason
from pciops.accounts.privileged import AccountKind
from pciops.accounts.selectors import Domain
from pciops.notices.digest_content import (
    CLOUD,
    NAMED,
    Digest,
    DigestLine,
    DigestScope,
    DigestSection,
    DigestSources,
    FailedMails,
    JobTimes,
    build,
)
from tests.factories import NOW, POLICY, make_account

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SINCE = NOW - DAY
SHOPS = Domain(id="shops", name="Shops")
EXEMPT = {"1002": True}


def of_cloud(**sources: Any) -> Digest:
    scopes = [DigestScope(domain=None, since=SINCE)]
    return build(DigestSources(**sources), scopes, policy=POLICY, now=NOW)[CLOUD]


def locked(minutes: int = 5, **facts: Any) -> Account:
    at = NOW - timedelta(minutes=minutes)
    return make_account(**{"failed_auth_count": 3, "failed_auth_at": at, **facts})


def has(section: DigestSection, terms: tuple[str, ...] | None) -> bool:
    """Return whether the section has one line with all terms; None: no line."""
    if terms is None:
        return not section.lines
    [line] = section.lines
    return all(term in line.words for term in terms)


# --- Locks ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("account", "terms"),
    [
        (locked(), ("at 22 Nov 2026, 13:57:11 UTC", "3 failed sign-ins", "14:27:11 UTC")),
        (locked(40), ("at 22 Nov 2026, 13:22:11 UTC", "ended by itself", "13:52:11 UTC")),
        (locked(24 * 60), None),
        (locked(failed_auth_count=2), None),
        (locked(options=EXEMPT), None),
        (locked(failed_auth_at=None), None),
    ],
    ids=["locked", "lapsed", "before the last digest", "near", "exempt", "without a time"],
)
def test_a_lock_is_reported_once_with_its_end(
    account: Account, terms: tuple[str, ...] | None
) -> None:
    assert has(of_cloud(locked=[account]).locks, terms)


def test_privileged_accounts_come_first_then_the_newest_locks() -> None:
    accounts = [
        locked(9, id="1", name="old"),
        locked(1, id="2", name="new"),
        locked(10, id="3", name="root", kinds=(AccountKind.ADMINISTRATOR, AccountKind.SERVICE)),
    ]
    found = of_cloud(locked=accounts).locks

    assert [line.name for line in found.lines] == ["“root”", "“new”", "“old”"]
    assert found.lines[0].kinds == "administrator, service account"
    assert (found.total, found.of_kind) == (3, 1)


def test_machines_and_people_are_counted_apart() -> None:
    accounts = [
        locked(1, id="1", name="ann"),
        locked(2, id="2", name="svc-x", machine=MachineReason.NAME),
        locked(3, id="3", name="nova", kinds=(AccountKind.SERVICE,), machine=MachineReason.ROLE),
    ]
    found = of_cloud(locked=accounts).locks

    assert (found.total, found.machines) == (3, 2)
    assert {line.name: line.kinds for line in found.lines} == {
        "“ann”": "",
        "“svc-x”": "machine",
        "“nova”": "service account",
    }


def test_twenty_accounts_are_named_and_the_others_counted() -> None:
    accounts = (locked(1 + n % 600, id=f"{n:05}", name=f"user{n}") for n in range(5000))
    found = of_cloud(locked=accounts).locks

    assert (found.total, len(found.lines), found.hidden) == (5000, NAMED, 5000 - NAMED)
    assert all("14:0" in line.words or "13:59" in line.words for line in found.lines)


# --- Attacks --------------------------------------------------------------------------------------
def test_an_exempt_account_under_attack_is_reported_with_its_count() -> None:
    account = locked(options=EXEMPT, failed_auth_count=1234)

    assert has(of_cloud(attacked=[account]).attacked, ("1,234 failed", "13:57:11 UTC"))


def test_the_worst_attack_comes_first() -> None:
    accounts = [
        locked(options=EXEMPT, failed_auth_count=count, id=str(count), name=f"x{count}")
        for count in (5, 500, 50)
    ]

    assert [line.name for line in of_cloud(attacked=accounts).attacked.lines] == [
        "“x500”",
        "“x50”",
        "“x5”",
    ]


def test_an_attack_that_has_ended_is_not_reported() -> None:
    assert of_cloud(attacked=[locked(25 * 60, options=EXEMPT)]).empty


# --- Accounts that stop ---------------------------------------------------------------------------
SOON = {"last_active_at": date(2026, 8, 29)}


@pytest.mark.parametrize(
    ("facts", "terms"),
    [
        ({"password_expires_at": NOW + 3 * DAY}, ("expires on 25 Nov 2026, 14:02:11", "in 3 days")),
        ({"password_expires_at": NOW - HOUR}, ("has expired at 22 Nov 2026, 13:02:11",)),
        ({"password_expires_at": NOW - 2 * DAY}, None),
        ({"password_expires_at": NOW + 30 * DAY}, None),
        ({"password_expires_at": NOW - HOUR, "password_expired_when_set": True}, None),
        ({"password_expires_at": NOW + DAY, "options": {"1001": True}}, None),
        ({"password_expires_at": NOW + DAY, "enabled": False}, None),
        (SOON, ("inactivity on 27 Nov 2026", "in 5 days", "29 Aug 2026")),
        ({"last_active_at": date(2026, 8, 24)}, ("inactivity since 22 Nov 2026", "24 Aug 2026")),
        ({"last_active_at": date(2026, 8, 20)}, None),
        ({**SOON, "options": {"1004": True}}, None),
        ({**SOON, "password_expires_at": NOW + 3 * DAY}, ("25 Nov 2026", "; ", "27 Nov 2026")),
    ],
    ids=[
        *("expires", "just expired", "expired long ago", "expires late", "first password"),
        *("exempt from expiry", "disabled", "inactive soon", "just inactive"),
        *("inactive long ago", "exempt from inactivity", "both"),
    ],
)
def test_a_privileged_account_that_stops_is_reported_with_its_day(
    facts: dict[str, Any], terms: tuple[str, ...] | None
) -> None:
    account = make_account(kinds=(AccountKind.SERVICE,), **{"last_active_at": NOW.date(), **facts})

    assert has(of_cloud(privileged=[account]).coming, terms)


def test_the_account_that_stops_first_comes_first() -> None:
    accounts = [
        make_account(id=name, name=name, password_expires_at=NOW + days * DAY)
        for name, days in (("late", 9), ("soon", 1), ("next", 5))
    ]

    assert [line.name for line in of_cloud(privileged=accounts).coming.lines] == [
        "“soon”",
        "“next”",
        "“late”",
    ]


# --- The timetable --------------------------------------------------------------------------------
def runs(
    *minutes_ago: int, begins: datetime | None = NOW - 2 * DAY, every: timedelta = 5 * MINUTE
) -> JobTimes:
    at = sorted(NOW - timedelta(minutes=ago) for ago in minutes_ago)
    return JobTimes(label="The census", every=every, at=at, begins=begins)


ALWAYS = range(0, 24 * 60, 5)


@pytest.mark.parametrize(
    ("job", "terms"),
    [
        (runs(*ALWAYS), None),
        (runs(*(ago for ago in ALWAYS if not 60 < ago < 85)), None),
        (
            runs(*(ago for ago in ALWAYS if not 60 < ago < 120)),
            ("The census", "22 Nov 2026, 12:02:11 UTC", "22 Nov 2026, 13:02:11 UTC", "(1 h)"),
        ),
        (
            runs(*(ago for ago in ALWAYS if not (60 < ago < 120 or 300 < ago < 700))),
            ("02:22:11 UTC", "09:02:11 UTC", "(6 h 40 min)", "1 more time"),
        ),
        (runs(*range(120, 24 * 60, 5)), ("12:02:11 UTC", "14:02:11 UTC", "(2 h)")),
        (runs(*range(0, 120, 5)), ("21 Nov 2026, 14:02:11 UTC", "12:07:11 UTC")),
        (runs(*range(0, 120, 5), begins=NOW - 2 * HOUR), None),
        (runs(begins=NOW - 20 * MINUTE), None),
        (runs(begins=NOW - 2 * HOUR), ("12:02:11 UTC", "14:02:11 UTC", "(2 h)")),
        (runs(begins=None), ("has not run at all",)),
        (runs(0, 60, 120, begins=NOW - 3 * HOUR, every=HOUR), None),
    ],
    ids=[
        *("always", "a few missed", "a gap", "two gaps", "stopped", "begins late"),
        *("is new", "about to begin", "only others run", "nothing ever ran", "hourly"),
    ],
)
def test_a_gap_in_the_timetable_is_one_line(job: JobTimes, terms: tuple[str, ...] | None) -> None:
    gaps = of_cloud(jobs=[job]).gaps

    assert len(gaps) == (terms is not None)
    assert all(term in gaps[0] for term in terms or ())


# --- The whole ------------------------------------------------------------------------------------
def test_without_accounts_a_digest_is_empty() -> None:
    assert of_cloud().headlines == []
    assert of_cloud().empty


def test_locks_before_the_last_digest_leave_it_empty() -> None:
    assert of_cloud(locked_now={CLOUD: 7}).empty


def test_the_headlines_are_in_order_of_urgency() -> None:
    failed = FailedMails(
        total=2, newest=(DigestLine(name="x", domain="", words="y"),), unaddressed=1
    )
    found = of_cloud(
        locked=[locked(id="1"), locked(id="2")],
        attacked=[locked(options=EXEMPT)],
        privileged=[make_account(password_expires_at=NOW + DAY)],
        failed_mails={CLOUD: failed},
        jobs=[runs(begins=None)],
    )

    terms = ("new lock", "attack", "privileged", "failed email", "address", "scheduled job")
    assert [headline.split()[0] for headline in found.headlines] == ["2", "1", "1", "2", "1", "1"]
    assert all(term in line for term, line in zip(terms, found.headlines, strict=True))


def test_the_digest_of_a_domain_has_its_own_accounts_only() -> None:
    sources = DigestSources(
        locked=[locked(id="1", name="ours", domain_id="shops"), locked(id="2", name="theirs")],
        locked_now={CLOUD: 2, "shops": 1},
        failed_mails={CLOUD: FailedMails(total=5, unaddressed=3), "shops": FailedMails(total=1)},
        jobs=[runs(begins=None)],
    )
    scopes = [DigestScope(domain=None, since=SINCE), DigestScope(domain=SHOPS, since=NOW - HOUR)]
    found = build(sources, scopes, policy=POLICY, now=NOW)
    shops = found["shops"]

    assert [line.name for line in shops.locks.lines] == ["“ours”"]
    assert (shops.locked_now, shops.failed.total, shops.unaddressed) == (1, 1, 0)
    assert shops.gaps == ()
    assert found[CLOUD].locks.total == 2


def test_each_scope_has_its_own_beginning() -> None:
    sources = DigestSources(locked=[locked(90, id="1", domain_id="shops")])
    scopes = [DigestScope(domain=None, since=SINCE), DigestScope(domain=SHOPS, since=NOW - HOUR)]
    found = build(sources, scopes, policy=POLICY, now=NOW)

    assert (found[CLOUD].locks.total, found["shops"].locks.total) == (1, 0)


def test_hostile_names_are_one_printable_line() -> None:
    name = "ann\r\nBcc: all@example.test\u202e" + "x" * 300
    [line] = of_cloud(locked=[locked(name=name, domain_name=name)]).locks.lines

    for text in (line.name, line.domain):
        assert text.isprintable()
        assert len(text) <= 100


def test_the_day_of_inactivity_begins_at_midnight_utc() -> None:
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    account = make_account(kinds=(AccountKind.SERVICE,), last_active_at=date(2026, 8, 24))
    scope = DigestScope(domain=None, since=midnight - DAY)
    found = build(DigestSources(privileged=[account]), [scope], policy=POLICY, now=midnight)

    assert has(found[CLOUD].coming, ("inactivity since 22 Nov 2026",))
