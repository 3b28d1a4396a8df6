"""Notifications are kept once, whole, with names, whatever is among them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connections
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pciops.events.intake import record
from pciops.events.intake.names import NameResolver
from pciops.events.models import Activity, Attempts, DeadLetter, KnownName, ProcessedNotification
from pciops.keystone.models import LocalUser, Password, User
from tests.events.bodies import ADMIN, DOE, RECORDED, later, recorded, sign_in, updated
from tests.factories import NOW, make_domain, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def take_in(*bodies: bytes | str, names: NameResolver | None = None, seconds: float = 0) -> int:
    return record.record_messages(bodies, resolver=names or NameResolver(), now=later(seconds))


def counts() -> dict[str, int]:
    return {row.address: row.count for row in Attempts.objects.all()}


@contextmanager
def away(table: str, alias: str) -> Iterator[None]:
    """A statement about this table fails."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{table}" RENAME TO away')
    try:
        yield
    finally:
        with connections[alias].cursor() as cursor:
            cursor.execute(f'ALTER TABLE away RENAME TO "{table}"')


def made(user_id: str, name: str, **facts: Any) -> User:
    return make_user(name, user_id=user_id, **facts)


def test_sign_ins_are_counted_by_the_minute() -> None:
    taken = take_in(*(sign_in(at=later(n), partial_hash="x") for n in (0, 10, 20)))
    [row] = Attempts.objects.all()

    assert taken == row.count == 3
    assert (row.window, row.first_at, row.last_at) == (NOW.replace(second=0), NOW, later(20))
    assert (row.user_id, row.name, row.reason) == (DOE, "j.doe", "wrong_password")
    assert (row.address, row.agent, row.partial_hash) == ("10.2.3.4", "keystoneauth1", "x")


def test_a_later_batch_adds_to_the_same_row() -> None:
    take_in(sign_in(at=later(10)))
    take_in(sign_in(at=later(20)), sign_in(at=NOW))
    [row] = Attempts.objects.all()

    assert (row.count, row.first_at, row.last_at) == (3, NOW, later(20))


def test_what_comes_again_is_not_counted_again() -> None:
    bodies = [sign_in(), sign_in(), updated()]
    take_in(*bodies)

    assert take_in(*bodies, sign_in()) == 1
    assert (counts(), Activity.objects.count()) == ({"10.2.3.4": 3}, 1)


def test_the_same_twice_in_a_batch_counts_once() -> None:
    body = sign_in()

    assert take_in(body, body) == 1


@pytest.mark.django_db(databases=["default", "keystone"], transaction=False)
@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
@given(st.data())
def test_neither_order_nor_batches_nor_repetition_change_what_is_kept(data: st.DataObject) -> None:
    bodies = [sign_in(address=f"10.0.0.{n % 4}", at=later(n * 9)) for n in range(12)]
    bodies += [updated(at=later(n)) for n in range(3)]
    told = data.draw(st.lists(st.sampled_from(bodies), max_size=12)) + bodies
    told = data.draw(st.permutations(told))
    cut = data.draw(st.integers(0, len(told)))
    before = Attempts.objects.count(), Activity.objects.count()
    take_in(*told[:cut])
    take_in(*told[cut:])

    assert sum(row.count for row in Attempts.objects.all()) == 12
    assert Activity.objects.count() == 3
    for model in (Attempts, Activity, ProcessedNotification):  # for the next example
        model.objects.all().delete()
    assert before == (0, 0)


def test_everything_that_keystone_sent_is_kept_or_foreign() -> None:
    bodies = [body for bodies in RECORDED.values() for body in bodies]
    take_in(*bodies)

    assert not DeadLetter.objects.exists()
    assert sum(row.count for row in Attempts.objects.all()) == 17
    assert Activity.objects.count() == 16


def test_a_batch_takes_a_handful_of_statements(django_assert_num_queries: Any) -> None:
    bodies = [sign_in(user_id=f"{n % 50:032x}", at=later(n)) for n in range(400)]
    names = NameResolver()
    with django_assert_num_queries(7):
        # savepoint, seen?, seen, attempts, names kept, names, release
        take_in(*bodies, names=names)


# --- Names --------------------------------------------------------------------------------------
def test_a_change_has_the_names_of_both_and_their_domains() -> None:
    make_domain("corp", "Corp")
    made(DOE, "j.doe", domain_id="corp")
    made(ADMIN, "admin")
    take_in(updated())
    [row] = Activity.objects.all()

    assert (row.name, row.domain_id, row.domain_name) == ("j.doe", "corp", "Corp")
    assert (row.doer_name, row.doer_domain_name) == ("admin", "Default")


def test_a_sign_in_has_the_domain_of_its_account() -> None:
    make_domain("corp", "Corp")
    made(DOE, "j.doe", domain_id="corp")
    take_in(sign_in())
    [row] = Attempts.objects.all()

    assert (row.domain_id, row.domain_name) == ("corp", "Corp")


def test_where_the_account_is_not_known_its_domain_is_not_guessed() -> None:
    take_in(sign_in(user_id="nobody's"))
    [row] = Attempts.objects.all()

    assert (row.domain_id, row.domain_name) == ("", "")


def test_the_name_outlives_the_account() -> None:
    made(DOE, "j.doe")
    take_in(sign_in())
    Password.objects.using("keystone").all().delete()
    LocalUser.objects.using("keystone").filter(user_id=DOE).delete()
    User.objects.using("keystone").filter(pk=DOE).delete()
    take_in(updated(operation="deleted"))

    assert Activity.objects.get().name == "j.doe"
    assert Activity.objects.get().domain_name == "Default"


def test_a_name_that_only_a_notification_knows_is_kept() -> None:
    take_in(sign_in(name="of the notification"))
    take_in(updated(operation="deleted"))

    assert Activity.objects.get().name == "of the notification"


def test_an_unknown_name_becomes_nobodys() -> None:
    take_in(recorded("unknown_name"), recorded("unknown_id"))

    assert not KnownName.objects.exists()
    assert {row.user_id for row in Attempts.objects.all()} == {"", "f" * 32}


def test_a_new_name_is_seen_with_the_change() -> None:
    names = NameResolver()
    user = made(DOE, "j.doe")
    take_in(sign_in(), names=names)
    LocalUser.objects.using("keystone").filter(user=user).update(name="j.smith")
    take_in(updated(), names=names)

    assert Activity.objects.get().name == "j.smith"
    assert KnownName.objects.get(pk=DOE).name == "j.smith"


def test_who_is_known_is_not_asked_for_again(django_assert_num_queries: Any) -> None:
    names = NameResolver()
    made(DOE, "j.doe")
    take_in(sign_in(), names=names)

    with django_assert_num_queries(0, using="keystone"):
        take_in(sign_in(), names=names)
    with django_assert_num_queries(1, using="keystone"):
        take_in(sign_in(), names=names, seconds=3600)


def test_what_a_process_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.events.intake.names.MAX_CACHED", 10)
    names = NameResolver()
    for n in range(25):
        made(f"{n:032x}", f"user-{n}")
        take_in(sign_in(user_id=f"{n:032x}"), names=names)

    assert len(names._cache) <= 10


def test_without_keystones_database_names_come_from_what_was_heard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = NameResolver()
    made(DOE, "j.doe")
    take_in(sign_in(), names=names)
    with away("user", "keystone"), caplog.at_level("WARNING", "pciops"):
        take_in(updated(), names=names)
        take_in(updated(), names=names, seconds=5)
    take_in(updated(), names=names, seconds=100)

    assert {row.name for row in Activity.objects.all()} == {"j.doe"}
    assert caplog.text.count("names are not looked up") == 1


def turned(user: User, *, enabled: bool) -> None:
    User.objects.using("keystone").filter(pk=user.pk).update(enabled=enabled)


def test_enabling_and_disabling_are_told_from_other_changes() -> None:
    user = made(DOE, "j.doe")
    names = NameResolver()
    take_in(sign_in(), names=names)
    take_in(updated(at=later(1)), names=names)
    for n, enabled in enumerate((False, True)):
        turned(user, enabled=enabled)
        take_in(updated(at=later(2 + n)), names=names)
    take_in(updated(at=later(4)), names=names)
    actions = list(Activity.objects.order_by("at").values_list("action", flat=True))

    assert actions == ["updated", "disabled", "enabled", "updated"]


@pytest.mark.parametrize(
    "bodies",
    [[updated(at=later(1)), updated(at=later(2))], [updated(at=later(-60))]],
    ids=["two at once", "an old one"],
)
def test_nobody_is_named_for_a_disabling_that_may_be_anothers(bodies: list[str]) -> None:
    user = made(DOE, "j.doe")
    take_in(sign_in())
    turned(user, enabled=False)
    take_in(*bodies)

    assert {row.action for row in Activity.objects.all()} == {"updated"}


# --- What makes no sense ------------------------------------------------------------------------
def test_a_bad_message_is_set_aside_and_the_others_are_kept() -> None:
    assert take_in("{", sign_in(), b"\xff") == 1
    [row] = DeadLetter.objects.all()

    assert (row.reason, row.count, row.body) == ("not JSON", 2, "\ufffd")


def test_bad_messages_are_counted_by_what_is_wrong() -> None:
    take_in("{")
    take_in("[]", seconds=5)
    take_in("{{", seconds=9)
    rows = {row.reason: row for row in DeadLetter.objects.all()}

    assert {reason: row.count for reason, row in rows.items()} == {
        "not JSON": 2,
        "not a JSON object": 1,
    }
    assert (rows["not JSON"].first_at, rows["not JSON"].last_at) == (NOW, later(9))
    assert rows["not JSON"].body == "{{"


def test_the_body_that_is_kept_is_cut() -> None:
    take_in("x" * 300_000)

    assert len(DeadLetter.objects.get().body) == 4000


def test_nothing_is_kept_of_a_batch_that_fails() -> None:
    with away("events_attempts", "default"), pytest.raises(OperationalError):
        take_in(sign_in())

    assert not ProcessedNotification.objects.exists()
    assert take_in(sign_in()) == 1
