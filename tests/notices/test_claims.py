"""Claims: who sends what, in which order it is written down, and what a crash leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from pciops.lib.post import Answer, Folder, Verdict
from pciops.notices import claims, rules, send
from pciops.notices.journal import Entry, Journal
from pciops.notices.models import Notice
from tests.factories import NOW, POLICY
from tests.notices.letterbox import Letterbox
from tests.notices.sending import journals, make_due, notice, send_all

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
Status = Notice.Status
MINUTE = timedelta(minutes=1)


def test_what_one_has_claimed_another_does_not_get(letterbox: Letterbox) -> None:
    make_due("ann", "bob", "cleo")
    one, two = claims.Claim.take(NOW, 2), claims.Claim.take(NOW, 2)
    assert one is not None
    assert two is not None

    assert sorted(n.name for n in [*one.notices, *two.notices]) == ["ann", "bob", "cleo"]
    assert claims.Claim.take(NOW, 2) is None


def test_what_the_dead_have_claimed_is_sent_when_their_lease_is_over(
    letterbox: Letterbox,
) -> None:
    make_due("ann")
    claims.Claim.take(NOW, 10)
    send_all(NOW + claims.LEASE - MINUTE / 60)

    assert letterbox.reached == []

    send_all(NOW + claims.LEASE)

    assert letterbox.reached == ["ann@example.test"]


def test_who_lost_a_claim_changes_nothing_any_more(letterbox: Letterbox) -> None:
    make_due("ann")
    claim = claims.Claim.take(NOW, 10)
    assert claim is not None
    send_all(NOW + claims.LEASE)
    late = [
        Entry(claim.notices[0].pk, Answer(verdict, "late"), NOW + claims.LEASE)
        for verdict in (Verdict.REFUSED, Verdict.SENT, Verdict.LATER)
    ]

    assert claims.settle(claim.owner, late).total() == 0
    claim.release(claim.notices)

    assert notice().status == Status.SENT


def test_a_batch_ends_well_before_its_lease_and_gives_back_the_rest(
    sender: None, tmp_path: Path
) -> None:
    make_due("ann", "bob", "cleo")

    def slow() -> datetime:
        late = len(list(tmp_path.glob("*.eml"))) >= 2
        return NOW + claims.LEASE - send.MARGIN if late else NOW

    claim = claims.Claim.take(NOW, 10)
    assert claim is not None
    with Folder(str(tmp_path)) as post:
        send._send(claim, post, send.Sent(), policy=POLICY, book=rules.current(), clock=slow)

    assert sorted(Notice.objects.values_list("status", flat=True)) == ["planned", "sent", "sent"]


def test_a_crash_between_the_servers_answer_and_ours_repeats_the_same_message_id(
    letterbox: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due("ann")

    def dies(*_: object) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "add", dies)
        patched.setattr(send.Answers, "_tell", lambda _: None)
        patched.setattr(claims.Claim, "release", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            send_all()
    send_all(NOW + claims.LEASE)

    assert len({mail["Message-ID"] for mail in letterbox.mails}) == 1
    assert len(letterbox.mails) == 2


class Watched(Folder):
    """A folder that looks, whenever a mail comes, how many before it have no answer yet."""

    def __init__(self, path: Path, kept: Callable[[], int]) -> None:
        super().__init__(str(path))
        self.taken = 0
        self.unwritten: list[int] = []
        self._known = kept

    def _kept(self, message: bytes) -> Answer:
        """Look, and take it."""
        self.unwritten.append(self.taken - self._known())
        self.taken += 1
        return super()._kept(message)


def _in_journals() -> int:
    return sum(path.read_bytes().count(b"\n") for path in journals())


def _in_the_database() -> int:
    return Notice.objects.filter(status=Status.SENT).count()


@pytest.mark.parametrize("folder", [True, False], ids=["journal", "database"])
def test_no_mail_is_handed_in_before_the_answers_to_all_others_are_written_down(
    sender: None, settings: Settings, tmp_path: Path, folder: bool
) -> None:
    make_due("ann", "bob", "cleo")
    if not folder:
        settings.VAR = tmp_path / "file"
        settings.VAR.touch()
    claim = claims.Claim.take(NOW, 10)
    assert claim is not None
    with Watched(tmp_path / "mails", _in_journals if folder else _in_the_database) as post:
        send._send(claim, post, send.Sent(), policy=POLICY, book=rules.current(), clock=lambda: NOW)

    assert post.unwritten == [0, 0, 0]


def test_no_more_go_out_in_a_minute_than_the_rate_allows(
    letterbox: Letterbox, settings: Settings
) -> None:
    settings.NOTICE_RATE = 2
    make_due("ann", "bob", "cleo", "dan", "eve")
    now, waits = NOW, []

    def pause(seconds: float) -> None:
        nonlocal now
        waits.append(len(letterbox.envelopes))
        now += timedelta(seconds=20 * seconds)

    send.send_due(policy=POLICY, book=rules.current(), clock=lambda: now, pause=pause)

    assert waits == [2, 2, 2, 4, 4, 4]
    assert len(letterbox.envelopes) == 5


def test_two_who_claim_at_the_same_moment_do_not_exceed_the_rate(
    letterbox: Letterbox, settings: Settings
) -> None:
    settings.NOTICE_RATE = 2
    make_due("ann", "bob", "cleo", "dan", "eve")
    now, calls, sent = NOW, 0, []

    def clock() -> datetime:
        nonlocal calls
        calls += 1
        if calls == 2:  # the share is known, and the claim comes next
            claims.Claim.take(NOW, 2)
        return now

    def pause(seconds: float) -> None:
        nonlocal now
        sent.append(len(letterbox.envelopes))
        now += MINUTE

    send.send_due(policy=POLICY, book=rules.current(), clock=clock, pause=pause)

    assert sent == [0, 2]
    assert len(letterbox.envelopes) == 3
