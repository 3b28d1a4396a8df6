"""The facts of a diagnosis: bounded, and read in a constant number of queries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from pciops.events.diagnosis.advice import Lock
from pciops.events.diagnosis.cadence import AttemptRow
from pciops.events.diagnosis.rules import (
    SHARED_BY,
    AddressActivity,
    Cause,
    Confidence,
    Diagnosis,
)
from pciops.events.diagnosis.selectors import (
    LEAST_ACCOUNTS,
    ROWS_OF_ACCOUNT,
    diagnoses,
    lock_of,
)
from pciops.events.intake.names import NameResolver
from pciops.events.intake.record import record_messages
from pciops.events.models import Attempts, ProcessedNotification
from pciops.keystone import options
from tests.events.factories import (
    BROWSER,
    failure,
    save_attempts,
    save_session,
    save_unknown_names,
    stale_script,
    success,
)
from tests.events.messages import DOE, later, sign_in
from tests.factories import NOW, POLICY, make_account
from tests.support.examples import some

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def diagnosis_of(user_id: str = "ann", *, scope: str | None = None) -> Diagnosis:
    return diagnoses([user_id], policy=POLICY, now=NOW, scope=scope)[user_id]


def address_of(user_id: str = "ann", address: str = "10.2.3.4") -> AddressActivity:
    """Return what an address did to other accounts."""
    return diagnosis_of(user_id).history.addresses[address]


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        (stale_script(), Cause.OLD_PASSWORD),
        (stale_script(last=90_000), Cause.UNKNOWN),  # older than a day
        ([], Cause.UNKNOWN),
    ],
    ids=["recent", "old", "none"],
)
def test_the_cause_is_found_in_the_rows_of_a_day(rows: list[AttemptRow], cause: Cause) -> None:
    save_attempts("ann", rows)

    assert diagnosis_of().cause is cause


def test_one_address_with_many_accounts_is_spraying() -> None:
    for number in range(12):
        save_attempts(f"user{number}", [failure(600 - 10 * number, "Summer", agent="curl/8.5")])

    assert diagnosis_of("user3").cause is Cause.SPRAYING
    assert address_of("user3") == AddressActivity(accounts=11, same_hash=11)


def test_unknown_usernames_count_for_spraying() -> None:
    save_attempts("ann", [failure(50, "Summer")])
    save_unknown_names([f"admin{number}" for number in range(9)], address="10.2.3.4")

    assert address_of() == AddressActivity(unknown_names=9)
    assert diagnosis_of().cause is Cause.SPRAYING


def test_only_the_worst_hour_of_an_address_counts() -> None:
    save_attempts("ann", [failure(50, "Summer")])
    for number in range(10):
        save_attempts(f"user{number}", [failure(3000 * number + 60, "Winter")])

    assert address_of().accounts == 2


def test_an_address_from_which_most_accounts_sign_in_is_shared() -> None:
    save_attempts("ann", [failure(50, "Summer", agent=BROWSER)])
    for number in range(LEAST_ACCOUNTS):
        save_attempts(f"user{number}", [success(600 - number)])

    assert address_of().shared


@pytest.mark.parametrize(
    ("colleagues", "ago", "cause"),
    [
        (SHARED_BY, 7200, Cause.TYPING),
        (SHARED_BY, 3 * 86_400, Cause.TYPING),  # the office was empty at the weekend
        (SHARED_BY, 8 * 86_400, Cause.SPRAYING),  # longer ago than a week
        (SHARED_BY - 1, 7200, Cause.SPRAYING),
    ],
)
def test_an_office_in_which_some_mistype_does_not_spray(
    colleagues: int, ago: float, cause: Cause
) -> None:
    save_attempts("ann", [failure(60 - 14 * n, f"h{n}", agent=BROWSER) for n in range(3)])
    for number in range(6):
        save_attempts(f"user{number}", [failure(600 - number, f"x{number}", agent=BROWSER)])
    for number in range(colleagues):
        save_attempts(f"colleague{number}", [success(ago - number, agent=BROWSER)])

    assert diagnosis_of().cause is cause


def test_a_few_stolen_passwords_do_not_make_a_sprayer_an_office() -> None:
    save_attempts("ann", [failure(60, "h1")])
    for number in range(40):
        save_attempts(f"user{number}", [failure(600 - number, f"x{number}")])
    for number in range(SHARED_BY):
        save_attempts(f"user{number}", [success(300 - number)])

    assert diagnosis_of().cause is Cause.SPRAYING


@pytest.mark.parametrize(
    ("count", "given_options", "lock"),
    [
        (3, {}, Lock.LOCKED),
        (2, {}, Lock.OPEN),
        (3, {options.IGNORE_LOCKOUT: True}, Lock.EXEMPT),
    ],
)
def test_only_a_locked_account_is_told_about_an_unlock(
    count: int, given_options: dict[str, Any], lock: Lock
) -> None:
    account = make_account(failed_auth_count=count, failed_auth_at=NOW, options=given_options)

    assert lock_of(account, POLICY, NOW) is lock


def test_failures_do_not_make_an_address_shared() -> None:
    save_attempts("ann", [failure(50, "Summer")])
    for number in range(50):
        save_attempts(f"user{number}", [failure(600 - number, "Summer")])

    assert not address_of().shared


def test_only_the_newest_rows_of_an_account_are_read() -> None:
    save_attempts("ann", [failure(60 * n, "Ab3x") for n in range(ROWS_OF_ACCOUNT + 50)])
    failures = diagnosis_of().failures

    assert len(failures) == ROWS_OF_ACCOUNT
    assert max(row.last_at for row in failures) == NOW


def test_a_time_without_a_consumer_is_a_gap() -> None:
    save_session(ago=timedelta(hours=20))
    save_attempts("ann", stale_script())
    [(begins, ends)] = diagnosis_of().history.coverage.gaps

    assert (begins, ends) == (NOW - timedelta(hours=24), NOW - timedelta(hours=20))


def test_attempts_on_other_domains_are_ignored_for_the_operator_of_one() -> None:
    for number in range(12):
        save_attempts(f"user{number}", [failure(600 - 10 * number, "Summer", agent="curl/8.5")])
    Attempts.objects.filter(user_id__in=["user3", "user4"]).update(domain_id="shops")
    found = diagnosis_of("user3", scope="shops")

    assert found.history.addresses["10.2.3.4"] == AddressActivity(accounts=1, same_hash=1)
    assert found.cause is not Cause.SPRAYING


@pytest.mark.parametrize("accounts", [1, 50])
def test_a_page_of_accounts_takes_as_many_queries_as_one(
    accounts: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ids = [f"user{number}" for number in range(accounts)]
    for number, user_id in enumerate(ids):
        rows = [replace(row, address=f"10.0.0.{number}") for row in stale_script()]
        save_attempts(user_id, rows)

    # Accounts, the newest of all, gaps, addresses, and who used them in the week before.
    with django_assert_num_queries(5):
        found = diagnoses(ids, policy=POLICY, now=NOW)

    assert {diagnosis.cause for diagnosis in found.values()} == {Cause.OLD_PASSWORD}


@given(data=st.data())
@some(15)
def test_order_and_repetition_of_messages_do_not_change_the_diagnosis(data: st.DataObject) -> None:
    Attempts.objects.all().delete()
    ProcessedNotification.objects.all().delete()
    sent = [
        *(sign_in(at=later(-300.0 * n - 20), partial_hash="Ab3x") for n in range(12)),
        sign_in(at=later(-77), address="192.0.2.7", partial_hash="Zz9k"),
    ]
    repeated = data.draw(st.lists(st.sampled_from(sent), max_size=8))
    mixed = data.draw(st.permutations([*sent, *repeated]))
    cut = data.draw(st.integers(0, len(mixed)))
    for batch in (mixed[:cut], mixed[cut:]):
        record_messages(batch, resolver=NameResolver(), now=NOW)
    found = diagnosis_of(DOE)

    assert (found.cause, found.confidence) == (Cause.OLD_PASSWORD, Confidence.SURE)
    assert [source.count for source in found.sources] == [12, 1]
    assert found.relock is not None
    assert found.relock.at == later(880)
