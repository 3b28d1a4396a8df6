"""What a digest says of facts: a table of facts, and what is made of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pciops.accounts.account import Account
from pciops.accounts.privileged import AccountKind
from pciops.accounts.selectors import Domain
from pciops.notices import digest
from pciops.notices.digest import CLOUD, NAMED, Digest, Facts, Failures, Line, Runs, Span
from tests.factories import NOW, POLICY, make_account

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SINCE = NOW - DAY
SHOPS = Domain(id="shops", name="Shops")
EXEMPT = {"1002": True}


def of_cloud(**facts: Any) -> Digest:
    return digest.build(Facts(**facts), [Span(domain=None, since=SINCE)], policy=POLICY, now=NOW)[
        CLOUD
    ]


def locked(minutes: int = 5, **facts: Any) -> Account:
    at = NOW - timedelta(minutes=minutes)
    return make_account(**{"failed_auth_count": 3, "failed_auth_at": at, **facts})


def words(part: digest.Part) -> list[str]:
    return [line.words for line in part.lines]


# --- Locks ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("account", "said"),
    [
        (
            locked(),
            [
                "locked at 22 Nov 2026, 13:57:11 UTC after 3 failed sign-ins;"
                " ends by itself at 22 Nov 2026, 14:27:11 UTC"
            ],
        ),
        (
            locked(40),
            [
                "locked at 22 Nov 2026, 13:22:11 UTC after 3 failed sign-ins;"
                " ended by itself at 22 Nov 2026, 13:52:11 UTC"
            ],
        ),
        (locked(24 * 60), []),
        (locked(failed_auth_count=2), []),
        (locked(options=EXEMPT), []),
        (locked(failed_auth_at=None), []),
    ],
    ids=["locked", "lapsed", "before the last digest", "near", "exempt", "without an instant"],
)
def test_a_lock_is_told_once_with_its_end(account: Account, said: list[str]) -> None:
    assert words(of_cloud(locked=[account]).locks) == said


def test_administrators_and_service_accounts_come_first_then_the_newest() -> None:
    accounts = [
        locked(9, id="1", name="old"),
        locked(1, id="2", name="new"),
        locked(10, id="3", name="root", kinds=(AccountKind.ADMINISTRATOR, AccountKind.SERVICE)),
    ]
    found = of_cloud(locked=accounts).locks

    assert [line.name for line in found.lines] == ["root", "new", "old"]
    assert found.lines[0].kinds == "administrator, service account"
    assert (found.total, found.of_kind) == (3, 1)


def test_of_very_many_some_are_named_and_the_others_counted() -> None:
    accounts = (locked(1 + n % 600, id=f"{n:05}", name=f"user{n}") for n in range(5000))
    found = of_cloud(locked=accounts).locks

    assert (found.total, len(found.lines), found.hidden) == (5000, NAMED, 5000 - NAMED)
    assert all("14:0" in line.words or "13:59" in line.words for line in found.lines)


# --- Attacks --------------------------------------------------------------------------------------
def test_an_exempt_account_under_attack_is_told_with_its_count() -> None:
    found = of_cloud(attacked=[locked(options=EXEMPT, failed_auth_count=1234)]).attacked

    assert words(found) == [
        "1,234 failed sign-ins, the last at 22 Nov 2026, 13:57:11 UTC; nothing stops the guessing"
    ]


def test_the_worst_attack_comes_first() -> None:
    accounts = [
        locked(options=EXEMPT, failed_auth_count=count, id=str(count), name=f"x{count}")
        for count in (5, 500, 50)
    ]

    assert [line.name for line in of_cloud(attacked=accounts).attacked.lines] == [
        "x500",
        "x50",
        "x5",
    ]


def test_an_attack_that_has_ended_is_no_news() -> None:
    assert of_cloud(attacked=[locked(25 * 60, options=EXEMPT)]).empty


# --- What stops -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {"password_expires_at": NOW + 3 * DAY},
            ["the password expires on 25 Nov 2026, 14:02:11 UTC (in 3 days)"],
        ),
        (
            {"password_expires_at": NOW - HOUR},
            ["the password has expired at 22 Nov 2026, 13:02:11 UTC"],
        ),
        ({"password_expires_at": NOW - 2 * DAY}, []),
        ({"password_expires_at": NOW + 30 * DAY}, []),
        ({"password_expires_at": NOW - HOUR, "password_expired_when_set": True}, []),
        ({"password_expires_at": NOW + DAY, "options": {"1001": True}}, []),
        ({"password_expires_at": NOW + DAY, "enabled": False}, []),
        (
            {"last_active_at": date(2026, 8, 29)},
            ["will be disabled for inactivity on 27 Nov 2026 (in 5 days), last used 29 Aug 2026"],
        ),
        (
            {"last_active_at": date(2026, 8, 24)},
            ["is disabled for inactivity since 22 Nov 2026, last used 24 Aug 2026"],
        ),
        ({"last_active_at": date(2026, 8, 20)}, []),
        ({"last_active_at": date(2026, 8, 29), "options": {"1004": True}}, []),
        (
            {"last_active_at": date(2026, 8, 29), "password_expires_at": NOW + 3 * DAY},
            [
                "the password expires on 25 Nov 2026, 14:02:11 UTC (in 3 days);"
                " will be disabled for inactivity on 27 Nov 2026 (in 5 days),"
                " last used 29 Aug 2026"
            ],
        ),
    ],
    ids=[
        *("expires", "just expired", "expired long ago", "expires late", "first password"),
        *("exempt from expiry", "disabled", "inactive soon", "just inactive"),
        *("inactive long ago", "exempt from inactivity", "both"),
    ],
)
def test_what_stops_is_told_with_its_day(facts: dict[str, Any], said: list[str]) -> None:
    account = make_account(kinds=(AccountKind.SERVICE,), **{"last_active_at": NOW.date(), **facts})

    assert words(of_cloud(mattering=[account]).coming) == said


def test_what_stops_first_comes_first() -> None:
    accounts = [
        make_account(id=name, name=name, password_expires_at=NOW + days * DAY)
        for name, days in (("late", 9), ("soon", 1), ("next", 5))
    ]

    assert [line.name for line in of_cloud(mattering=accounts).coming.lines] == [
        "soon",
        "next",
        "late",
    ]


# --- The timetable --------------------------------------------------------------------------------
def runs(
    *minutes_ago: int, begins: datetime | None = NOW - 2 * DAY, every: timedelta = 5 * MINUTE
) -> Runs:
    at = sorted(NOW - timedelta(minutes=ago) for ago in minutes_ago)
    return Runs(label="The census", every=every, at=at, begins=begins)


ALWAYS = range(0, 24 * 60, 5)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (runs(*ALWAYS), ""),
        (runs(*(ago for ago in ALWAYS if not 60 < ago < 85)), ""),
        (
            runs(*(ago for ago in ALWAYS if not 60 < ago < 120)),
            "The census did not run between 22 Nov 2026, 12:02:11 UTC and"
            " 22 Nov 2026, 13:02:11 UTC (1 h).",
        ),
        (
            runs(*(ago for ago in ALWAYS if not (60 < ago < 120 or 300 < ago < 700))),
            "The census did not run between 22 Nov 2026, 02:22:11 UTC and"
            " 22 Nov 2026, 09:02:11 UTC (6 h 40 min), and 1 more time.",
        ),
        (
            runs(*range(120, 24 * 60, 5)),
            "The census did not run between 22 Nov 2026, 12:02:11 UTC and"
            " 22 Nov 2026, 14:02:11 UTC (2 h).",
        ),
        (
            runs(*range(0, 120, 5)),
            "The census did not run between 21 Nov 2026, 14:02:11 UTC and"
            " 22 Nov 2026, 12:07:11 UTC (22 h 5 min).",
        ),
        (runs(*range(0, 120, 5), begins=NOW - 2 * HOUR), ""),
        (runs(begins=NOW - 20 * MINUTE), ""),
        (
            runs(begins=NOW - 2 * HOUR),
            "The census did not run between 22 Nov 2026, 12:02:11 UTC and"
            " 22 Nov 2026, 14:02:11 UTC (2 h).",
        ),
        (runs(begins=None), "The census has not run at all."),
        (runs(0, 60, 120, begins=NOW - 3 * HOUR, every=HOUR), ""),
    ],
    ids=[
        *("always", "a few missed", "a gap", "two gaps", "stopped", "begins late"),
        *("is new", "about to begin", "alone does not", "nothing ever ran", "hourly"),
    ],
)
def test_a_gap_in_the_timetable_is_one_line(found: Runs, said: str) -> None:
    assert digest.gaps(found, since=SINCE, now=NOW) == said
    assert of_cloud(runs=[found]).gaps == ((said,) if said else ())


# --- The whole ------------------------------------------------------------------------------------
def test_without_facts_nothing_needs_anybody() -> None:
    assert of_cloud().empty
    assert of_cloud().headlines == []


def test_locked_accounts_of_yesterday_alone_need_nobody_anew() -> None:
    assert of_cloud(locked_now={CLOUD: 7}).empty


def test_the_headlines_are_in_the_order_in_which_an_operator_needs_them() -> None:
    failures = Failures(total=2, newest=(Line(name="x", domain="", words="y"),), unaddressed=1)
    found = of_cloud(
        locked=[locked(id="1"), locked(id="2")],
        attacked=[locked(options=EXEMPT)],
        mattering=[make_account(password_expires_at=NOW + DAY)],
        failures={CLOUD: failures},
        runs=[runs(begins=None)],
    )

    assert found.headlines == [
        "2 new locks",
        "1 exempt account under attack",
        "1 administrator or service account stops",
        "2 failed mails",
        "1 notice without an address",
        "1 gap in the timetable",
    ]


def test_a_domain_hears_of_its_own_accounts_alone() -> None:
    facts = Facts(
        locked=[locked(id="1", name="ours", domain_id="shops"), locked(id="2", name="theirs")],
        locked_now={CLOUD: 2, "shops": 1},
        failures={CLOUD: Failures(total=5, unaddressed=3), "shops": Failures(total=1)},
        runs=[runs(begins=None)],
    )
    spans = [Span(domain=None, since=SINCE), Span(domain=SHOPS, since=NOW - HOUR)]
    found = digest.build(facts, spans, policy=POLICY, now=NOW)
    shops = found["shops"]

    assert [line.name for line in shops.locks.lines] == ["ours"]
    assert (shops.locked_now, shops.failed.total, shops.unaddressed) == (1, 1, 0)
    assert shops.gaps == ()
    assert found[CLOUD].locks.total == 2


def test_each_digest_begins_where_its_last_one_ended() -> None:
    facts = Facts(locked=[locked(90, id="1", domain_id="shops")])
    spans = [Span(domain=None, since=SINCE), Span(domain=SHOPS, since=NOW - HOUR)]
    found = digest.build(facts, spans, policy=POLICY, now=NOW)

    assert (found[CLOUD].locks.total, found["shops"].locks.total) == (1, 0)


def test_hostile_names_are_one_printable_line() -> None:
    name = "ann\r\nBcc: all@example.test\u202e" + "x" * 300
    [line] = of_cloud(locked=[locked(name=name, domain_name=name)]).locks.lines

    for text in (line.name, line.domain):
        assert text.isprintable()
        assert len(text) <= 100


def test_at_midnight_utc_the_day_of_inactivity_has_just_come() -> None:
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    account = make_account(kinds=(AccountKind.SERVICE,), last_active_at=date(2026, 8, 24))
    span = Span(domain=None, since=midnight - DAY)
    found = digest.build(Facts(mattering=[account]), [span], policy=POLICY, now=midnight)

    assert words(found[CLOUD].coming) == [
        "is disabled for inactivity since 22 Nov 2026, last used 24 Aug 2026"
    ]
