"""Pages are read from a replica that is behind; nothing is decided on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.http import HttpResponse
from django.test import Client, RequestFactory

from pciops.accounts.account import Account
from pciops.actions import recovery
from pciops.audit.models import Event
from pciops.events.tampering import detection
from pciops.keystone import database
from pciops.keystone.middleware import PrimaryMiddleware
from pciops.keystone.models import LocalUser, User
from tests.actions.acts import read
from tests.audit.helpers import open_event
from tests.factories import NOW, POLICY, make_locked_user
from tests.signin.visit import shown
from tests.web.unlocking import form, send

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def user() -> User:
    return make_locked_user("ann", at=NOW)


@pytest.fixture
def behind(user: User) -> Iterator[Callable[[], None]]:
    """A function that lets pages come from a replica that does not know yet of the lock."""
    primary = connections["keystone"]
    replica = DatabaseWrapper({**primary.settings_dict, "NAME": ":memory:"}, "keystone")
    models = list(apps.get_app_config("keystone").get_models())
    with replica.schema_editor() as editor:
        for model in models:
            editor.create_model(model)

    def begin() -> None:
        connections["keystone"] = replica
        for model in models:
            rows = model._default_manager.using("keystone_primary")
            model._default_manager.using("keystone").bulk_create(rows.all())
        unlocked = {"failed_auth_count": 0, "failed_auth_at": None}
        LocalUser.objects.using("keystone").update(**unlocked)

    yield begin
    connections["keystone"] = primary
    replica.close()


def is_locked() -> bool:
    """Return whether the primary has failures."""
    return LocalUser.objects.using("keystone_primary").filter(failed_auth_count__gt=0).exists()


def test_a_page_comes_from_the_replica(
    site: Client, user: User, behind: Callable[[], None]
) -> None:
    behind()

    assert "Can sign in" in shown(site.get(f"/accounts/{user.id}/"))


def test_an_unlock_is_decided_on_the_primary(
    site: Client, user: User, behind: Callable[[], None]
) -> None:
    fields = form(site, user)
    behind()
    response = send(site, user, fields)

    assert response.status_code == 302
    assert not is_locked()


def test_the_command_finds_accounts_on_the_primary(user: User, behind: Callable[[], None]) -> None:
    behind()
    call_command("unlock", "ann", "--reason", "called")

    assert not is_locked()


def test_a_pending_unlock_is_settled_by_the_primary(user: User, behind: Callable[[], None]) -> None:
    account: Account = read(user.id)
    open_event(account=account, precondition=account.failures)
    behind()
    [event] = recovery.settle_pending(policy=POLICY, now=NOW + timedelta(minutes=2))

    assert event.outcome == Event.Outcome.FAILURE
    assert "Keystone's row is unchanged" in event.remark


def test_changes_outside_pciops_are_looked_for_on_the_primary(
    user: User, behind: Callable[[], None]
) -> None:
    detection.find_unlocks(policy=POLICY, now=NOW)
    behind()

    assert detection.find_unlocks(policy=POLICY, now=NOW + timedelta(minutes=1)) == 0


@pytest.mark.parametrize(
    ("method", "expected"),
    [("GET", False), ("HEAD", False), ("OPTIONS", False), ("POST", True), ("DELETE", True)],
)
def test_requests_that_may_act_read_from_the_primary(method: str, expected: bool) -> None:  # noqa: FBT001 (a parameter of the table)
    seen = []

    def view(_: object) -> HttpResponse:
        seen.append(database.reads_primary())
        return HttpResponse()

    PrimaryMiddleware(view)(RequestFactory().generic(method, "/"))

    assert seen == [expected]
    assert not database.reads_primary()
