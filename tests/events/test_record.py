"""Notifications are recorded once and completely, with names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connections
from hypothesis import given
from hypothesis import strategies as st

from pciops.events.intake import names
from pciops.events.intake.names import NameResolver
from pciops.events.intake.record import record_messages
from pciops.events.models import Activity, Attempts, DeadLetter, KnownName, ProcessedNotification
from pciops.keystone.models import LocalUser, Password, User
from tests.events.messages import ADMIN, DOE, RECORDED, later, recorded, sign_in, updated
from tests.factories import NOW, make_domain, make_user
from tests.support.examples import some

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def record(*bodies: bytes | str, resolver: NameResolver | None = None, seconds: float = 0) -> int:
    return record_messages(bodies, resolver=resolver or NameResolver(), now=later(seconds))


@contextmanager
def without_table(table: str, alias: str) -> Iterator[None]:
    with connections[alias].cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{table}" RENAME TO away')
    try:
        yield
    finally:
        with connections[alias].cursor() as cursor:
            cursor.execute(f'ALTER TABLE away RENAME TO "{table}"')


@pytest.fixture
def doe() -> User:
    """The account of most messages, in a domain of its own."""
    make_domain("corp", "Corp")
    return make_user("j.doe", user_id=DOE, domain_id="corp")


def test_sign_ins_are_counted_by_the_minute() -> None:
    number = record(*(sign_in(at=later(n), partial_hash="x") for n in (0, 10, 20)))
    [row] = Attempts.objects.all()

    assert number == row.count == 3
    assert (row.window, row.first_at, row.last_at) == (NOW.replace(second=0), NOW, later(20))
    assert (row.user_id, row.name, row.reason) == (DOE, "j.doe", "wrong_password")
    assert (row.address, row.agent, row.partial_hash) == ("10.2.3.4", "keystoneauth1", "x")


def test_a_later_batch_adds_to_the_same_row() -> None:
    record(sign_in(at=later(10)))
    record(sign_in(at=later(20)), sign_in(at=NOW))
    [row] = Attempts.objects.all()

    assert (row.count, row.first_at, row.last_at) == (3, NOW, later(20))


def test_repeated_messages_are_ignored() -> None:
    bodies = [sign_in(), sign_in(), updated()]
    record(*bodies, bodies[0])

    assert record(*bodies, sign_in()) == 1
    assert Attempts.objects.get().count == 3
    assert Activity.objects.count() == 1


@some(20)
@given(st.data())
def test_order_batches_and_repetition_do_not_change_the_record(data: st.DataObject) -> None:
    for model in (Attempts, Activity, ProcessedNotification):
        model.objects.all().delete()
    bodies = [sign_in(address=f"10.0.0.{n % 4}", at=later(n * 9)) for n in range(12)]
    bodies += [updated(at=later(n)) for n in range(3)]
    repeated = data.draw(st.lists(st.sampled_from(bodies), max_size=12))
    mixed = data.draw(st.permutations(repeated + bodies))
    cut = data.draw(st.integers(0, len(mixed)))
    record(*mixed[:cut])
    record(*mixed[cut:])

    assert sum(row.count for row in Attempts.objects.all()) == 12
    assert Activity.objects.count() == 3


def test_all_messages_of_keystone_are_recorded_or_ignored() -> None:
    record(*(body for bodies in RECORDED.values() for body in bodies))

    assert not DeadLetter.objects.exists()
    assert sum(row.count for row in Attempts.objects.all()) == 17
    assert Activity.objects.count() == 16


def test_a_batch_takes_a_few_statements(django_assert_num_queries: Any) -> None:
    bodies = [sign_in(user_id=f"{n % 50:032x}", at=later(n)) for n in range(400)]
    with django_assert_num_queries(7):
        # savepoint, processed?, processed, attempts, known names, names, release
        record(*bodies)


def test_a_batch_that_fails_is_not_recorded() -> None:
    with without_table("events_attempts", "default"), pytest.raises(OperationalError):
        record(sign_in())

    assert not ProcessedNotification.objects.exists()
    assert record(sign_in()) == 1


# --- Names --------------------------------------------------------------------------------------
@pytest.mark.usefixtures("doe")
def test_events_have_the_names_of_accounts_and_their_domains() -> None:
    make_user("admin", user_id=ADMIN)
    record(updated(), sign_in(), sign_in(user_id="unknown"))
    change = Activity.objects.get()

    assert (change.name, change.domain_id, change.domain_name) == ("j.doe", "corp", "Corp")
    assert (change.doer_name, change.doer_domain_name) == ("admin", "Default")
    assert set(Attempts.objects.values_list("user_id", "domain_id", "domain_name")) == {
        (DOE, "corp", "Corp"),
        ("unknown", "", ""),
    }


@pytest.mark.usefixtures("doe")
def test_a_name_outlives_the_account() -> None:
    record(sign_in())
    Password.objects.using("keystone").all().delete()
    LocalUser.objects.using("keystone").filter(user_id=DOE).delete()
    User.objects.using("keystone").filter(pk=DOE).delete()
    record(updated(operation="deleted"))
    change = Activity.objects.get()

    assert (change.name, change.domain_name) == ("j.doe", "Corp")


def test_a_name_that_only_a_notification_has_is_kept() -> None:
    record(sign_in(name="of the notification"))
    record(updated(operation="deleted"))

    assert Activity.objects.get().name == "of the notification"


def test_an_unknown_username_is_not_the_name_of_an_account() -> None:
    record(recorded("unknown_name"), recorded("unknown_id"))

    assert not KnownName.objects.exists()
    assert {row.user_id for row in Attempts.objects.all()} == {"", "f" * 32}


def test_a_change_updates_the_name(doe: User) -> None:
    resolver = NameResolver()
    record(sign_in(), resolver=resolver)
    LocalUser.objects.using("keystone").filter(user=doe).update(name="j.smith")
    record(updated(), resolver=resolver)

    assert Activity.objects.get().name == "j.smith"
    assert KnownName.objects.get(pk=DOE).name == "j.smith"


@pytest.mark.usefixtures("doe")
def test_names_are_read_once_an_hour(django_assert_num_queries: Any) -> None:
    resolver = NameResolver()
    record(sign_in(), resolver=resolver)

    with django_assert_num_queries(0, using="keystone"):
        record(sign_in(), resolver=resolver)
    with django_assert_num_queries(1, using="keystone"):
        record(sign_in(), resolver=resolver, seconds=3600)


def test_the_cache_of_names_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_CACHED", 10)
    resolver = NameResolver()
    for n in range(25):
        make_user(f"user-{n}", user_id=f"{n:032x}")
        record(sign_in(user_id=f"{n:032x}"), resolver=resolver)

    assert len(resolver._cache) <= 10


@pytest.mark.usefixtures("doe")
def test_without_keystone_s_database_known_names_are_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    resolver = NameResolver()
    record(sign_in(), resolver=resolver)
    with without_table("user", "keystone"), caplog.at_level("WARNING", "pciops"):
        record(updated(), resolver=resolver)
        record(updated(), resolver=resolver, seconds=5)
    record(updated(), resolver=resolver, seconds=100)

    assert {row.name for row in Activity.objects.all()} == {"j.doe"}
    assert caplog.text.count("cannot look up names") == 1


def set_enabled(user: User, enabled: bool) -> None:
    User.objects.using("keystone").filter(pk=user.pk).update(enabled=enabled)


def test_enabling_and_disabling_are_told_from_other_changes(doe: User) -> None:
    resolver = NameResolver()
    record(sign_in(), resolver=resolver)
    for second, enabled in enumerate((True, False, True, True)):
        set_enabled(doe, enabled)
        record(updated(at=later(second)), resolver=resolver)
    actions = list(Activity.objects.order_by("at").values_list("action", flat=True))

    assert actions == ["updated", "disabled", "enabled", "updated"]


@pytest.mark.parametrize(
    "bodies",
    [[updated(at=later(1)), updated(at=later(2))], [updated(at=later(-60))]],
    ids=["two at once", "an old one"],
)
def test_a_disabling_is_not_attributed_if_it_is_ambiguous(doe: User, bodies: list[str]) -> None:
    record(sign_in())
    set_enabled(doe, False)
    record(*bodies)

    assert {row.action for row in Activity.objects.all()} == {"updated"}


# --- Dead letters -------------------------------------------------------------------------------
def test_unreadable_messages_become_dead_letters_by_reason() -> None:
    assert record("{", sign_in(), b"\xff") == 1
    record("[]", seconds=5)
    record("{{", seconds=9)
    rows = {row.reason: row for row in DeadLetter.objects.all()}
    invalid = rows["not JSON"]

    assert {reason: row.count for reason, row in rows.items()} == {
        "not JSON": 3,
        "not a JSON object": 1,
    }
    assert (invalid.first_at, invalid.last_at, invalid.body) == (NOW, later(9), "{{")


@pytest.mark.parametrize(("body", "kept"), [("x" * 300_000, "x" * 4000), (b"\xff", "\ufffd")])
def test_the_body_of_a_dead_letter_is_cut_text(body: bytes | str, kept: str) -> None:
    record(body)

    assert DeadLetter.objects.get().body == kept
