"""Tests of machines and people, in every form of the rule."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from pciops.accounts import filters, machines, selectors
from pciops.accounts.machines import MachineReason
from pciops.accounts.models import MachineRecord
from pciops.keystone.models import LocalUser, Password, User
from pciops.lib import env
from pciops.lib.env import SettingError
from tests.accounts.scenes import trying
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    grant,
    make_credential,
    make_domain,
    make_federated_user,
    make_ldap_user,
    make_user,
)

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture(autouse=True)
def site(settings: Settings) -> None:
    settings.MACHINE_DOMAINS = ["Heat", "d" * 32]
    settings.SERVICE_NAME_PATTERNS = ["svc-*", "*[.]bot", "node-[!a-z]?"]
    make_domain("heat-id", "heat")


def reason_of(user: User) -> MachineReason | None:
    """Return the reason of the account; both forms of the rule agree on it."""
    account = selectors.get(user.id, scope=None)
    assert account is not None
    for rows, columns in (
        (LocalUser.objects.all(), machines.LOCAL),
        (User.objects.all(), machines.USER),
        (Password.objects.all(), machines.OF_PASSWORD),
    ):
        own: Any = rows.filter(**{columns.user_id: user.id})
        found = [machines.only(own, columns, machines=flag).count() for flag in (True, False)]
        assert found == ([bool(own), 0] if account.machine else [0, bool(own)])
        assert machines.candidates(own, columns).count() >= found[0]
    return account.machine


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, None),
        ({"domain_id": "heat-id"}, MachineReason.DOMAIN),
        ({"domain_id": "d" * 32}, MachineReason.DOMAIN),
        ({"domain_id": "heating"}, None),
        ({"name": "svc-backup"}, MachineReason.NAME),
        ({"name": "SVC-Backup"}, MachineReason.NAME),
        ({"name": "my-svc-backup"}, None),
        ({"name": "ci.bot"}, MachineReason.NAME),
        ({"name": "ci-bot"}, None),
        ({"name": "node-12"}, MachineReason.NAME),
        ({"name": "node-a2"}, None),
        ({"name": "node-123"}, None),
    ],
)
def test_domain_and_name_make_a_machine(
    facts: dict[str, Any], expected: MachineReason | None
) -> None:
    if domain_id := facts.get("domain_id"):
        make_domain(domain_id, {"heat-id": "heat"}.get(domain_id, domain_id))

    assert reason_of(make_user(**facts)) is expected


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("{}", MachineReason.CREDENTIALS),
        ('{"email": "ann@example.com"}', None),
        ('{"email": ""}', MachineReason.CREDENTIALS),
        ('{"email": "  "}', MachineReason.CREDENTIALS),
        ('{"email": null}', MachineReason.CREDENTIALS),
        ('{"email": 7}', MachineReason.CREDENTIALS),
        ('{"email": ["ann@example.com"]}', MachineReason.CREDENTIALS),
        ("[]", MachineReason.CREDENTIALS),
        ("{", MachineReason.CREDENTIALS),
    ],
)
def test_application_credential_without_an_email_makes_a_machine(
    extra: str, expected: MachineReason | None
) -> None:
    user = make_user(extra=extra)
    assert reason_of(user) is None
    make_credential(user)

    assert reason_of(user) is expected


def test_an_administrator_is_not_taken_for_a_program_by_its_credentials() -> None:
    user = make_user()
    make_credential(user)
    grant(user, "admin")

    assert reason_of(user) is None
    MachineRecord.objects.create(user_id=user.id, is_machine=True)
    assert reason_of(user) is MachineReason.REGISTER


@pytest.mark.parametrize("name", ["svc-x", "ann"])
def test_what_is_recorded_by_hand_counts_more_than_names(name: str) -> None:
    user = make_user(name)
    MachineRecord.objects.create(user_id=user.id, is_machine=name == "ann")

    assert reason_of(user) is (MachineReason.REGISTER if name == "ann" else None)


def test_records_count_in_lists_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "FEW_RECORDS", 0)
    machine, person = make_user("ann"), make_user("svc-backup")
    for user in (machine, person):
        MachineRecord.objects.create(user_id=user.id, is_machine=user is machine)

    assert [reason_of(machine), reason_of(person)] == [MachineReason.REGISTER, None]


def test_a_service_account_is_a_machine_whatever_is_recorded() -> None:
    user = make_user()
    grant(user, "service")
    MachineRecord.objects.create(user_id=user.id, is_machine=False)

    assert reason_of(user) is MachineReason.ROLE


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: make_ldap_user("svc-ldap"), MachineReason.NAME),
        (lambda: make_ldap_user("lena"), None),
        (lambda: make_federated_user(None, "svc-sso", "ann"), MachineReason.NAME),
        (lambda: make_federated_user("", "ann", "svc-sso"), None),
        (lambda: make_federated_user(domain_id="heat-id"), MachineReason.DOMAIN),
        (lambda: make_federated_user(id="svc-1"), MachineReason.NAME),
    ],
    ids=["ldap svc", "ldap", "first name", "second name", "domain", "id"],
)
def test_users_of_any_kind_may_be_machines(make: Any, expected: MachineReason | None) -> None:
    assert reason_of(make()) is expected


def test_without_settings_and_records_all_are_people(settings: Settings) -> None:
    settings.MACHINE_DOMAINS = settings.SERVICE_NAME_PATTERNS = []

    assert reason_of(make_user("svc-x", domain_id="heat-id")) is None


NAMES = st.text(st.sampled_from("svc-SVC.bot node19 ü\u212a^$*?[]\\"), min_size=1, max_size=10)


def check_drawn(data: st.DataObject) -> None:
    """Compare both forms on accounts that are rolled back."""
    with transaction.atomic(using="keystone"), transaction.atomic():
        make_domain("heat-id", "heat")
        for name in data.draw(
            st.sets(
                st.from_regex(r"(svc-|node-)?.{0,4}(\.bot)?", fullmatch=True) | NAMES,
                min_size=1,
                max_size=1,
            )
        ):
            if (
                not name.isprintable() or max(name, default="") > "\uffff"
            ):  # MariaDB's utf8 has no more
                continue
            email = data.draw(st.sampled_from([{}, {"email": "a@b.c"}, {"email": " "}]))
            user = make_user(
                name,
                domain_id=data.draw(st.sampled_from(["default", "heat-id"])),
                extra=json.dumps(email),
            )
            if data.draw(st.booleans()):
                make_credential(user)
            if role := data.draw(st.sampled_from(["", "", "admin", "service", "member"])):
                grant(user, role)
            if (recorded := data.draw(st.sampled_from([None, True, False]))) is not None:
                MachineRecord.objects.create(user_id=user.id, is_machine=recorded)
            reason_of(user)
        transaction.set_rollback(True, using="keystone")
        transaction.set_rollback(True)


@given(data=st.data())
@trying
def test_both_forms_agree_on_any_accounts(data: st.DataObject) -> None:
    check_drawn(data)


def test_the_number_of_queries_does_not_grow(django_assert_max_num_queries: Any) -> None:
    users = [make_user(f"user{number}") for number in range(20)]
    for user in users:
        make_credential(user)
    named = [machines.Named(user.id, "x", "default") for user in users]
    with django_assert_max_num_queries(3, using="keystone"):
        reasons = machines.reasons_of(named, {})

    assert set(reasons.values()) == {MachineReason.CREDENTIALS}


# --- Lists ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("state", ["", "disabled", "expiring", "inactive_soon", "exempt"])
@pytest.mark.parametrize("machine", ["yes", "no"])
def test_lists_tell_machines_from_people(state: str, machine: str) -> None:
    every: dict[str, dict[str, Any]] = {
        "": {},
        "disabled": {"enabled": False},
        "expiring": {"passwords": [PasswordRow(expires_at=NOW + timedelta(days=3))]},
        "inactive_soon": {"last_active_at": NOW.date() - timedelta(days=88)},
        "exempt": {"options": {"1002": True}},
    }
    for name in ("ann", "bob", "svc-a", "svc-b"):
        make_user(name, **every[state])
    query = filters.query({"state": state, "machine": machine}, domains=[])
    names: list[str] = []
    marker = ""
    while True:
        page = selectors.page(query, scope=None, policy=POLICY, now=NOW, marker=marker, limit=1)
        names += [account.name for account in page.accounts]
        marker = page.next
        if not marker:
            break

    assert sorted(names) == (["svc-a", "svc-b"] if machine == "yes" else ["ann", "bob"])


def test_filter_takes_only_yes_and_no() -> None:
    with pytest.raises(filters.FilterError, match="machine"):
        filters.query({"machine": "perhaps"}, domains=[])


@pytest.mark.parametrize("glob", ["*", "?*", "svc-[", "[a/b]x", "a\\b", "[z-a]", "a\nb"])
def test_patterns_that_are_none_stop_the_start(monkeypatch: pytest.MonkeyPatch, glob: str) -> None:
    monkeypatch.setenv("PCIOPS_SERVICE_NAME_PATTERNS", f"svc-*,{glob}")

    with pytest.raises(SettingError, match="PCIOPS_SERVICE_NAME_PATTERNS"):
        env.globs("PCIOPS_SERVICE_NAME_PATTERNS")
