"""The journal: answers that our database has not heard of outlive the process that got them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.lib.post import Answer, Verdict, office
from pciops.notices import claims, journal, rules, send
from pciops.notices.journal import Entry, Journal
from pciops.notices.models import Notice
from tests.factories import NOW, POLICY
from tests.notices.letterbox import Letterbox
from tests.notices.sending import journals, make_due, notice, send_all

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
Status = Notice.Status
SENT = Answer(Verdict.SENT, "250 queued as 4711")
OVER = NOW + claims.LEASE

# Writes answers into the journal of a claim, says so, and waits for what comes.
_WRITER = """
import sys, uuid
from datetime import datetime
from django.conf import settings
var, owner, at, *ids = sys.argv[1:]
settings.configure(VAR=var)
from pciops.lib.post import Answer, Verdict
from pciops.notices.journal import Entry, Journal
journal = Journal(owner)
for one in ids:
    answer = Answer(Verdict.SENT, "250 queued as 4711")
    assert journal.add(Entry(uuid.UUID(one), answer, datetime.fromisoformat(at)))
print("written", flush=True)
sys.stdin.read()
"""


def claimed(*names: str) -> claims.Claim:
    """A claim of the notices of these."""
    make_due(*names)
    claim = claims.Claim.take(NOW, len(names))
    assert claim is not None
    return claim


@contextmanager
def writer(claim: claims.Claim) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has sent all of a claim, and has written that into the journal."""
    ids = [one.pk.hex for one in claim.notices]
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(journals_folder()), claim.owner, NOW.isoformat(), *ids],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"written\n"
        yield process
        process.kill()


def journals_folder() -> Path:
    """PCIOPS_VAR, as the test has it."""
    return journal._folder().parent


def killed(claim: claims.Claim) -> None:
    """A worker has sent all of a claim, and was killed before our database heard of it."""
    with writer(claim) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_what_a_killed_worker_has_sent_is_not_sent_again(letterbox: Letterbox) -> None:
    killed(claimed("ann", "bob"))
    send_all(OVER)

    assert letterbox.reached == []
    assert {one.status for one in Notice.objects.all()} == {Status.SENT}
    assert (notice().answer, notice().settled_at, notice().attempts) == (SENT.words, NOW, 1)
    assert journals() == []


def test_what_a_killed_worker_has_not_sent_is_sent_when_its_lease_is_over(
    letterbox: Letterbox,
) -> None:
    claim = claimed("ann", "bob")
    claim.notices.sort(key=lambda one: one.name)
    del claim.notices[1:]
    killed(claim)
    send_all(OVER)

    assert letterbox.reached == ["bob@example.test"]


def test_the_journal_of_a_living_worker_is_its_own(letterbox: Letterbox) -> None:
    claim = claimed("ann")
    with writer(claim):
        send_all(NOW)
        [before] = journals()

        assert notice().status == Status.CLAIMED

    send_all(NOW)

    assert before.stem == claim.owner
    assert notice().status == Status.SENT
    assert letterbox.reached == []


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_line_that_does_not_end_is_ignored(letterbox: Letterbox, cut: int) -> None:
    killed(claimed("ann", "bob"))
    [path] = journals()
    os.truncate(path, path.stat().st_size - cut)
    send_all(OVER)

    assert len(letterbox.reached) == 1
    assert {one.status for one in Notice.objects.all()} == {Status.SENT}


@pytest.mark.parametrize("line", [b"\0\0\n", b"[]\n", b"{}\n", b"[1, 2, 3, 4]\n", b"\xff\n"])
def test_a_line_that_makes_no_sense_does_not_hide_the_others(
    letterbox: Letterbox, line: bytes
) -> None:
    killed(claimed("ann"))
    [path] = journals()
    path.write_bytes(line + path.read_bytes() + line)
    send_all(OVER)

    assert letterbox.reached == []
    assert notice().status == Status.SENT


def test_the_journal_of_a_claim_that_others_have_taken_over_changes_nothing(
    letterbox: Letterbox,
) -> None:
    claim = claimed("ann")
    letterbox.answers["ann@example.test"] = "550 no such user"
    send_all(OVER)
    killed(claim)
    send_all(OVER)

    assert notice().status == Status.REFUSED


def test_the_same_journal_twice_is_as_good_as_once(letterbox: Letterbox) -> None:
    killed(claimed("ann"))
    [path] = journals()
    content = path.read_bytes()
    send_all()
    path.write_bytes(content)
    send_all()

    assert notice().attempts == 1


def test_a_journal_is_kept_until_our_database_knows(
    letterbox: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due("ann")

    def down(*_: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(claims, "settle", down)
        patched.setattr(connection, "close", lambda: None)  # it has the tests' tables
        with pytest.raises(OperationalError):
            send_all()
    assert len(journals()) == 1

    send_all(OVER)

    assert letterbox.reached == ["ann@example.test"]
    assert notice().status == Status.SENT
    assert journals() == []


def test_what_was_put_off_or_refused_comes_from_the_journal_too() -> None:
    claim = claimed("ann", "bob")
    ann, bob = sorted(claim.notices, key=lambda one: one.name)
    book = Journal(claim.owner)
    book.add(Entry(ann.pk, Answer(Verdict.LATER, "450 not now"), NOW))
    book.add(Entry(bob.pk, Answer(Verdict.REFUSED, "550 no such user"), NOW))
    book.close(told=False)
    send.tell_of_the_dead()

    assert notice("bob").status == Status.REFUSED
    assert (notice().status, notice().next_attempt_at) == (
        Status.PLANNED,
        NOW + timedelta(minutes=1),
    )
    assert [moment.words for moment in notice().history] == ["", "450 not now"]


def test_a_folder_that_cannot_be_written_to_costs_a_line_of_the_log_and_no_mail(
    letterbox: Letterbox, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.VAR = tmp_path / "file"
    settings.VAR.touch()
    make_due("ann", "bob")
    send_all()

    assert letterbox.reached == ["ann@example.test", "bob@example.test"]
    assert {one.status for one in Notice.objects.all()} == {Status.SENT}
    assert len([one for one in caplog.records if "told of each mail" in one.message]) == 1


def test_a_full_disk_is_a_line_of_the_log_and_no_mail_is_lost(
    letterbox: Letterbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_due("ann", "bob")
    with monkeypatch.context() as patched:
        patched.setattr(journal, "_opened", lambda _: os.open("/dev/full", os.O_WRONLY))
        send_all()

    assert letterbox.reached == ["ann@example.test", "bob@example.test"]
    assert {one.status for one in Notice.objects.all()} == {Status.SENT}
    assert len([one for one in caplog.records if "No space left" in one.message]) == 1


def test_our_database_hears_of_many_answers_at_once(letterbox: Letterbox) -> None:
    make_due("ann", "bob", "cleo", "dan", "eve")
    told = []
    settle = claims.settle

    def counted(owner: str, entries: list[Entry]) -> object:
        told.append(len(entries))
        return settle(owner, entries)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(claims, "settle", counted)
        send_all()

    assert told == [5]


def test_behind_a_slow_server_it_hears_of_them_soon(tmp_path: Path, letterbox: Letterbox) -> None:
    claim = claimed("ann", "bob", "cleo")
    at = NOW
    seen = []

    with send.Answers(claim.owner, send.Sent(), lambda: at) as answers:
        for one in claim.notices:
            answers.keep(one, SENT)
            seen.append(Notice.objects.filter(status=Status.SENT).count())
            at += send.LAG / 2

    assert seen == [0, 0, 3]


def test_journals_are_readable_by_their_owner_alone() -> None:
    claim = claimed("ann")
    book = Journal(claim.owner)
    [path] = journals()
    book.close(told=True)

    assert (path.parent.stat().st_mode & 0o777, journals()) == (0o700, [])


def test_our_database_gets_one_statement_for_all_that_were_taken(
    letterbox: Letterbox, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    claim = claimed("ann", "bob", "cleo", "dan", "eve")
    # A claim within the test's transaction, a savepoint around it.
    with office(letterbox.server) as post, django_assert_num_queries(3):
        send._send(claim, post, send.Sent(), policy=POLICY, book=rules.current(), clock=lambda: NOW)
