"""Planning reads few columns of most accounts, and still finds every notice that is due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import given

from pciops.accounts import loading
from pciops.keystone.models import User
from pciops.notices import candidates, plan, rules
from pciops.notices.due import NoticeKey, due_notices
from pciops.notices.models import NoticeKind
from tests.accounts.scenes import Scene, make_other, scenes, trying
from tests.factories import NOW, POLICY, PasswordRow, make_user
from tests.notices.queued import build_notice, make_expiring

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
DAY = timedelta(days=1)
BY_DATE = (NoticeKind.PASSWORD_EXPIRING, NoticeKind.PASSWORD_EXPIRED, NoticeKind.INACTIVITY)

Keys = list[tuple[str, NoticeKey]]


def due_by_rule(scene: Scene) -> Keys:
    """Return what is due by date if every account is asked."""
    book = rules.current()
    accounts = loading.accounts(loading.user_rows(User.objects.all()), kinds={})
    return sorted(
        (account.id, due.key)
        for account in accounts
        for due in due_notices(account, book.of(account), scene.policy, scene.now, kinds=BY_DATE)
    )


def found(scene: Scene) -> Keys:
    """Return what the planning would store."""
    chunks = plan.dues_by_date(policy=scene.policy, book=rules.current(), now=scene.now)
    return sorted((account.id, due.key) for chunk in chunks for account, due in chunk)


@given(scene=scenes())
@trying
def test_what_is_due_is_planned_once(scene: Scene) -> None:
    with transaction.atomic(), transaction.atomic(using="keystone"):
        for number, facts in enumerate(scene.users):
            make_user(f"user{number}", **facts)
            make_other(f"other{number}", facts)
        due, first = due_by_rule(scene), found(scene)
        plan.by_date(policy=scene.policy, book=rules.current(), now=scene.now)
        again = found(scene)
        for alias in ("default", "keystone"):
            transaction.set_rollback(True, using=alias)

    assert first == due
    assert again == []


def test_of_equally_old_passwords_the_one_that_expires_first_counts() -> None:
    created_at = NOW - 88 * DAY
    twins = [PasswordRow(created_at=created_at, expires_at=NOW + days * DAY) for days in (2, 12)]
    make_user("ann", passwords=twins, last_active_at=NOW.date())
    scene = Scene(now=NOW, policy=POLICY, users=[])

    assert [key.fact_at for _, key in found(scene)] == [NOW + 2 * DAY]


def test_old_notices_of_no_more_use_are_not_read() -> None:
    user = make_expiring()
    for days in (-8, -6, 2):
        at = NOW + days * DAY
        build_notice(user_id=user.id, fact_at=at, good_until=at + DAY, step=0).save()

    known = candidates.known_notices([user.id], NOW)
    assert sorted(key.fact_at for _, key in known) == [NOW - 6 * DAY, NOW + 2 * DAY]
