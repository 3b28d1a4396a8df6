"""Tests of the states that block every password, regardless of the policy."""

from __future__ import annotations

import pytest

from pciops.accounts import states
from pciops.accounts.policy.policy import Policy
from pciops.accounts.selectors import get
from pciops.accounts.states import classify
from pciops.accounts.verdict import judge
from pciops.keystone.models import LocalUser, User
from tests.factories import NOW, make_account, make_ldap_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
OFF = Policy()

# Keystone answers 500 or 400 to every sign-in of such a user.
BROKEN = ["", "{", "null", "[]", '["email"]', '"email"', "7", "{'email': 1}"]


@pytest.mark.parametrize("extra", [*BROKEN, None])
def test_extra_that_is_not_an_object_is_unreadable(extra: str | None) -> None:
    user = make_user(extra=extra or "")
    if extra is None:
        User.objects.using("keystone").filter(id=user.id).update(extra=None)
    account = get(user.id, scope=None)

    assert account is not None
    assert classify(account, OFF, NOW) == [states.UNREADABLE]
    assert states.UNREADABLE.filter(LocalUser.objects.all(), OFF, NOW).count() == 1


@pytest.mark.parametrize("extra", ["{}", ' {"email": 7}', '{"enabled": false}'])
def test_any_object_is_readable(extra: str) -> None:
    account = get(make_user(extra=extra).id, scope=None)

    assert account is not None
    assert classify(account, OFF, NOW) == []
    assert not states.UNREADABLE.filter(LocalUser.objects.all(), OFF, NOW).exists()


def test_sentence_has_the_reasons() -> None:
    account = make_account(readable=False, password_created_at=None)

    sentence = judge(account, OFF, NOW).sentence

    assert sentence.startswith("Can't sign in")
    assert "it has no password" in sentence
    assert "cannot read the user's row" in sentence


def test_account_without_a_row_of_a_password_has_no_password() -> None:
    make_user("with")
    account = get(make_user("without", passwords=[]).id, scope=None)
    rows = states.NO_PASSWORD.filter(LocalUser.objects.all(), OFF, NOW)

    assert account is not None
    assert classify(account, OFF, NOW) == [states.NO_PASSWORD]
    assert [row.name for row in rows] == ["without"]


def test_ldap_user_is_in_neither_state() -> None:
    user = make_ldap_user()
    User.objects.using("keystone").filter(id=user.id).update(extra="{")
    account = get(user.id, scope=None)

    assert account is not None
    assert classify(account, OFF, NOW) == [states.NOT_COVERED]
