"""Events are described in sentences."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.events import sentences
from pciops.events.models import Activity, Attempts, Outcome
from pciops.events.sentences import AttemptGroup
from tests.events.factories import REASON, activity, attempts
from tests.factories import NOW

SOURCE = ", reported from 10.2.3.4 (keystoneauth1/5.18.0)"


def text_of(*rows: Attempts, within: str = "", unknown_names: bool = True) -> str:
    """Describe these equal rows."""
    group, *others = map(AttemptGroup.of, rows)
    for other in others:
        group.add(other)
    sentence = sentences.of_attempts(group, within=within, unknown_names=unknown_names)
    return sentences.as_text(sentence)


def change(action: str, **fields: Any) -> str:
    """Describe a change without a source."""
    row = activity(action, **{"address": "", "agent": "", **fields})
    return sentences.as_text(sentences.of_activity(row))


# --- Sign-ins -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reason", "count", "expected"),
    [
        (REASON.NONE, 1, "j.doe (corp) signed in"),
        (REASON.NONE, 1440, "j.doe (corp) signed in 1,440 times"),
        (REASON.WRONG_PASSWORD, 1, "1 failed sign-in as j.doe (corp), wrong password"),
        (REASON.WRONG_PASSWORD, 2, "2 failed sign-ins as j.doe (corp), wrong password"),
        (
            REASON.LOCKED,
            2,
            "2 failed sign-ins as j.doe (corp), rejected while the account was locked",
        ),
        (REASON.DISABLED, 1, "1 failed sign-in as j.doe (corp), the account is disabled"),
        (REASON.EXPIRED, 1, "1 failed sign-in as j.doe (corp), the password has expired"),
        (REASON.OTHER, 1, "1 failed sign-in as j.doe (corp), for another reason"),
    ],
)
def test_attempts_have_their_number_account_and_reason(
    reason: str, count: int, expected: str
) -> None:
    assert text_of(attempts(count, reason=reason)) == expected + SOURCE


@pytest.mark.parametrize("reason", [REASON.WRONG_PASSWORD, REASON.NONE])
def test_the_account_is_not_named_on_its_own_page(reason: str) -> None:
    assert "j.doe" not in text_of(attempts(2, reason=reason), within="d0e")


@pytest.mark.parametrize(
    ("minutes", "period"),
    [
        ([0], "keystoneauth1/5.18.0)"),
        ([11, 5, 0], ", 14:02 to 14:13 UTC"),
        ([0, -24 * 60], ", 21 Nov 2026, 14:02 to 22 Nov 2026, 14:02 UTC"),
    ],
)
def test_attempts_have_their_period(minutes: list[int], period: str) -> None:
    rows = [attempts(at=NOW + timedelta(minutes=minute)) for minute in minutes]

    assert text_of(*rows).endswith(period)


@pytest.mark.parametrize(
    ("hashes", "expected"),
    [
        (["2Nw", "2Nw"], "wrong password (the same each time)"),
        (["2Nw", "xYz"], "wrong password (2 different passwords)"),
        (["", ""], "wrong password,"),
        (["2Nw", ""], "wrong password,"),
    ],
)
def test_attempts_say_whether_the_password_was_always_the_same(
    hashes: list[str], expected: str
) -> None:
    assert expected in text_of(*(attempts(partial_hash=value) for value in hashes))


def test_unknown_usernames_are_listed_only_for_readers_with_access() -> None:
    rows = [attempts(reason=REASON.UNKNOWN_NAME, user_id="", name=name) for name in "gfedcba"]

    assert ": “a”, “b”, “c”, “d”, “e” and 2 more" in text_of(*rows)
    assert "“" not in text_of(*rows, unknown_names=False)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("nova-compute keystoneauth1/5.8.0 python-requests/2.32", "nova-compute"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "a browser"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 300, "x" * 60),
        ("", ""),
    ],
)
def test_an_agent_is_named_by_its_first_program(agent: str, expected: str) -> None:
    assert sentences.program(agent) == expected


@pytest.mark.parametrize(
    ("address", "agent", "expected"),
    [
        ("", "", "Signed in"),
        ("::1", "", "Signed in, reported from ::1"),
        ("", "curl/8", "Signed in, with curl/8"),
    ],
)
def test_a_source_may_be_unknown_in_part(address: str, agent: str, expected: str) -> None:
    row = attempts(reason=REASON.NONE, address=address, agent=agent)

    assert text_of(row, within="d0e") == expected


def test_groups_add_up_in_any_order() -> None:
    early, late = attempts(2, at=NOW - timedelta(minutes=1)), attempts(3)
    for first, second in ((late, early), (early, late)):
        group = AttemptGroup.of(first)
        group.add(AttemptGroup.of(second))

        assert (group.count, group.first_at, group.last_at) == (5, early.first_at, late.last_at)


# --- Changes ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("created", "admin (Default) created j.doe (corp)"),
        ("updated", "admin (Default) changed j.doe (corp) (Keystone does not report what)"),
        ("enabled", "admin (Default) enabled j.doe (corp)"),
        ("disabled", "admin (Default) disabled j.doe (corp)"),
        ("deleted", "admin (Default) deleted j.doe (corp)"),
        ("password", "admin (Default) changed the password of j.doe (corp)"),
        ("role_granted", "admin (Default) granted a role to j.doe (corp)"),
        ("role_revoked", "admin (Default) revoked a role from j.doe (corp)"),
        (
            "credential_created",
            "admin (Default) created an application credential for j.doe (corp)",
        ),
        (
            "credential_deleted",
            "admin (Default) deleted an application credential of j.doe (corp)",
        ),
    ],
)
def test_a_change_has_its_doer_action_and_account(action: str, expected: str) -> None:
    assert change(action) == expected


@pytest.mark.parametrize("action", Activity.Action.values)
def test_an_account_that_changes_itself_is_named_once(action: str) -> None:
    text = change(action, doer_id="d0e", doer_name="j.doe", doer_domain_name="corp")

    assert text.startswith("j.doe (corp) ")
    assert text.count("j.doe") == 1


@pytest.mark.parametrize(
    ("action", "fields", "expected"),
    [
        (
            "disabled",
            {"address": "10.2.3.4", "agent": "openstacksdk/4.0 keystoneauth1/5.18.0"},
            "admin (Default) disabled j.doe (corp), reported from 10.2.3.4 (openstacksdk/4.0)",
        ),
        ("deleted", {"name": "", "domain_name": ""}, "admin (Default) deleted d0e"),
        (
            "created",
            {"doer_id": "", "doer_name": ""},
            "Keystone or its command line created j.doe (corp)",
        ),
        ("password", {"doer_id": ""}, "j.doe (corp) changed their own password"),
        (
            "deleted",
            {"outcome": Outcome.FAILURE},
            "admin (Default) deleted j.doe (corp) (it failed)",
        ),
    ],
)
def test_a_change_may_have_a_source_and_lack_names(
    action: str, fields: dict[str, Any], expected: str
) -> None:
    assert change(action, **fields) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("requirements", ": it does not meet the requirements"),
        ("history", ": it was used before"),
        ("minimum_age", ": the current one is too new"),
        ("self_service", ": the owner may not change it"),
        ("other", ""),
    ],
)
def test_a_refused_password_has_its_reason(reason: str, expected: str) -> None:
    fields = {"outcome": Outcome.FAILURE, "reason": reason}
    refused = "was refused a new password"

    assert change("password", doer_id="", **fields) == f"j.doe (corp) {refused}{expected}"
    assert change("password", **fields) == (f"admin (Default) {refused} for j.doe (corp){expected}")


# --- Parts --------------------------------------------------------------------------------------
def test_untrusted_text_is_always_a_part_of_its_own() -> None:
    group = AttemptGroup.of(attempts(reason=REASON.UNKNOWN_NAME, name="evil"))
    parts = [
        *sentences.of_activity(activity()),
        *sentences.of_activity(activity(doer_id="")),
        *sentences.of_attempts(group, unknown_names=True),
    ]
    trusted = "".join(part.text for part in parts if part.kind != "untrusted")

    for text in ("admin", "Default", "j.doe", "corp", "10.2.3.4", "openstacksdk", "evil"):
        assert text not in trusted


@pytest.mark.parametrize("user_id", ["a/b", "..", "", "%2e", "a b"])
def test_an_id_that_does_not_fit_into_a_url_is_not_linked(user_id: str) -> None:
    parts = sentences.of_activity(activity(user_id=user_id))

    assert [part.account_id for part in parts if part.account_id] == ["adm1n"]
