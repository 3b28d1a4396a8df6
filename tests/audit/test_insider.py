"""Tests of an insider who may write all of the database, but has no evidence key.

Each way is one that was tried or could be; each is named by a verification.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from pciops.audit import anchors, chain, evidence, services, syslog, witnesses
from pciops.audit.models import Anchor, ChainCheck, ChainHead, Event, PruneStub
from tests.audit.helpers import chained, forge, open_event, record
from tests.factories import NOW

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
TABLES = ("audit_event", "audit_chainhead", "audit_check", "audit_anchor")
Rows = dict[str, list[tuple[Any, ...]]]


def saved() -> Rows:
    """Return a backup of the tables."""
    rows: Rows = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608 (a constant)
            rows[table] = cursor.fetchall()
    return rows


def restore(backup: Rows) -> None:
    """Put the rows of a backup in the place of those of now."""
    for table in reversed(TABLES):
        forge(f"DELETE FROM {table}")  # noqa: S608 (a constant)
    for table, rows in backup.items():
        for row in rows:
            places = ", ".join(["%s"] * len(row))
            forge(f"INSERT INTO {table} VALUES ({places})", *row)  # noqa: S608 (a constant)


def append_forged() -> None:
    """Insert a well-formed row, and move the head: every hash fits."""
    head = ChainHead.objects.get()
    event = Event(event_time=NOW, settled_at=NOW, observer="host", action="unlock", via="page")
    event.outcome, event.initiator_name = Event.Outcome.SUCCESS, "somebody else"
    chain.append(event, head)
    event.save()
    head.save()


def cut_with_a_stub() -> None:
    """Insert a stub, delete the last five rows, delete the stub, and set the head back."""
    PruneStub.objects.create(
        first_position=1, last_position=99, last_hash="", count=99, pruned_at=NOW, signature="x"
    )
    last = Event.rows.get(position=3)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE position > 3")
    forge("DELETE FROM audit_stub")
    forge("UPDATE audit_chainhead SET position = 3, hash = %s", last.hash)


def rebuild(*, strip: bool) -> None:
    """Change a row, and compute all hashes from there on anew."""
    head = ChainHead(pk=1)
    for event in Event.rows.exclude(position=None).order_by("position"):
        event.remark = "forged" if event.position == 2 else event.remark
        position = event.position
        chain.append(event, head)
        seal = "" if strip else event.seal
        forge(
            "UPDATE audit_event SET remark = %s, previous_hash = %s, hash = %s, seal = %s "
            "WHERE position = %s",
            *(event.remark, event.previous_hash, event.hash, seal, position),
        )
    forge("UPDATE audit_chainhead SET hash = %s", head.hash)


def rebuild_without_anchors_and_checks() -> None:
    """Do that, and delete whatever in the database contradicts it."""
    rebuild(strip=True)
    forge("DELETE FROM audit_anchor")
    forge("DELETE FROM audit_check")


def delete_the_newest_hour() -> None:
    """Delete the rows since the anchor before the last, and the last anchor."""
    before, last = Anchor.objects.order_by("pk")
    forge("DELETE FROM audit_event WHERE position > %s", before.position)
    forge("DELETE FROM audit_anchor WHERE id = %s", last.pk)
    forge("DELETE FROM audit_check")
    forge("UPDATE audit_chainhead SET position = %s, hash = %s", before.position, before.hash)


def change(sql: str) -> Callable[[], None]:
    """Return one forgery."""
    return lambda: forge(sql)


def restore_a_backup() -> None:
    """Restore what a backup had, with its anchors and checks, and go on from there."""
    backup = saved()
    record(remark="to be forgotten")
    anchors.make(chain.run_check(NOW + 3 * HOUR), NOW + 3 * HOUR)
    restore(backup)


@pytest.fixture
def log() -> None:
    """Eight rows with a pending act, a check, and two anchors an hour apart."""
    chained(3)
    anchors.make(chain.run_check(NOW), NOW)
    services.settle(open_event(), Event.Outcome.SUCCESS)
    open_event(reason="pending")
    chained(2)
    anchors.make(chain.run_check(NOW + HOUR), NOW + HOUR)


WAYS: list[tuple[str, Callable[[], None], str]] = [
    ("insert a row and move the head", append_forged, "row 9 .*not written by pciops"),
    ("stub trick", cut_with_a_stub, "row 4 is missing: .*see the anchor of row 8"),
    ("rebuilt chain", lambda: rebuild(strip=False), "row 3: .*not that of the anchor of row 3"),
    ("rebuilt chain without seals", lambda: rebuild(strip=True), "row 3: .*anchor of row 3"),
    (
        "rebuilt chain without anchors and checks",
        rebuild_without_anchors_and_checks,
        r"row 3: .*anchor of row 3.*evidence_key\.notes",
    ),
    ("restored backup", restore_a_backup, "row 9 is missing: .*anchor of row 9"),
    (
        "removed middle anchor",
        change("DELETE FROM audit_anchor WHERE position = 3"),
        "anchor of row 8.*the anchor before it is missing",
    ),
    (
        "removed last anchor",
        change("DELETE FROM audit_anchor WHERE position = 8"),
        "anchor of row 8.*missing in the database",
    ),
    ("deleted newest hour", delete_the_newest_hour, "row 4 is missing: .*anchor of row 8"),
    (
        "changed row",
        change("UPDATE audit_event SET remark = 'x' WHERE position = 2"),
        "row 2 .*content was changed",
    ),
    (
        "deleted row",
        change("DELETE FROM audit_event WHERE position = 2"),
        "row 3 .*row 2 before it is missing",
    ),
    (
        "changed pending row",
        change("UPDATE audit_event SET reason = 'x' WHERE position IS NULL"),
        "row 6: the action .* was changed",
    ),
    (
        "deleted pending row",
        change("DELETE FROM audit_event WHERE position IS NULL"),
        "row 6: the action .* is missing",
    ),
    (
        "changed check",
        change("UPDATE audit_check SET hash = 'x' WHERE position = 3"),
        "check of .*signature is wrong",
    ),
    (
        "check without its seal",
        change("UPDATE audit_check SET seal = '' WHERE position = 8"),
        "check of .*signature cannot be read|check of .*its key",
    ),
    (
        "changed anchor",
        change("UPDATE audit_anchor SET hash = 'x' WHERE position = 3"),
        "anchor of row 3.*columns",
    ),
    (
        "anchor with another note",
        change("UPDATE audit_anchor SET note = replace(note, '8', '7') WHERE position = 8"),
        "signature is wrong|not a signed note|not among",
    ),
]


@pytest.mark.usefixtures("log")
def test_nothing_is_wrong_before() -> None:
    assert chain.verify().problem == ""
    assert Anchor.objects.count() == 2


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(("way", "expected"), [way[1:] for way in WAYS], ids=[w[0] for w in WAYS])
def test_verification_names_what_an_insider_did(way: Callable[[], None], expected: str) -> None:
    way()

    with pytest.raises(CommandError, match=expected):
        call_command("verify_audit")


@pytest.mark.usefixtures("log")
def test_pending_act_that_was_forged_is_named_after_it_was_settled() -> None:
    pending = Event.objects.get(position=None)
    forge("UPDATE audit_event SET initiator_name = 'x' WHERE position IS NULL")
    services.settle(pending, Event.Outcome.SUCCESS)

    assert "not the action that began at row 6" in chain.verify().problem


@pytest.mark.usefixtures("log")
def test_pending_act_that_was_inserted_is_named_after_it_was_settled() -> None:
    event = Event(event_time=NOW, observer="host", action="unlock", via="page")
    event.save()
    services.settle(event, Event.Outcome.SUCCESS)

    assert "its action never began" in chain.verify().problem


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_chainhead SET position = 3",
        "UPDATE audit_chainhead SET position = position + 1",
        "DELETE FROM audit_chainhead",
        "DELETE FROM audit_check",
        "UPDATE audit_check SET problem = 'x'",
        "DELETE FROM audit_anchor",
        "UPDATE audit_anchor SET hash = 'x'",
        "UPDATE audit_event SET reason = 'x' WHERE position IS NULL",
        "UPDATE audit_event SET reason = 'x', position = 99 WHERE position IS NULL",
        "DELETE FROM audit_event WHERE position IS NULL",
    ],
)
def test_database_refuses_it_while_its_triggers_are_there(sql: str) -> None:
    with (
        pytest.raises(DatabaseError, match="never changed|append-only|only moves"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)


# --- The copy in syslog --------------------------------------------------------------------------
def copy(path: Path) -> Path:
    """Write what syslog received to a file, as a syslog server does."""
    lines = [syslog.message(event) for event in Event.rows.exclude(position=None)]
    lines += [syslog.anchor_message(anchor) for anchor in Anchor.objects.all()]
    path.write_bytes(b"".join(b"Nov 22 14:02:11 host " + line + b"\n" for line in lines))
    return path


@pytest.mark.usefixtures("log")
def test_chain_fits_the_copy_of_syslog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_audit", against=copy(tmp_path / "syslog"))

    assert "8 rows, head " in capsys.readouterr().out


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (lambda: rebuild(strip=True), "row 2: its hash is not that in syslog"),
        (cut_with_a_stub, "row 4 is missing: .* anchor of row 8"),
        (delete_the_newest_hour, "row 4 is missing"),
    ],
    ids=["rebuilt", "cut", "newest hour"],
)
def test_copy_of_syslog_is_enough_without_the_local_copies(
    way: Callable[[], None], expected: str, tmp_path: Path
) -> None:
    path = copy(tmp_path / "syslog")
    witnesses.notes_file().unlink()
    way()
    forge("DELETE FROM audit_anchor")
    forge("DELETE FROM audit_check")

    with pytest.raises(CommandError, match=expected):
        call_command("verify_audit", against=path)


@pytest.mark.parametrize("text", ["", "Nov 22 14:02:11 host sshd: {}\n", '{"hash": "x"}\n'])
def test_file_that_is_not_a_copy_is_wrong_usage(text: str, tmp_path: Path) -> None:
    path = tmp_path / "syslog"
    path.write_text(text)

    with pytest.raises(CommandError, match="--against") as failed:
        call_command("verify_audit", against=path)
    assert failed.value.returncode == 2


# --- Anchors -------------------------------------------------------------------------------------
@pytest.mark.usefixtures("log")
def test_note_can_be_verified_without_pciops() -> None:
    """The lines that docs/audit.md gives."""
    note, public = Anchor.objects.order_by("-pk")[0].note, str(evidence.keys().signer)
    name, key_id, key = public.split("+", 2)
    text, signature = note.rsplit("\n\n— ", 1)
    signer, signed = signature.split()
    raw = base64.b64decode(signed)
    assert (signer, raw[:4].hex()) == (name, key_id)
    Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[1:]).verify(
        raw[4:], f"{text}\n".encode()
    )
    origin, position, hash_, *_ = text.splitlines()

    assert (origin, int(position)) == ("pciops audit log", 8)
    assert hash_ == ChainHead.objects.get().hash


@pytest.mark.usefixtures("log")
def test_anchor_is_not_made_of_a_chain_that_does_not_fit() -> None:
    append_forged()

    assert anchors.make_current(NOW + 2 * HOUR) is None
    assert Anchor.objects.count() == 2
    assert "not written by pciops" in ChainCheck.objects.latest("pk").problem


def test_empty_log_has_no_anchor() -> None:
    assert anchors.make_current(NOW) is None


@pytest.mark.usefixtures("log")
def test_old_keys_still_verify_after_a_rotation(capsys: pytest.CaptureFixture[str]) -> None:
    before = evidence.keys().signer
    call_command("evidence_key", rotate=True)
    after = evidence.keys().signer
    anchors.make_current(NOW + 2 * HOUR)

    assert before != after
    assert capsys.readouterr().out.split()[-2:] == [str(before), str(after)]
    assert chain.verify().problem == ""
    assert Event.objects.get(action="update/key").remark.endswith(after.id.hex())


@pytest.mark.usefixtures("log")
def test_key_of_the_insider_is_not_accepted(
    tmp_path: Path, settings: pytest.FixtureRequest
) -> None:
    honest = evidence.key_file()
    settings.EVIDENCE_KEY_FILE = str(tmp_path / "own")  # type: ignore[attr-defined]
    record()
    settings.EVIDENCE_KEY_FILE = str(honest)  # type: ignore[attr-defined]

    assert "is not among the evidence keys" in chain.verify().problem


def test_key_is_readable_by_its_owner_only() -> None:
    evidence.keys()

    assert evidence.key_file().stat().st_mode & 0o077 == 0


def test_intent_is_in_the_chain_before_the_act() -> None:
    event = open_event()
    [intent] = Event.rows.exclude(position=None)

    assert (intent.action, intent.resource, intent.target_id) == (
        *("begin/act", "unlock", event.target_id),
    )
    values = chain.content(Event.objects.get())
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert intent.remark == f"{event.pk}, SHA-256 {hashlib.sha256(text.encode()).hexdigest()}"
