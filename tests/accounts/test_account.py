"""Tests of loading accounts from rows, also odd ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.accounts.account import Account, Failures
from pciops.accounts.selectors import get, get_many
from pciops.keystone import options
from pciops.keystone.fields import EPOCH
from pciops.keystone.models import User
from tests.factories import NOW, PasswordRow, make_account, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def account_of(user: User) -> Account:
    account = get(user.id, scope=None)
    assert account is not None
    return account


def test_account_has_the_facts_of_its_rows() -> None:
    user = make_user(
        "ann",
        domain_id="d1",
        domain_name="Example",
        email="ann@example.test",
        last_active_at=date(2026, 11, 20),
        failed_auth_count=2,
        failed_auth_at=NOW,
        passwords=[PasswordRow(created_at=NOW - timedelta(days=1), expires_at=NOW)],
        options={options.IGNORE_LOCKOUT: True},
    )

    assert account_of(user) == Account(
        id=user.id,
        name="ann",
        domain_id="d1",
        domain_name="Example",
        email="ann@example.test",
        enabled=True,
        covered=True,
        failed_auth_count=2,
        failed_auth_at=NOW,
        created_at=NOW - timedelta(days=30),
        last_active_at=date(2026, 11, 20),
        password_created_at=NOW - timedelta(days=1),
        password_expires_at=NOW,
        options={options.IGNORE_LOCKOUT: True},
    )


@pytest.mark.parametrize(
    "extra",
    ["", "{}", "{", "null", "[]", '["email"]', '"email"', "7", '{"email": null}']
    + ['{"email": 7}', '{"email": ["a@b"]}', '{"mail": "a@b"}', "NaN", "9" * 5000, "[" * 100_000]
    + [None],
    ids=lambda extra: (extra or "")[:20] or repr(extra),
)
def test_account_without_a_text_as_email_has_no_email_address(extra: str | None) -> None:
    user = make_user(extra=extra or "")
    if extra is None:
        User.objects.using("keystone").filter(id=user.id).update(extra=None)

    assert account_of(user).email == ""


def test_missing_password_and_count_are_none_and_zero() -> None:
    account = account_of(make_user(passwords=[], failed_auth_count=None))

    assert (account.password_created_at, account.password_expires_at) == (None, None)
    assert account.failed_auth_count == 0


def test_newest_password_is_the_last_created() -> None:
    made = [
        PasswordRow(created_at=NOW - timedelta(days=9), expires_at=NOW - timedelta(days=1)),
        PasswordRow(created_at=NOW - timedelta(days=1), expires_at=NOW + timedelta(days=1)),
        PasswordRow(created_at=NOW - timedelta(days=5), expires_at=NOW - timedelta(days=1)),
    ]

    assert account_of(make_user(passwords=made)).password_expires_at == NOW + timedelta(days=1)


@pytest.mark.parametrize("days", [(1, 2, 3), (3, 1, 2), (None, 1, 2), (2, None, 1)], ids=str)
@pytest.mark.parametrize("old_columns", [False, True], ids=["new columns", "old columns"])
def test_first_expiry_counts_for_equally_old_passwords(
    days: list[int | None], old_columns: bool
) -> None:
    """Keystone may take any of them: MariaDB sends them in an undefined order."""
    expiries = [None if number is None else NOW + timedelta(days=number) for number in days]
    made = [PasswordRow(created_at=NOW, expires_at=at, old_columns=old_columns) for at in expiries]

    assert account_of(make_user(passwords=made)).password_expires_at == NOW + timedelta(days=1)


def test_old_column_is_read_if_the_new_one_is_unset() -> None:
    row = PasswordRow(expires_at=NOW + timedelta(days=1), old_columns=True)

    assert account_of(make_user(passwords=[row])).password_expires_at == NOW + timedelta(days=1)


def test_old_row_is_older_than_every_new_one() -> None:
    old = PasswordRow(created_at=NOW, expires_at=NOW, old_columns=True)
    new = PasswordRow(created_at=NOW - timedelta(days=1), expires_at=NOW + timedelta(days=1))

    assert account_of(make_user(passwords=[new, old])).password_expires_at == new.expires_at


@pytest.mark.parametrize("expires_at", [EPOCH, datetime.max.replace(tzinfo=UTC)], ids=str)
def test_expiry_can_be_at_either_end_of_the_calendar(expires_at: datetime) -> None:
    user = make_user(passwords=[PasswordRow(expires_at=expires_at)])

    assert account_of(user).password_expires_at == expires_at


@pytest.mark.parametrize(
    ("value", "exempt"), [(True, True), (False, False), (None, False), ("true", False), (1, False)]
)
def test_option_exempts_only_if_it_is_true(value: object, exempt: bool) -> None:
    account = account_of(make_user(options={options.IGNORE_LOCKOUT: value}))

    assert account.exempt_from(options.IGNORE_LOCKOUT) is exempt


def test_exemptions_have_the_names_of_the_api() -> None:
    account = make_account(options={"1000": True, "1001": False, "1002": True, "1003": True})

    assert account.exemptions == [
        "ignore_change_password_upon_first_use",
        "ignore_lockout_failure_attempts",
    ]


def test_missing_domain_is_named_by_its_id() -> None:
    user = make_user(domain_id="gone", domain_name="Gone")
    user.domain.delete(using="keystone") if user.domain else None

    assert account_of(user).domain_name == "gone"


@pytest.mark.parametrize(
    ("last_active_at", "created_at", "expected"),
    [
        (date(2026, 11, 20), NOW, date(2026, 11, 20)),
        (None, NOW, date(2026, 11, 22)),
        (None, datetime.fromisoformat("2026-11-22T23:30:00-02:00"), date(2026, 11, 23)),
        (None, None, None),
    ],
)
def test_inactivity_counts_from_the_last_activity_or_else_from_creation(
    last_active_at: date | None, created_at: datetime | None, expected: date | None
) -> None:
    account = make_account(last_active_at=last_active_at, created_at=created_at)

    assert account.active_on == expected


@given(count=st.integers(0, 2**31 - 1), at=st.none() | st.datetimes(timezones=st.just(UTC)))
@settings(deadline=None)
def test_text_of_failures_can_be_parsed_and_fits_the_audit_log(
    count: int, at: datetime | None
) -> None:
    failures = Failures(failed_auth_count=count, failed_auth_at=at)

    assert Failures.parse(str(failures)) == failures
    assert len(str(failures)) <= 64


@pytest.mark.parametrize(
    "text",
    ["", "@", "x@", "3.0@", "3@yesterday", "3@@", "9" * 5000 + "@"]
    + ["3@9999-12-31T23:59:59-14:00", "3@0001-01-01T00:00:00+14:00", "9" * 50 + "@"],
)
def test_invalid_text_of_failures_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="^"):
        Failures.parse(text)


@pytest.mark.parametrize("twin", [None, NOW, NOW + timedelta(days=9)])
def test_account_is_the_same_alone_and_among_others(twin: datetime | None) -> None:
    """Of several accounts, older passwords are not read; of one, they are."""
    new = PasswordRow(created_at=NOW - timedelta(days=1), expires_at=NOW + timedelta(days=5))
    old = PasswordRow(created_at=NOW - timedelta(days=2), expires_at=NOW - timedelta(days=1))
    ann = make_user("ann", passwords=[old, new, replace(new, expires_at=twin), old])
    bob = make_user("bob", passwords=[old])

    listed = {account.id: account for account in get_many([ann.id, bob.id], scope=None)}

    assert len(listed) == 2
    assert get(ann.id, scope=None) == listed[ann.id]
