"""What a diagnosis is read from: bounded, and in a constant number of queries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from pciops.events.diagnosis.rules import AddressActivity, Cause, Confidence
from pciops.events.diagnosis.selectors import LEAST_ACCOUNTS, ROWS_OF_ACCOUNT, diagnoses
from pciops.events.intake import record
from pciops.events.intake.names import NameResolver
from pciops.events.models import Attempts, ProcessedNotification
from tests.events.bodies import DOE, later, sign_in
from tests.events.heard import consumer, keep, keep_unknown
from tests.events.histories import BROWSER, signed_in, stale_script, tried
from tests.factories import NOW, POLICY

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def judged(user_id: str = "ann") -> Cause:
    """The verdict on one account."""
    return diagnoses([user_id], policy=POLICY, now=NOW)[user_id].cause


def elsewhere_of(user_id: str, address: str = "10.2.3.4") -> AddressActivity:
    """What is known of an address, as it concerns this account."""
    return diagnoses([user_id], policy=POLICY, now=NOW)[user_id].history.addresses[address]


def test_a_stale_script_is_told_from_its_rows() -> None:
    keep("ann", stale_script())

    assert judged() is Cause.OLD_PASSWORD


def test_an_account_of_which_nothing_was_heard_is_unknown() -> None:
    assert judged() is Cause.UNKNOWN


def test_what_one_address_does_to_many_accounts_is_spraying() -> None:
    for number in range(12):
        keep(f"user{number}", [tried(600 - 10 * number, "Summer", agent="curl/8.5")])

    assert judged("user3") is Cause.SPRAYING
    assert elsewhere_of("user3") == AddressActivity(accounts=11, same_hash=11)


def test_names_that_nobody_has_count_for_spraying() -> None:
    keep("ann", [tried(50, "Summer")])
    keep_unknown([f"admin{number}" for number in range(9)], address="10.2.3.4")

    assert elsewhere_of("ann") == AddressActivity(unknown_names=9)
    assert judged() is Cause.SPRAYING


def test_only_the_worst_hour_of_an_address_counts() -> None:
    keep("ann", [tried(50, "Summer")])
    for number in range(10):
        keep(f"user{number}", [tried(3000 * number + 60, "Winter")])

    assert elsewhere_of("ann").accounts == 2


def test_an_address_from_which_most_sign_in_is_a_proxys() -> None:
    keep("ann", [tried(50, "Summer", agent=BROWSER)])
    for number in range(LEAST_ACCOUNTS):
        keep(f"user{number}", [signed_in(600 - number)])

    assert elsewhere_of("ann").shared


def test_failures_alone_make_no_proxy_of_an_address() -> None:
    keep("ann", [tried(50, "Summer")])
    for number in range(50):
        keep(f"user{number}", [tried(600 - number, "Summer")])

    assert not elsewhere_of("ann").shared


def test_what_is_older_than_a_day_is_left_out() -> None:
    keep("ann", stale_script(last=90_000))

    assert judged() is Cause.UNKNOWN


def test_of_one_account_only_the_newest_rows_are_read() -> None:
    keep("ann", [tried(60 * number, "Ab3x") for number in range(ROWS_OF_ACCOUNT + 50)])

    found = diagnoses(["ann"], policy=POLICY, now=NOW)["ann"]

    assert len(found.failures) == ROWS_OF_ACCOUNT
    assert max(row.last_at for row in found.failures) == NOW


def test_a_time_without_a_consumer_is_a_gap() -> None:
    consumer(ago=timedelta(hours=20), until=timedelta(0))
    keep("ann", stale_script())

    [(begins, ends)] = diagnoses(["ann"], policy=POLICY, now=NOW)["ann"].history.coverage.gaps

    assert (begins, ends) == (NOW - timedelta(hours=24), NOW - timedelta(hours=20))


def test_what_an_address_did_in_another_domain_changes_nothing_for_who_sees_one_alone() -> None:
    for number in range(12):
        keep(f"user{number}", [tried(600 - 10 * number, "Summer", agent="curl/8.5")])
    Attempts.objects.filter(user_id__in=["user3", "user4"]).update(domain_id="shops")

    found = diagnoses(["user3"], policy=POLICY, now=NOW, scope="shops")["user3"]

    assert found.history.addresses["10.2.3.4"] == AddressActivity(accounts=1, same_hash=1)
    assert found.cause is not Cause.SPRAYING


@pytest.mark.parametrize("accounts", [1, 50])
def test_a_page_of_accounts_takes_as_many_queries_as_one(
    accounts: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ids = [f"user{number}" for number in range(accounts)]
    for number, user_id in enumerate(ids):
        keep(user_id, [replace(row, address=f"10.0.0.{number}") for row in stale_script()])

    # Accounts, everybody's newest, gaps, addresses.
    with django_assert_num_queries(4):
        found = diagnoses(ids, policy=POLICY, now=NOW)

    assert {one.cause for one in found.values()} == {Cause.OLD_PASSWORD}


@given(data=st.data())
@hypothesis_settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_neither_order_nor_duplicates_of_messages_change_the_verdict(data: st.DataObject) -> None:
    Attempts.objects.all().delete()
    ProcessedNotification.objects.all().delete()
    sent = [
        sign_in(at=later(-300.0 * number - 20), partial_hash="Ab3x") for number in range(12)
    ] + [sign_in(at=later(-77), address="192.0.2.7", partial_hash="Zz9k")]
    again = data.draw(st.lists(st.sampled_from(sent), max_size=8))
    mixed = data.draw(st.permutations([*sent, *again]))
    cut = data.draw(st.integers(0, len(mixed)))
    for batch in (mixed[:cut], mixed[cut:]):
        record.record_messages(batch, resolver=NameResolver(), now=NOW)

    found = diagnoses([DOE], policy=POLICY, now=NOW)[DOE]

    assert (found.cause, found.confidence) == (Cause.OLD_PASSWORD, Confidence.SURE)
    assert [source.count for source in found.sources] == [12, 1]
    assert found.relock is not None
    assert found.relock.at == later(880)
