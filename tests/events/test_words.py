"""What was notified, in a sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.events import sentences
from pciops.events.models import Activity, Attempts, Outcome
from pciops.events.sentences import AttemptGroup
from tests.events.rows import REASON, activity, attempts
from tests.factories import NOW

SOURCE = ", reported from 10.2.3.4 (keystoneauth1/5.18.0)"


def said(*rows: Attempts, within: str = "", unknown_names: bool = True) -> str:
    """These rows, which are alike, in one sentence."""
    tries, *others = map(AttemptGroup.of, rows)
    for other in others:
        tries.add(other)
    return sentences.as_text(
        sentences.of_attempts(tries, within=within, unknown_names=unknown_names)
    )


def done(action: str, **facts: Any) -> str:
    """A change in a sentence, up to where it came from."""
    facts.setdefault("address", "")
    facts.setdefault("agent", "")
    return sentences.as_text(sentences.of_activity(activity(action, **facts)))


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
            "2 failed sign-ins as j.doe (corp), refused unread because the account was locked",
        ),
        (REASON.DISABLED, 1, "1 failed sign-in as j.doe (corp), the account is disabled"),
        (REASON.EXPIRED, 1, "1 failed sign-in as j.doe (corp), the password has expired"),
        (REASON.OTHER, 1, "1 failed sign-in as j.doe (corp), for another reason"),
    ],
)
def test_tries_say_how_many_whose_and_why(reason: str, count: int, expected: str) -> None:
    assert said(attempts(count, reason=reason)) == expected + SOURCE


def test_within_its_own_page_the_account_is_not_named_again() -> None:
    assert said(attempts(2), within="d0e") == f"2 failed sign-ins, wrong password{SOURCE}"
    assert said(attempts(reason=REASON.NONE), within="d0e") == f"Signed in{SOURCE}"


def test_tries_say_from_when_to_when() -> None:
    rows = [attempts(at=NOW + timedelta(minutes=minutes)) for minutes in (11, 5, 0)]

    assert said(*rows, within="d0e").endswith(", 14:02 to 14:13 UTC")


def test_tries_over_midnight_say_both_days() -> None:
    rows = [attempts(), attempts(at=NOW - timedelta(days=1))]

    assert said(*rows).endswith(", 21 Nov 2026, 14:02 to 22 Nov 2026, 14:02 UTC")


@pytest.mark.parametrize(
    ("hashes", "expected"),
    [
        (["2Nw", "2Nw"], "wrong password (always the same)"),
        (["2Nw", "xYz"], "wrong password (2 different ones)"),
        (["", ""], "wrong password,"),
        (["2Nw", ""], "wrong password,"),
    ],
)
def test_tries_say_whether_the_password_was_always_the_same(
    hashes: list[str], expected: str
) -> None:
    assert expected in said(*(attempts(partial_hash=one) for one in hashes))


def test_names_that_no_account_has_are_listed_for_whom_they_may_be_shown_to() -> None:
    rows = [attempts(reason=REASON.UNKNOWN_NAME, user_id="", name=name) for name in "gfedcba"]

    assert said(*rows) == (
        "7 failed sign-ins under names that no account has: “a”, “b”, “c”, “d”, “e” and 2 more"
        f"{SOURCE}"
    )
    assert said(*rows, unknown_names=False) == (
        f"7 failed sign-ins under names that no account has{SOURCE}"
    )


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
def test_a_source_is_said_as_far_as_it_is_known(address: str, agent: str, expected: str) -> None:
    assert said(attempts(reason=REASON.NONE, address=address, agent=agent), within="d0e") == (
        expected
    )


# --- Changes ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("created", "admin (Default) created j.doe (corp)"),
        ("updated", "admin (Default) changed j.doe (corp) (Keystone does not say what)"),
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
def test_a_change_says_who_did_what_to_whom(action: str, expected: str) -> None:
    assert done(action) == expected


@pytest.mark.parametrize("action", Activity.Action.values)
def test_what_one_does_to_oneself_says_so(action: str) -> None:
    sentence = done(action, doer_id="d0e", doer_name="j.doe", doer_domain_name="corp")

    assert sentence.startswith("j.doe (corp) ")
    assert sentence.count("j.doe") == 1


def test_where_it_came_from_ends_the_sentence() -> None:
    sentence = sentences.as_text(sentences.of_activity(activity()))

    assert sentence == (
        "admin (Default) disabled j.doe (corp), reported from 10.2.3.4 (openstacksdk/4.0)"
    )


def test_an_account_without_a_name_is_its_id() -> None:
    assert done("deleted", name="", domain_name="") == "admin (Default) deleted d0e"


def test_nobody_is_the_command_line() -> None:
    assert done("created", doer_id="", doer_name="") == (
        "Keystone itself or its command line created j.doe (corp)"
    )


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("requirements", ": it does not meet the requirements"),
        ("history", ": it was used before"),
        ("minimum_age", ": the one before it is too young"),
        ("self_service", ": the owner may not change it"),
        ("other", ""),
    ],
)
def test_a_refused_password_says_why(reason: str, expected: str) -> None:
    facts = {"outcome": Outcome.FAILURE, "reason": reason}

    assert done("password", doer_id="", **facts) == (
        f"j.doe (corp) was refused a new password{expected}"
    )
    assert done("password", **facts) == (
        f"admin (Default) was refused a new password for j.doe (corp){expected}"
    )


def test_who_has_no_token_changed_their_own_password() -> None:
    assert done("password", doer_id="") == "j.doe (corp) changed their own password"


def test_what_failed_says_so() -> None:
    assert done("deleted", outcome=Outcome.FAILURE) == (
        "admin (Default) deleted j.doe (corp) (it failed)"
    )


# --- Parts --------------------------------------------------------------------------------------
def test_every_text_of_strangers_is_a_part_of_its_own() -> None:
    ours = "".join(
        part.text
        for row in (activity(), activity(doer_id=""))
        for part in sentences.of_activity(row)
        if part.kind != "untrusted"
    )
    tries = AttemptGroup.of(attempts(reason=REASON.UNKNOWN_NAME, name="evil"))
    ours += "".join(
        part.text
        for part in sentences.of_attempts(tries, unknown_names=True)
        if part.kind != "untrusted"
    )

    for text in ("admin", "Default", "j.doe", "corp", "10.2.3.4", "openstacksdk", "evil"):
        assert text not in ours


@pytest.mark.parametrize("user_id", ["a/b", "..", "", "%2e", "a b"])
def test_an_id_that_fits_into_no_address_is_no_link(user_id: str) -> None:
    parts = sentences.of_activity(activity(user_id=user_id))

    assert [part.account_id for part in parts if part.account_id] == ["adm1n"]
